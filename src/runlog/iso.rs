//! Timestamps as ISO 8601 text in UTC with the offset `Z`, for `#[serde(with = "iso")]`.

use chrono::DateTime;
use serde::{Deserialize, Deserializer, Serializer};

use crate::domain::Timestamp;

/// Parses RFC 3339 with any offset.
///
/// # Errors
/// The text, and what is allowed.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    DateTime::parse_from_rfc3339(text).map(|at| Timestamp::from_datetime(at.to_utc())).map_err(|_| {
        format!("{text:?} is not a time; allowed: ISO 8601 with offset, as in 2025-12-07T12:00:00Z")
    })
}

/// Writes the text.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339())
}

/// Reads the text.
///
/// # Errors
/// See [`parse`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// The same for a time that may be missing (`null`).
pub mod option {
    use super::{Deserialize, Deserializer, Serializer, Timestamp, parse};

    /// Writes the text or null.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.serialize_str(&at.to_rfc3339()),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the text or null.
    ///
    /// # Errors
    /// See [`parse`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| parse(&text).map_err(serde::de::Error::custom))
            .transpose()
    }
}
