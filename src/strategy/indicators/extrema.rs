//! Highest and lowest value of a window: the Donchian channel.

use super::rolling::{Aggregate, Rolling};

#[derive(Debug, Clone, Copy)]
struct Highest(f64);

impl Aggregate for Highest {
    fn of(value: f64) -> Self {
        Self(value)
    }

    fn merge(self, later: Self) -> Self {
        Self(self.0.max(later.0))
    }
}

#[derive(Debug, Clone, Copy)]
struct Lowest(f64);

impl Aggregate for Lowest {
    fn of(value: f64) -> Self {
        Self(value)
    }

    fn merge(self, later: Self) -> Self {
        Self(self.0.min(later.0))
    }
}

/// The highest of the last n values, exactly; the upper Donchian band when fed with the values
/// before the current one (R. Donchian, 1960).
#[derive(Debug, Clone)]
pub struct RollingMax(Rolling<Highest>);

impl RollingMax {
    /// Over `window` values; at least one.
    #[must_use]
    pub fn new(window: usize) -> Self {
        Self(Rolling::new(window))
    }

    /// Takes the next value.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        self.0.push(value).map(|highest| highest.0)
    }
}

/// The lowest of the last n values, exactly; the lower Donchian band when fed with the values before
/// the current one.
#[derive(Debug, Clone)]
pub struct RollingMin(Rolling<Lowest>);

impl RollingMin {
    /// Over `window` values; at least one.
    #[must_use]
    pub fn new(window: usize) -> Self {
        Self(Rolling::new(window))
    }

    /// Takes the next value.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        self.0.push(value).map(|lowest| lowest.0)
    }
}
