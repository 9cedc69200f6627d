//! True range and average true range.

use super::wilder::Wilder;

/// `TR = max(high − low, |high − previous close|, |low − previous close|)`; high − low for the first
/// bar (W. Wilder, New Concepts in Technical Trading Systems, 1978).
#[derive(Debug, Clone, Default)]
pub struct TrueRange {
    previous_close: Option<f64>,
}

impl TrueRange {
    /// Takes the next bar.
    pub fn push(&mut self, high: f64, low: f64, close: f64) -> f64 {
        let range = high - low;
        match self.previous_close.replace(close) {
            Some(previous) => range.max((high - previous).abs()).max((low - previous).abs()),
            None => range,
        }
    }
}

/// Average true range: the true range under Wilder's smoothing; in units of the price, defined from
/// the n-th bar on.
#[derive(Debug, Clone)]
pub struct Atr {
    range: TrueRange,
    average: Wilder,
}

impl Atr {
    /// Over `window` bars.
    #[must_use]
    pub fn new(window: usize) -> Self {
        Self { range: TrueRange::default(), average: Wilder::new(window) }
    }

    /// Takes the next bar.
    pub fn push(&mut self, high: f64, low: f64, close: f64) -> Option<f64> {
        self.average.push(self.range.push(high, low, close))
    }
}
