//! Mean and sample standard deviation of a window.

use super::rolling::{Aggregate, Rolling};

/// Count, mean and sum of squared deviations from the mean of some values.
///
/// Merged by the pairwise formula of T. Chan, G. Golub and R. LeVeque, "Updating formulae and a
/// pairwise algorithm for computing sample variances" (Stanford, 1979):
/// `δ = mean₂ − mean₁`, `mean = mean₁ + δ·n₂/n`, `M₂ = M₂₁ + M₂₂ + δ²·n₁·n₂/n`. No squares of values
/// are ever subtracted, so a small deviation on a large price keeps its digits, and values that are
/// all equal have a deviation of exactly nought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// The arithmetic mean.
    #[must_use]
    pub fn mean(self) -> f64 {
        self.mean
    }

    /// The sample standard deviation, `√(Σ(x − mean)² / (n − 1))`; nought for a single value.
    #[must_use]
    pub fn sample_std(self) -> f64 {
        if self.count < 2.0 { 0.0 } else { (self.squares / (self.count - 1.0)).sqrt() }
    }
}

impl Aggregate for Moments {
    fn of(value: f64) -> Self {
        Self { count: 1.0, mean: value, squares: 0.0 }
    }

    fn merge(self, later: Self) -> Self {
        let count = self.count + later.count;
        let delta = later.mean - self.mean;
        let shift = delta * (later.count / count);
        Self {
            count,
            mean: self.mean + shift,
            squares: self.squares + later.squares + delta * shift * self.count,
        }
    }
}

/// Mean and sample standard deviation of the last n values, defined from the n-th value on (pandas
/// `rolling(n).std()`, which has `ddof=1`).
#[derive(Debug, Clone)]
pub struct RollingStd {
    moments: Rolling<Moments>,
}

impl RollingStd {
    /// Over `window` values; at least two make a deviation.
    #[must_use]
    pub fn new(window: usize) -> Self {
        Self { moments: Rolling::new(window) }
    }

    /// Takes the next value.
    pub fn push(&mut self, value: f64) -> Option<Moments> {
        self.moments.push(value)
    }
}
