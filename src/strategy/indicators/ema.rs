//! Exponential moving average.

/// `yₜ = yₜ₋₁ + α·(xₜ − yₜ₋₁)` with `y₀ = x₀` and `α = 2 / (span + 1)` (pandas
/// `ewm(span=span, adjust=False).mean()`). Errors die out with the weights, so nothing drifts.
#[derive(Debug, Clone)]
pub struct Ema {
    alpha: f64,
    value: Option<f64>,
}

impl Ema {
    /// By its span in values: `α = 2 / (span + 1)`.
    #[must_use]
    pub fn new(span: usize) -> Self {
        Self::with_alpha(2.0 / (span as f64 + 1.0))
    }

    /// By its smoothing factor, in (0, 1].
    #[must_use]
    pub fn with_alpha(alpha: f64) -> Self {
        Self { alpha, value: None }
    }

    /// Takes the next value; defined from the first on.
    pub fn push(&mut self, value: f64) -> f64 {
        let smoothed = match self.value {
            Some(last) => last + self.alpha * (value - last),
            None => value,
        };
        // A decay towards nought ends in subnormal numbers, which are slow and lose digits.
        let smoothed = if smoothed.abs() < f64::MIN_POSITIVE { 0.0 } else { smoothed };
        self.value = Some(smoothed);
        smoothed
    }

    /// The last value; none before the first.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.value
    }
}
