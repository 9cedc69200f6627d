//! Simple moving average.

use super::rolling::{Aggregate, Rolling};

/// A sum.
#[derive(Debug, Clone, Copy)]
struct Sum(f64);

impl Aggregate for Sum {
    fn of(value: f64) -> Self {
        Self(value)
    }

    fn merge(self, later: Self) -> Self {
        Self(self.0 + later.0)
    }
}

/// The arithmetic mean of the last n values, `(x₁ + … + xₙ) / n`; defined from the n-th value on
/// (pandas `rolling(n).mean()`).
#[derive(Debug, Clone)]
pub struct Sma {
    sum: Rolling<Sum>,
    length: f64,
}

impl Sma {
    /// Over `window` values; at least one.
    #[must_use]
    pub fn new(window: usize) -> Self {
        let sum = Rolling::new(window);
        let length = sum.window() as f64;
        Self { sum, length }
    }

    /// Takes the next value.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        self.sum.push(value).map(|sum| sum.0 / self.length)
    }
}
