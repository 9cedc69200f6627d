//! A folder of its own for every test, and the real binary in it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A scratch folder in which `peak` runs with the compiled-in configuration.
pub struct Bench {
    pub dir: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peak"));
        command
            .args(args)
            .current_dir(self.path())
            .env_remove("PEAK_TRADE_CONFIG_PATH")
            .env_remove("RUST_LOG");
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that must succeed, and parses the JSON it prints.
    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&output.stdout)))
    }

    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The folders of all runs.
    pub fn runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.path().join("live_runs")) else { return Vec::new() };
        let mut runs: Vec<_> =
            entries.map(|e| e.unwrap().path()).filter(|p| p.join("journal.bin").exists()).collect();
        runs.sort();
        runs
    }

    pub fn meta(&self, run: &Path) -> Value {
        serde_json::from_slice(&std::fs::read(run.join("meta.json")).unwrap()).unwrap()
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits for a condition; panics with `what` when it does not come true in 30 s.
#[allow(clippy::disallowed_methods)]
pub fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "did not come true in 30 s: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The folder of recorded market data, or `None` (said on stderr) when this machine has none.
pub fn shared(file: &str) -> Option<PathBuf> {
    let base = std::env::var_os("PEAK_TRADE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = base.join("market_data").join(file);
    if !path.exists() {
        eprintln!("skipped: {} is not here (set PEAK_TRADE_SHARED)", path.display());
        return None;
    }
    Some(path.canonicalize().unwrap())
}

pub fn signal(child: &Child, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, signal).unwrap();
}
