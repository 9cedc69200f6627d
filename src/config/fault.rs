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

/// Words in a key's name that say that its value is a secret.
const SECRET_WORDS: [&str; 7] =
    ["api_key", "api_secret", "password", "passphrase", "token", "approval_code", "secret"];

/// True when a key of this name would hold a secret itself, not the name of an environment
/// variable.
pub(super) fn holds_secret(key: &str) -> bool {
    let name = key.rsplit('.').next().unwrap_or(key).to_lowercase();
    !name.ends_with("_env")
        && !name.ends_with("_env_var")
        && SECRET_WORDS.iter().any(|word| name.contains(word))
}
