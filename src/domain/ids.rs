//! Ids of runs and orders.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::time::Timestamp;

/// An order's number within its run: 1, 2, 3, … in the order of decision, so that it is the same
/// in every run of the same inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub u64);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "o{:06}", self.0)
    }
}

/// What a session trades against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunMode {
    /// Paper venue; no order connection exists.
    Shadow,
    /// An exchange, validated only, or the mock exchange.
    Testnet,
}

impl RunMode {
    /// `shadow` or `testnet`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Testnet => "testnet",
        }
    }
}

impl fmt::Display for RunMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text is no run id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a run id; allowed: MODE_YYYYMMDD_HHMMSS_xxxxxx, as in shadow_20251207_120000_abc123")]
pub struct ParseIdError(pub String);

/// A run's id: mode, UTC start time, six hex digits. Also the name of its folder, so nothing
/// else is accepted (no path can hide in it).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

impl RunId {
    /// `shadow_20251207_120000_abc123`; only the low 24 bits of `tag` count.
    #[must_use]
    pub fn new(mode: RunMode, started_at: Timestamp, tag: u32) -> Self {
        let stamp = started_at.to_datetime().format("%Y%m%d_%H%M%S");
        Self(format!("{mode}_{stamp}_{:06x}", tag & 0x00ff_ffff))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The six hex digits at the end.
    #[must_use]
    pub fn tag(&self) -> &str {
        self.0.rsplit('_').next().unwrap_or("")
    }
}

impl FromStr for RunId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |part: &str, n: usize| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
        let parts: Vec<&str> = text.split('_').collect();
        let valid = match parts.as_slice() {
            [mode, date, time, tag] => {
                (*mode == "shadow" || *mode == "testnet")
                    && digits(date, 8)
                    && digits(time, 6)
                    && tag.len() == 6
                    && tag.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            }
            _ => false,
        };
        if valid { Ok(Self(text.to_owned())) } else { Err(ParseIdError(text.to_owned())) }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_reads_back() {
        let id = RunId::new(RunMode::Shadow, Timestamp::from_secs(1_765_108_800), 0xabc123);
        assert_eq!(id.as_str(), "shadow_20251207_120000_abc123");
        assert_eq!(id.as_str().parse::<RunId>().unwrap(), id);
        assert_eq!(id.tag(), "abc123");
    }

    #[test]
    fn no_path_hides_in_a_run_id() {
        for text in [
            "../etc",
            "shadow_20251207_120000_abc12/",
            "shadow_20251207_120000_ABC123",
            "live_20251207_120000_abc123",
            "",
        ] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
