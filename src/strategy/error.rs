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

/// The candidate that is nearest to `text`, if at least half of the longer of the two agrees.
pub(super) fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    candidates
        .map(|candidate| (edit_distance(&text, candidate), candidate))
        .filter(|(distance, candidate)| 2 * distance <= text.chars().count().max(candidate.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance: insertions, deletions and substitutions between two texts.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            left = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshtein_s() {
        for (a, b, expected) in
            [("", "", 0), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("abc", "", 3), ("", "abc", 3)]
        {
            assert_eq!(edit_distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn only_something_near_is_suggested() {
        let names = ["fast_window", "slow_window", "price_col"];
        assert_eq!(nearest("fast_period", names.into_iter()), Some("fast_window"));
        assert_eq!(nearest("SLOW_WINDOW", names.into_iter()), Some("slow_window"));
        assert_eq!(nearest("leverage", names.into_iter()), None);
    }
}
