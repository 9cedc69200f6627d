//! Wilder's smoothing.

use super::ema::Ema;

/// Wilder's smoothed average: the EMA with `α = 1/n`, started at the first value, defined from the
/// n-th value on (pandas `ewm(alpha=1/n, min_periods=n, adjust=False).mean()`).
///
/// Wilder himself (New Concepts in Technical Trading Systems, 1978) starts at the simple mean of the
/// first n values; the two meet after some 10·n values.
#[derive(Debug, Clone)]
pub struct Wilder {
    average: Ema,
    seen: usize,
    window: usize,
}

impl Wilder {
    /// With `α = 1 / window`; at least one.
    #[must_use]
    pub fn new(window: usize) -> Self {
        let window = window.max(1);
        Self { average: Ema::with_alpha(1.0 / window as f64), seen: 0, window }
    }

    /// Takes the next value.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let smoothed = self.average.push(value);
        if self.seen < self.window {
            self.seen += 1;
        }
        (self.seen >= self.window).then_some(smoothed)
    }

    /// The last value, if it is defined.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        if self.seen >= self.window { self.average.value() } else { None }
    }
}
