//! A configuration whose values are all there and all allowed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;

use super::value::Value;
use crate::domain::{Money, Span};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The schema.
    Default,
    /// A file, at a line.
    File {
        /// As the user named it.
        path: String,
        /// 1, 2, 3, …
        line: usize,
    },
    /// `--set`, or a flag of its own (`--strategy`).
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Every value, checked, with its origin. Getters are total: asking for a key that the schema
/// lacks is a programming error, answered by the type's neutral value and a log line.
#[derive(Debug, Clone)]
pub struct Config {
    pub(super) values: BTreeMap<String, (Value, Origin)>,
    pub(super) base: PathBuf,
    pub(super) file: Option<PathBuf>,
}

impl Config {
    /// The value at a dotted key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).map(|(value, _)| value)
    }

    /// Where the value at a dotted key came from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.values.get(key).map(|(_, origin)| origin)
    }

    /// The file that was read, if any.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// A number.
    #[must_use]
    pub fn decimal(&self, key: &str) -> Decimal {
        match self.get(key) {
            Some(Value::Decimal(value)) => *value,
            Some(Value::Integer(value)) => Decimal::from(*value),
            _ => missing(key, Decimal::ZERO),
        }
    }

    /// An amount of money.
    #[must_use]
    pub fn money(&self, key: &str) -> Money {
        Money(self.decimal(key))
    }

    /// A whole number; negative ones (which no key here allows) count as nought.
    #[must_use]
    pub fn count(&self, key: &str) -> u64 {
        match self.get(key) {
            Some(Value::Integer(value)) => u64::try_from(*value).unwrap_or(0),
            _ => missing(key, 0),
        }
    }

    /// A whole number that fits 32 bits by its allowed range.
    #[must_use]
    pub fn small(&self, key: &str) -> u32 {
        u32::try_from(self.count(key)).unwrap_or(u32::MAX)
    }

    /// A text.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        match self.get(key) {
            Some(Value::Text(value)) => value,
            _ => missing(key, ""),
        }
    }

    /// True or false.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        match self.get(key) {
            Some(Value::Bool(value)) => *value,
            _ => missing(key, false),
        }
    }

    /// A number of milliseconds as a span.
    #[must_use]
    pub fn millis(&self, key: &str) -> Span {
        Span::from_millis(i64::try_from(self.count(key)).unwrap_or(i64::MAX))
    }

    /// The keys and values of a section, without the section's name.
    pub fn section<'a>(&'a self, section: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.values.iter().filter_map(move |(key, (value, _))| {
            let rest = key.strip_prefix(section)?.strip_prefix('.')?;
            Some((rest, value))
        })
    }

    /// Every value under these sections as TOML text, by dotted key.
    #[must_use]
    pub fn settings(&self, sections: &[&str]) -> BTreeMap<String, String> {
        let wanted = |key: &str| {
            sections.iter().any(|section| key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.')))
        };
        self.values
            .iter()
            .filter(|(key, _)| wanted(key))
            .map(|(key, (value, _))| (key.clone(), value.to_string()))
            .collect()
    }

    /// A folder or file of the configuration: relative ones stand beside the folder `config/`.
    #[must_use]
    pub fn path(&self, key: &str) -> PathBuf {
        self.base.join(self.text(key))
    }
}

fn missing<T>(key: &str, neutral: T) -> T {
    tracing::error!("configuration key {key} is not in the schema or of another type; please report this");
    debug_assert!(false, "configuration key {key} is not in the schema or of another type");
    neutral
}
