//! How commands end.

use std::fmt;

/// The process's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The command's own negative answer.
    Negative = 1,
    /// Used wrongly.
    Usage = 2,
    /// Could not do or find it.
    Failed = 3,
    /// Orders were left open or unknown.
    OrdersOpen = 4,
    /// The kill switch was tripped.
    Killed = 5,
}

/// An error that ends a command: what happened, why, and what to do next.
#[derive(Debug)]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    text: String,
}

impl CliError {
    /// Wrong usage.
    pub fn usage(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, text: text.to_string() }
    }

    /// Could not do or find it.
    pub fn failed(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Failed, text: text.to_string() }
    }

    /// The command's own negative answer.
    pub fn negative(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Negative, text: text.to_string() }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<std::io::Error> for CliError {
    fn from(e: std::io::Error) -> Self {
        Self::failed(e)
    }
}
