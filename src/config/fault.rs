//! What is wrong with a configuration, all of it.

use std::fmt;

use thiserror::Error;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// File and line (`config.toml:12`), or the flag.
    pub place: String,
    /// The dotted key; empty when the fault is not a key's.
    pub key: String,
    /// The value as written; empty when there is none.
    pub value: String,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match (self.key.is_empty(), self.value.is_empty()) {
            (true, _) => {}
            (false, true) => write!(f, "{}: ", self.key)?,
            (false, false) => write!(f, "{} = {}: ", self.key, self.value)?,
        }
        f.write_str(&self.problem)
    }
}

/// Every fault of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ConfigError {
    /// At least one.
    pub faults: Vec<Fault>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.faults.len();
        write!(f, "the configuration has {n} fault{}:", if n == 1 { "" } else { "s" })?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

/// Words in a key's name that say that its value is a secret; compared without `_` and `-`.
const SECRET_WORDS: [&str; 12] = [
    "apikey",
    "secret",
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "token",
    "approvalcode",
    "privatekey",
    "credential",
    "bearer",
];

/// True when a key of this name, or of a section of this name, would hold a secret itself, not
/// the name of an environment variable.
pub(super) fn holds_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    let name = key.rsplit('.').next().unwrap_or(&key);
    if name.ends_with("_env") || name.ends_with("_env_var") {
        return false;
    }
    key.split('.').any(|part| {
        let part = part.replace(['_', '-'], "");
        SECRET_WORDS.iter().any(|word| part.contains(word))
    })
}

/// Longest part of a value that a message repeats, in characters.
const LONGEST_SHOWN: usize = 80;

/// On one line and without anything that a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            escaped.into_iter().flatten().chain((!c.is_control()).then_some(c))
        })
        .collect()
}

/// [`printable`], and not longer than a line of a message bears.
pub(super) fn excerpt(text: &str) -> String {
    let mut shown = printable(&text.chars().take(LONGEST_SHOWN).collect::<String>());
    if text.chars().nth(LONGEST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
