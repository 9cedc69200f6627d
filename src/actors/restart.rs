//! Restart intensity: how often an actor may be restarted before that is itself a failure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// At most `max` restarts within `window`, each after a growing pause.
#[derive(Debug, Clone)]
pub struct RestartIntensity {
    max: u32,
    window: Duration,
    backoff: Duration,
    backoff_max: Duration,
    restarts: VecDeque<Instant>,
}

impl RestartIntensity {
    /// `backoff` doubles with each restart inside the window, up to `backoff_max`.
    #[must_use]
    pub fn new(max: u32, window: Duration, backoff: Duration, backoff_max: Duration) -> Self {
        Self { max, window, backoff, backoff_max, restarts: VecDeque::new() }
    }

    /// A death at `now`: the pause before the restart, or `None` when the intensity is exceeded.
    pub fn allow(&mut self, now: Instant) -> Option<Duration> {
        while self.restarts.front().is_some_and(|at| now.duration_since(*at) >= self.window) {
            self.restarts.pop_front();
        }
        let recent = u32::try_from(self.restarts.len()).unwrap_or(u32::MAX);
        if recent >= self.max {
            return None;
        }
        self.restarts.push_back(now);
        let factor = 1u32.checked_shl(recent).unwrap_or(u32::MAX);
        Some(self.backoff.saturating_mul(factor).min(self.backoff_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn the_nth_restart_is_allowed_and_the_next_is_not() {
        let millis = Duration::from_millis;
        let mut intensity = RestartIntensity::new(3, millis(1_000), millis(10), millis(25));
        let begin = SystemClock.monotonic();
        assert_eq!(intensity.allow(begin), Some(millis(10)));
        assert_eq!(intensity.allow(begin + millis(1)), Some(millis(20)));
        assert_eq!(intensity.allow(begin + millis(2)), Some(millis(25)));
        assert_eq!(intensity.allow(begin + millis(999)), None);
        // The first one has left the window: one more is allowed, and only one.
        assert_eq!(intensity.allow(begin + millis(1_000)), Some(millis(25)));
        assert_eq!(intensity.allow(begin + millis(1_000)), None);
    }

    #[test]
    fn none_means_none() {
        let mut intensity = RestartIntensity::new(0, Duration::from_secs(1), Duration::ZERO, Duration::ZERO);
        assert_eq!(intensity.allow(SystemClock.monotonic()), None);
    }
}
