//! Moving average convergence divergence.

use super::ema::Ema;
use crate::strategy::compare::price_scale;

/// The two lines of MACD.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacdValue {
    /// Fast EMA − slow EMA, in units of the price.
    pub macd: f64,
    /// EMA of the MACD line.
    pub signal: f64,
    /// The larger of the two averages: what the rounding error of both lines is relative to.
    pub scale: f64,
}

/// `MACD = EMA_fast − EMA_slow`, `signal = EMA_signal(MACD)` (G. Appel, The Moving Average
/// Convergence-Divergence Trading Method, 1985). Defined from value number `slow + signal − 1` on:
/// by then each average has seen its span.
#[derive(Debug, Clone)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    seen: usize,
    needed: usize,
}

impl Macd {
    /// By the spans of the three averages.
    #[must_use]
    pub fn new(fast: usize, slow: usize, signal: usize) -> Self {
        let needed = (slow + signal).saturating_sub(1);
        Self { fast: Ema::new(fast), slow: Ema::new(slow), signal: Ema::new(signal), seen: 0, needed }
    }

    /// The number of values after which it is defined.
    #[must_use]
    pub fn min_values(&self) -> usize {
        self.needed
    }

    /// Takes the next price.
    pub fn push(&mut self, price: f64) -> Option<MacdValue> {
        let fast = self.fast.push(price);
        let slow = self.slow.push(price);
        let macd = fast - slow;
        let signal = self.signal.push(macd);
        if self.seen < self.needed {
            self.seen += 1;
        }
        (self.seen >= self.needed).then(|| MacdValue { macd, signal, scale: price_scale(fast, slow) })
    }
}
