//! One configuration value.

use std::fmt;
use std::fmt::Write;

use rust_decimal::Decimal;
use toml::de::DeValue;

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
            Self::Decimal(_) => "a number with a point",
            Self::Text(_) => "a text",
        }
    }

    /// As people write it: whole amounts without a point.
    pub(super) fn short(&self) -> String {
        match self {
            Self::Decimal(number) => number.to_string(),
            other => other.to_string(),
        }
    }

    /// The value that stands in a TOML document, or what stands there instead.
    pub(super) fn from_toml(value: &DeValue<'_>) -> Result<Self, String> {
        match value {
            DeValue::Boolean(value) => Ok(Self::Bool(*value)),
            DeValue::String(text) => Ok(Self::Text(text.to_string())),
            DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(number) => Ok(Self::Integer(number)),
                // A decimal holds more than 64 bits.
                Err(_) if integer.radix() == 10 => exact_decimal(integer.as_str()).map(Self::Decimal),
                Err(_) => Err("this does not fit into 64 bits".to_owned()),
            },
            DeValue::Float(float) => exact_decimal(float.as_str()).map(Self::Decimal),
            DeValue::Datetime(at) => Ok(Self::Text(at.to_string())),
            DeValue::Array(_) => Err("this is a list".to_owned()),
            DeValue::Table(_) => Err("this is a table".to_owned()),
        }
    }
}

/// The number that a text says, to its last digit, or why there is none.
pub(super) fn exact_decimal(text: &str) -> Result<Decimal, String> {
    let text = text.trim();
    if matches!(text.trim_start_matches(['+', '-']), "inf" | "nan") {
        return Err("this is not a finite number".to_owned());
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    // Noughts at the end are no digits to keep.
    let mantissa = match mantissa.contains('.') {
        true if mantissa.ends_with('0') => mantissa.trim_end_matches('0').trim_end_matches('.'),
        _ => mantissa,
    };
    if !mantissa.contains(|c: char| c.is_ascii_digit()) {
        return Err("this is no number".to_owned());
    }
    let too_fine = "this has more digits than the 28 that are kept exactly";
    let mut number = Decimal::from_str_exact(mantissa)
        .map_err(|e| match e {
            rust_decimal::Error::Underflow => too_fine,
            _ if is_number(mantissa) => "this is too large a number",
            _ => "this is no number",
        })?
        .normalize();
    let whole = |c: char| c.is_ascii_digit() || c == '-' || c == '+';
    if exponent.is_empty() || !exponent.chars().all(whole) {
        return Err("this is no number".to_owned());
    }
    if number.is_zero() {
        return Ok(Decimal::ZERO);
    }
    // An exponent that does not even fit here is far outside, whatever its sign.
    let exponent: i64 =
        exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    let scale = i64::from(number.scale()).saturating_sub(exponent);
    if scale > i64::from(Decimal::MAX_SCALE) {
        return Err(too_fine.to_owned());
    }
    let kept = u32::try_from(scale).unwrap_or(0);
    number.set_scale(kept).map_err(|_| too_fine)?;
    for _ in scale..0 {
        number = number.checked_mul(Decimal::TEN).ok_or("this is too large a number")?;
    }
    Ok(number.normalize())
}

/// Digits, with at most one point and one sign before them.
fn is_number(mantissa: &str) -> bool {
    let digits = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    digits.chars().all(|c| c.is_ascii_digit() || c == '.') && digits.matches('.').count() <= 1
}

/// As TOML text on one line: reads back as the same value.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Decimal(value) if value.scale() == 0 => write!(f, "{value}.0"),
            Self::Decimal(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(&quoted(value)),
        }
    }
}

/// A text in TOML's quotes, always on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
