//! One configuration value.

use std::fmt;

use rust_decimal::Decimal;

/// A value as it is written in TOML. Numbers with a point stay decimal, exactly as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a point.
    Decimal(Decimal),
    /// A text.
    Text(String),
}

impl Value {
    /// What kind of value it is, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Decimal(_) => "a number",
            Self::Text(_) => "a text",
        }
    }
}

/// As TOML text: reads back as the same value.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Decimal(value) if value.scale() == 0 => write!(f, "{value}.0"),
            Self::Decimal(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(&toml::Value::String(value.clone()).to_string()),
        }
    }
}
