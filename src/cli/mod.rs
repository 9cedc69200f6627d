//! The command line: one binary, answers on stdout, diagnostics on stderr.
//!
//! Exit codes: 0 done, 1 the command's own negative answer, 2 usage, 3 could not do or find it,
//! 4 orders left open or unknown, 5 killed.

mod config;
mod exit;
mod journal;
mod output;
mod recover;
mod replay;
mod session;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use exit::{CliError, Exit};

/// An actor-model trading engine: shadow sessions with hard risk limits and a run log that
/// survives anything.
#[derive(Debug, Parser)]
#[command(name = "peak", version, max_term_width = 100, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
struct GlobalArgs {
    /// Configuration file [default: $PEAK_TRADE_CONFIG_PATH, then config/config.toml, then the
    /// compiled-in configuration]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one configuration value, as in --set live_risk.max_order_notional=500; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Prints the answer as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs trading sessions
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// Checks or shows the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Puts the folder of a crashed run in order
    Recover(recover::RecoverArgs),
    /// Decides a run again from its journal and compares every decision
    Replay(replay::ReplayArgs),
    /// Looks into a run's journal
    #[command(subcommand)]
    Journal(journal::JournalCommand),
}

/// Runs the command line; the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // clap knows whether this is help (stdout, 0) or a mistake (stderr, 2).
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    let global = &cli.global;
    let outcome = match cli.command {
        Command::Session(command) => session::run(global, command),
        Command::Config(command) => config::run(global, &command),
        Command::Recover(args) => recover::run(global, &args),
        Command::Replay(args) => replay::run(global, &args),
        Command::Journal(command) => journal::run(global, &command),
    };
    match outcome {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => {
            output::complain(&error.to_string());
            ExitCode::from(error.exit as u8)
        }
    }
}
