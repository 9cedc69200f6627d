//! What can be wrong with a strategy's key or parameters, said so that it can be mended.

use std::fmt;

use thiserror::Error;

/// Why a strategy could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StrategyError {
    /// No strategy has this key.
    #[error("strategy key not found: {key:?}{}; known keys: {known}", did_you_mean(.suggestion))]
    UnknownKey {
        /// The key as given.
        key: String,
        /// The nearest known key, if one is near.
        suggestion: Option<String>,
        /// All known keys, separated by commas.
        known: String,
    },
    /// Parameters are wrong; all faults at once.
    #[error("strategy {strategy}: {}", list(.faults))]
    Parameters {
        /// The strategy's key.
        strategy: &'static str,
        /// Each fault; never empty.
        faults: Vec<ParameterFault>,
    },
}

/// What kind of fault a parameter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The strategy has no parameter of this name.
    Unknown,
    /// The value is of another type.
    Type,
    /// The value lies outside its range.
    Range,
    /// The values of several parameters do not go together.
    Rule,
}

/// One fault: which parameter, what it was, what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct ParameterFault {
    /// The parameter's name; for a rule, the names of all that it joins.
    pub parameter: String,
    /// The value as given; for a rule, all values as `name = value`.
    pub value: String,
    /// What is allowed instead.
    pub allowed: String,
    /// What kind of fault it is.
    pub kind: FaultKind,
}

impl fmt::Display for ParameterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FaultKind::Unknown => {
                write!(f, "{} = {}: no such parameter; {}", self.parameter, self.value, self.allowed)
            }
            FaultKind::Type | FaultKind::Range => {
                write!(f, "{} = {}: allowed: {}", self.parameter, self.value, self.allowed)
            }
            FaultKind::Rule => write!(f, "{}: allowed: {}", self.value, self.allowed),
        }
    }
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"))
}

fn list(faults: &[ParameterFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
