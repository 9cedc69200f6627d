//! Four measures of volatility.

use super::atr::Atr;
use super::extrema::{RollingMax, RollingMin};
use super::rolling_std::RollingStd;
use super::sma::Sma;
use crate::domain::{Bar, Timeframe};
use crate::strategy::compare::NEGLIGIBLE;

/// Seconds in a year of 365 days: markets for coins are open on each of them.
const YEAR_SECONDS: f64 = 365.0 * 86_400.0;

/// How volatility is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VolMethod {
    /// Average true range ([`Atr`]), in units of the price.
    #[default]
    Atr,
    /// Sample standard deviation of the simple returns, a fraction per bar.
    Std,
    /// Realised volatility, a fraction per year: `√(bars per year / n · Σ ln(cᵢ/cᵢ₋₁)²)` (T. Andersen
    /// and T. Bollerslev, "Answering the skeptics", International Economic Review 39, 1998).
    Realized,
    /// Highest high − lowest low of the window, in units of the price.
    Range,
}

impl VolMethod {
    /// The names, as allowed for the parameter `vol_method`.
    pub const NAMES: &'static [&'static str] = &["atr", "std", "realized", "range"];

    /// By its name; ATR for any other text (the registry has refused those before).
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "std" => Self::Std,
            "realized" => Self::Realized,
            "range" => Self::Range,
            _ => Self::Atr,
        }
    }

    /// The number of bars after which a window of `window` is defined: returns need one bar more.
    #[must_use]
    pub fn min_bars(self, window: usize) -> usize {
        match self {
            Self::Atr | Self::Range => window,
            Self::Std | Self::Realized => window + 1,
        }
    }
}

/// `now / before − 1`; nought where the earlier price is not positive.
#[must_use]
pub fn simple_return(before: f64, now: f64) -> f64 {
    if before > 0.0 { now / before - 1.0 } else { 0.0 }
}

/// `ln(now / before)`; nought where a price is not positive.
#[must_use]
pub fn log_return(before: f64, now: f64) -> f64 {
    if before > 0.0 && now > 0.0 { (now / before).ln() } else { 0.0 }
}

#[derive(Debug, Clone)]
enum Measure {
    Atr(Atr),
    Std { last: Option<f64>, returns: RollingStd },
    Realized { last: Option<f64>, squares: Sma, year: Option<(Timeframe, f64)> },
    Range { highest: RollingMax, lowest: RollingMin },
}

/// Volatility over a window of bars by one of the [`VolMethod`]s. What is at most [`NEGLIGIBLE`]
/// (of the price, for measures in its units) is exactly nought.
#[derive(Debug, Clone)]
pub struct Volatility(Measure);

impl Volatility {
    /// By `method` over `window` bars (or returns).
    #[must_use]
    pub fn new(method: VolMethod, window: usize) -> Self {
        Self(match method {
            VolMethod::Atr => Measure::Atr(Atr::new(window)),
            VolMethod::Std => Measure::Std { last: None, returns: RollingStd::new(window) },
            VolMethod::Realized => Measure::Realized { last: None, squares: Sma::new(window), year: None },
            VolMethod::Range => {
                Measure::Range { highest: RollingMax::new(window), lowest: RollingMin::new(window) }
            }
        })
    }

    /// Takes the next bar.
    pub fn push(&mut self, bar: &Bar) -> Option<f64> {
        let close = bar.close.to_f64();
        let (value, scale) = match &mut self.0 {
            Measure::Atr(atr) => (atr.push(bar.high.to_f64(), bar.low.to_f64(), close)?, close.abs()),
            Measure::Std { last, returns } => {
                let change = simple_return(last.replace(close)?, close);
                (returns.push(change)?.sample_std(), 1.0)
            }
            Measure::Realized { last, squares, year } => {
                let change = log_return(last.replace(close)?, close);
                let bars_per_year = match year {
                    Some((timeframe, bars)) if *timeframe == bar.timeframe => *bars,
                    _ => {
                        let bars = YEAR_SECONDS / bar.timeframe.span().as_secs_f64();
                        *year = Some((bar.timeframe, bars));
                        bars
                    }
                };
                ((squares.push(change * change)? * bars_per_year).sqrt(), 1.0)
            }
            Measure::Range { highest, lowest } => {
                let high = highest.push(bar.high.to_f64());
                let low = lowest.push(bar.low.to_f64());
                (high? - low?, close.abs())
            }
        };
        Some(if value > NEGLIGIBLE * scale { value } else { 0.0 })
    }
}
