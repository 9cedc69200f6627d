//! Technical indicators: incremental, one concept a file, formula and source in each.
//!
//! `push` takes the next value and returns the indicator with it, or `None` while it is not defined
//! (not enough values yet, or nothing to divide by).

mod adx;
mod atr;
mod ema;
mod extrema;
mod macd;
mod percentile_rank;
mod rolling;
mod rolling_std;
mod rsi;
mod sma;
mod volatility;
mod wilder;

pub use adx::{Adx, DirectionalMovement};
pub use atr::{Atr, TrueRange};
pub use ema::Ema;
pub use extrema::{RollingMax, RollingMin};
pub use macd::{Macd, MacdValue};
pub use percentile_rank::PercentileRank;
pub use rolling::{Aggregate, Rolling};
pub use rolling_std::{Moments, RollingStd};
pub use rsi::{Rsi, Smoothing};
pub use sma::Sma;
pub use volatility::{VolMethod, Volatility, log_return, simple_return};
pub use wilder::Wilder;

#[cfg(test)]
mod tests;
