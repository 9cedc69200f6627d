//! Trading pairs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The longest symbol, in bytes, the slash included.
const MAX: usize = 23;

/// A trading pair in the unified form `BASE/QUOTE`, as in `BTC/EUR`. Small and `Copy`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol {
    bytes: [u8; MAX],
    len: u8,
}

/// A text is no trading pair.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not a symbol; allowed: BASE/QUOTE in capital letters, digits and dots, as in BTC/EUR (at most 23 characters)"
)]
pub struct ParseSymbolError(pub String);

impl Symbol {
    /// The whole symbol, as in `BTC/EUR`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("?/?")
    }

    /// The base currency: what is bought and sold.
    #[must_use]
    pub fn base(&self) -> &str {
        self.as_str().split_once('/').map_or("", |(base, _)| base)
    }

    /// The quote currency: what prices and money are in.
    #[must_use]
    pub fn quote(&self) -> &str {
        self.as_str().split_once('/').map_or("", |(_, quote)| quote)
    }
}

impl FromStr for Symbol {
    type Err = ParseSymbolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseSymbolError(text.to_owned());
        let part_ok = |part: &str| {
            part.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
                && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'.')
        };
        let (base, quote) = text.split_once('/').ok_or_else(fail)?;
        if text.len() > MAX || !part_ok(base) || !part_ok(quote) {
            return Err(fail());
        }
        let mut bytes = [0; MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes, len: u8::try_from(text.len()).map_err(|_| fail())? })
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_parsed_and_taken_apart() {
        let symbol: Symbol = "BTC/EUR".parse().unwrap();
        assert_eq!((symbol.base(), symbol.quote(), symbol.to_string().as_str()), ("BTC", "EUR", "BTC/EUR"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "BTC",
            "/EUR",
            "BTC/",
            "btc/eur",
            "BTC/EUR/USD",
            "B TC/EUR",
            "../EUR",
            "ÄÖ/EUR",
            "AAAAAAAAAAAAAAAAAAAAA/EUR",
        ] {
            assert!(text.parse::<Symbol>().is_err(), "{text}");
        }
    }
}
