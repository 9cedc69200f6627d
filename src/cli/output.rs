//! What goes to the terminal: answers on stdout, diagnostics on stderr, a bar that gives way.

use std::io::{self, Write};
use std::sync::OnceLock;

use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::fmt::MakeWriter;

use crate::domain::Timestamp;

static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// Prints an answer. A reader that has gone away (`| head`) is not an error.
///
/// # Errors
/// Any other trouble with stdout.
pub fn answer(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
    match written {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A progress bar on stderr (invisible when stderr is no terminal) of `length` steps.
#[must_use]
pub fn progress_bar(length: Option<u64>) -> ProgressBar {
    let bar = match length {
        Some(length) => {
            ProgressBar::new(length).with_style(style("{bar:32} {human_pos}/{human_len} {msg} {elapsed}"))
        }
        None => ProgressBar::new_spinner().with_style(style("{spinner} {human_pos} {msg} {elapsed}")),
    };
    let _ = BAR.set(bar.clone());
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Writes log lines to stderr without tearing the progress bar.
#[derive(Debug, Clone, Copy)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Nobody listens any more, or the disk under stderr is full: a session goes on without.
        let write = || drop(io::stderr().lock().write_all(line));
        match BAR.get() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

/// UTC, to the millisecond, for log lines.
struct UtcTime;

impl tracing_subscriber::fmt::time::FormatTime for UtcTime {
    fn format_time(&self, w: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        use crate::clock::{Clock, SystemClock};
        let now: Timestamp = SystemClock.now();
        write!(w, "{}", now.to_datetime().format("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

/// Log lines go to stderr from now on, at this level (`RUST_LOG` refines it).
pub fn init_logging(level: &str) {
    let filter = tracing_subscriber::EnvFilter::builder()
        .try_from_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(LogWriter)
        .with_timer(UtcTime)
        .with_target(false)
        .log_internal_errors(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&io::stderr()))
        .try_init();
}

/// Says on stderr what went wrong.
pub fn complain(text: &str) {
    let _ = writeln!(LogWriter, "error: {}", text.trim_end());
}
