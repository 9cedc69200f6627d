//! Bar lengths.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::time::{Span, Timestamp};

/// The length of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timeframe {
    /// One minute.
    #[serde(rename = "1m")]
    M1,
    /// Five minutes.
    #[serde(rename = "5m")]
    M5,
    /// Fifteen minutes.
    #[serde(rename = "15m")]
    M15,
    /// Thirty minutes.
    #[serde(rename = "30m")]
    M30,
    /// One hour.
    #[serde(rename = "1h")]
    H1,
    /// Four hours.
    #[serde(rename = "4h")]
    H4,
    /// One UTC day.
    #[serde(rename = "1d")]
    D1,
}

/// A text names no timeframe.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a timeframe; allowed: 1m, 5m, 15m, 30m, 1h, 4h, 1d")]
pub struct ParseTimeframeError(pub String);

impl Timeframe {
    /// All of them, shortest first.
    pub const ALL: [Self; 7] = [Self::M1, Self::M5, Self::M15, Self::M30, Self::H1, Self::H4, Self::D1];

    /// Its text, as in `15m`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::M1 => "1m",
            Self::M5 => "5m",
            Self::M15 => "15m",
            Self::M30 => "30m",
            Self::H1 => "1h",
            Self::H4 => "4h",
            Self::D1 => "1d",
        }
    }

    /// Its length.
    #[must_use]
    pub const fn span(self) -> Span {
        Span::from_secs(match self {
            Self::M1 => 60,
            Self::M5 => 300,
            Self::M15 => 900,
            Self::M30 => 1_800,
            Self::H1 => 3_600,
            Self::H4 => 14_400,
            Self::D1 => 86_400,
        })
    }

    /// The open of the bar that holds `at`; bars are aligned to the epoch in UTC.
    #[must_use]
    pub const fn bar_open(self, at: Timestamp) -> Timestamp {
        at.floor_to(self.span())
    }

    /// The timeframe of exactly this length.
    #[must_use]
    pub fn from_span(span: Span) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.span() == span)
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Timeframe {
    type Err = ParseTimeframeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|t| t.as_str() == text).ok_or_else(|| ParseTimeframeError(text.to_owned()))
    }
}
