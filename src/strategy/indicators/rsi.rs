//! Relative strength index.

use super::sma::Sma;
use super::wilder::Wilder;
use crate::strategy::compare::NEGLIGIBLE;

/// How gains and losses are averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Smoothing {
    /// Wilder's smoothing, the original.
    Wilder,
    /// Simple mean of the window (Cutler's RSI).
    Simple,
}

#[derive(Debug, Clone)]
enum Average {
    Wilder(Wilder),
    Simple(Sma),
}

impl Average {
    fn new(window: usize, smoothing: Smoothing) -> Self {
        match smoothing {
            Smoothing::Wilder => Self::Wilder(Wilder::new(window)),
            Smoothing::Simple => Self::Simple(Sma::new(window)),
        }
    }

    fn push(&mut self, value: f64) -> Option<f64> {
        match self {
            Self::Wilder(average) => average.push(value),
            Self::Simple(average) => average.push(value),
        }
    }
}

/// `RSI = 100 · G / (G + L)`, the same as `100 − 100 / (1 + G/L)`, with G and L the averages of the
/// gains and of the losses from one price to the next (W. Wilder, New Concepts in Technical Trading
/// Systems, 1978). The first change starts the averages; defined after `window` changes. 100 when
/// there are only gains.
///
/// Undefined when the price has not moved: `G + L` at most [`NEGLIGIBLE`] of the price.
#[derive(Debug, Clone)]
pub struct Rsi {
    gains: Average,
    losses: Average,
    last: Option<f64>,
}

impl Rsi {
    /// Over `window` changes.
    #[must_use]
    pub fn new(window: usize, smoothing: Smoothing) -> Self {
        Self { gains: Average::new(window, smoothing), losses: Average::new(window, smoothing), last: None }
    }

    /// Takes the next price.
    pub fn push(&mut self, price: f64) -> Option<f64> {
        let change = price - self.last.replace(price)?;
        let gain = self.gains.push(change.max(0.0));
        let loss = self.losses.push((-change).max(0.0));
        let (gain, loss) = (gain?, loss?);
        let moved = gain + loss;
        (moved > NEGLIGIBLE * price.abs()).then(|| 100.0 * gain / moved)
    }
}
