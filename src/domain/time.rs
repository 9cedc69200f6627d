//! UTC time in nanoseconds.

use std::fmt;
use std::ops::{Add, Sub};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A moment in UTC: nanoseconds since 1970-01-01T00:00:00Z (years 1678 to 2262).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A length of time in nanoseconds; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a UTC day.
const DAY: i64 = 86_400 * SECOND;

impl Timestamp {
    /// From whole UNIX seconds; saturates at the ends of the range.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole UNIX seconds, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// Days since the epoch: equal for two moments of one UTC day.
    #[must_use]
    pub const fn utc_day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// The largest multiple of `span` (counted from the epoch) at or before this moment.
    #[must_use]
    pub const fn floor_to(self, span: Span) -> Self {
        Self(self.0.div_euclid(span.0).saturating_mul(span.0))
    }

    /// As a chrono date and time.
    #[must_use]
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }

    /// From a chrono date and time; saturates outside the years 1678 to 2262.
    #[must_use]
    pub fn from_datetime(at: DateTime<Utc>) -> Self {
        let end = if at.timestamp() < 0 { i64::MIN } else { i64::MAX };
        Self(at.timestamp_nanos_opt().unwrap_or(end))
    }

    /// RFC 3339 with the offset `Z` and as many fractional digits as it needs.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.to_datetime().to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// Whole seconds; saturates.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// Whole milliseconds; saturates.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Seconds, for people and statistics.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / SECOND as f64
    }

    /// This span `n` times; saturates.
    #[must_use]
    pub const fn times(self, n: i64) -> Self {
        Self(self.0.saturating_mul(n))
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utc_and_days_change_at_midnight() {
        let at = Timestamp::from_secs(1_727_740_800);
        assert_eq!(at.to_string(), "2024-10-01T00:00:00Z");
        assert_eq!(at.utc_day(), (at + Span(DAY - 1)).utc_day());
        assert_ne!(at.utc_day(), (at - Span(1)).utc_day());
        assert_eq!((at + Span(1)).floor_to(Span(DAY)), at);
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Timestamp(i64::MAX) + Span(1), Timestamp(i64::MAX));
        assert_eq!(Timestamp(i64::MIN) - Timestamp(i64::MAX), Span(i64::MIN));
    }
}
