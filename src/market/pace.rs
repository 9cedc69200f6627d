//! How fast recorded events are handed on. Computes due times only; who waits, waits elsewhere.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::domain::Timestamp;

/// The largest factor.
const MAX_FACTOR: f64 = 1e6;
/// The smallest factor.
const MIN_FACTOR: f64 = 1e-3;

/// `--speed`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// As fast as the session takes it.
    Max,
    /// So many seconds of session time in a second; 1 is real time.
    Factor(f64),
}

/// A text is no speed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("speed {0:?} is not allowed; allowed: max, realtime, or a factor from 0.001x to 1000000x, as in 60x")]
pub struct ParseSpeedError(pub String);

impl Speed {
    /// Recorded time passes as real time does.
    pub const REALTIME: Self = Self::Factor(1.0);
}

impl FromStr for Speed {
    type Err = ParseSpeedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "max" => return Ok(Self::Max),
            "realtime" => return Ok(Self::REALTIME),
            _ => {}
        }
        text.strip_suffix('x')
            .filter(|number| number.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
            .and_then(|number| number.parse::<f64>().ok())
            .filter(|factor| (MIN_FACTOR..=MAX_FACTOR).contains(factor))
            .map(Self::Factor)
            .ok_or_else(|| ParseSpeedError(text.to_owned()))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.pad("max"),
            Self::Factor(factor) if *factor == 1.0 => f.pad("realtime"),
            Self::Factor(factor) => write!(f, "{factor}x"),
        }
    }
}

/// Says when, after the start, an event is due.
#[derive(Debug, Clone, Copy)]
pub struct Pacer {
    speed: Speed,
    origin: Option<Timestamp>,
}

impl Pacer {
    /// A pacer whose first event is due at once.
    #[must_use]
    pub fn new(speed: Speed) -> Self {
        Self { speed, origin: None }
    }

    /// False at maximum speed: every event is due at once.
    #[must_use]
    pub fn is_paced(&self) -> bool {
        self.speed != Speed::Max
    }

    /// How long after the start an event of this session time is due; late and older events are
    /// due at once.
    pub fn due(&mut self, event_time: Timestamp) -> Duration {
        let origin = *self.origin.get_or_insert(event_time);
        match self.speed {
            Speed::Max => Duration::ZERO,
            Speed::Factor(factor) => {
                let seconds = (event_time - origin).as_secs_f64() / factor;
                Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    #[test]
    fn speeds_read_back() {
        for text in ["max", "realtime", "60x", "0.5x"] {
            assert_eq!(text.parse::<Speed>().unwrap().to_string(), text);
        }
        assert_eq!("1x".parse::<Speed>().unwrap(), Speed::REALTIME);
        for text in ["", "x", "0x", "-1x", "60", "1e3x", "NaNx", "infx", "2000000x", "fast"] {
            let error = text.parse::<Speed>().unwrap_err().to_string();
            assert!(error.contains("allowed: max, realtime"), "{text}");
        }
    }

    #[test]
    fn events_are_due_in_proportion() {
        let start = Timestamp::from_secs(1_000);
        let mut pacer = Pacer::new(Speed::Factor(60.0));
        assert_eq!(pacer.due(start), Duration::ZERO);
        assert_eq!(pacer.due(start + Span::from_secs(3_600)), Duration::from_secs(60));
        assert_eq!(pacer.due(start - Span::from_secs(5)), Duration::ZERO);
        let mut max = Pacer::new(Speed::Max);
        max.due(start);
        assert_eq!(max.due(start + Span::from_secs(3_600)), Duration::ZERO);
    }
}
