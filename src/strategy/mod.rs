//! Trading strategies: bars in, a target position out.
//!
//! Every strategy speaks the **target position** (short, flat, long), also those that are usually
//! told as edges: an entry means long *until* the exit, an exit means flat and never short. So a
//! target says all there is to know, and a strategy that is rebuilt from bar history arrives at
//! the same target as one that never stopped.
//!
//! Conventions, the same for all strategies and indicators:
//! - A bar counts when it is final. `on_bar` costs O(1) amortised, allocates nothing, and memory is
//!   bounded by the windows ([`MAX_WINDOW`] bars at most).
//! - Until a strategy is warm ([`Strategy::is_warm`]) its target is flat. Conditions are first looked
//!   at on the first warm bar; one that already holds there counts as having just become true.
//! - Averages need a full window; an EMA starts at the first value without bias adjustment
//!   (pandas `adjust=False`); Wilder's smoothing is the EMA with α = 1/n; deviations are sample ones.
//! - Comparisons follow the tie rule of [`compare`]: two numbers that differ by less than their
//!   rounding noise are equal, and an equality changes nothing that is held.
//! - Nothing drifts: windows are summed without ever subtracting ([`indicators::Rolling`]).

pub mod compare;
pub mod indicators;

mod bollinger_bands;
mod breakout_donchian;
mod buy_and_hold;
mod composite;
mod error;
mod latch;
mod ma_crossover;
mod macd;
mod mean_reversion;
mod momentum;
mod parameters;
mod price_column;
mod registry;
mod rsi_reversion;
mod stage;
mod trend_following;
mod vol_regime_filter;

pub use error::{FaultKind, ParameterFault, StrategyError};
pub use parameters::{
    DefaultValue, ParameterKind, ParameterSpec, ParameterValue, Parameters, Resolved, Rule,
};
pub use price_column::PriceColumn;
pub use registry::{StrategySpec, StrategyTier, build, find, registry};
pub use stage::{StrategyFactory, StrategyPanicked, StrategyStage, panic_text};

use crate::domain::{Bar, TargetPosition};

/// The longest window that a parameter may ask for, in bars. Bounds memory, and keeps the rounding
/// error of a mean below the tolerance of [`compare`].
pub const MAX_WINDOW: i64 = 5_000;

/// A trading strategy: a state machine fed with final bars in time order.
pub trait Strategy: Send {
    /// Its key in the [`registry`].
    fn key(&self) -> &'static str;

    /// Takes the next final bar and says which position it wants from now on. Flat while the
    /// strategy is not warm, this bar included in the count.
    fn on_bar(&mut self, bar: &Bar) -> TargetPosition;

    /// True once [`min_bars`](Self::min_bars) bars have been seen.
    fn is_warm(&self) -> bool;

    /// The number of bars after which a target other than flat is possible.
    fn min_bars(&self) -> usize;
}

/// Counts bars up to the number that makes a strategy warm.
#[derive(Debug, Clone, Copy)]
struct WarmUp {
    seen: usize,
    needed: usize,
}

impl WarmUp {
    const fn new(needed: usize) -> Self {
        Self { seen: 0, needed }
    }

    /// Counts one bar; true when warm with it.
    fn count(&mut self) -> bool {
        if self.seen < self.needed {
            self.seen += 1;
        }
        self.is_warm()
    }

    const fn is_warm(&self) -> bool {
        self.seen >= self.needed
    }

    const fn needed(&self) -> usize {
        self.needed
    }
}

#[cfg(test)]
mod tests;
