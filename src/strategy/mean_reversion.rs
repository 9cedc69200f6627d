//! Reversion of the z-score.

use super::compare::{above, at_most, below, price_scale};
use super::indicators::{PercentileRank, RollingStd, VolMethod, Volatility};
use super::latch::Latch;
use super::parameters::{DefaultValue, ParameterKind, ParameterSpec, Resolved, Rule};
use super::registry::{Maker, StrategySpec, StrategyTier};
use super::{MAX_WINDOW, Strategy, WarmUp};
use crate::domain::{Bar, TargetPosition};

pub(super) const SPEC: StrategySpec = StrategySpec {
    key: "mean_reversion",
    title: "Mean reversion (z-score)",
    tier: StrategyTier::Aux,
    summary: "buys far below the mean, leaves above it",
    doc: "z is (close - SMA(lookback)) / sample standard deviation of the same closes. Long from when z < \
          entry_threshold until z > exit_threshold; never short. With use_vol_filter entries also need \
          the standard deviation of the last vol_window returns to stand at or below max_vol_percentile \
          among its last 100 values; exits do not. A price that stands still has no z and changes \
          nothing.",
    parameters: &[
        ParameterSpec {
            name: "lookback",
            doc: "length of the mean and the deviation",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(20),
        },
        ParameterSpec {
            name: "entry_threshold",
            doc: "enter below this z-score",
            unit: "standard deviations",
            kind: ParameterKind::Float { min: -20.0, max: 20.0 },
            default: DefaultValue::Float(-2.0),
        },
        ParameterSpec {
            name: "exit_threshold",
            doc: "leave above this z-score",
            unit: "standard deviations",
            kind: ParameterKind::Float { min: -20.0, max: 20.0 },
            default: DefaultValue::Float(0.0),
        },
        ParameterSpec {
            name: "use_vol_filter",
            doc: "enter only when volatility is not high",
            unit: "",
            kind: ParameterKind::Bool,
            default: DefaultValue::Bool(false),
        },
        ParameterSpec {
            name: "vol_window",
            doc: "number of returns in the volatility of the filter",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: RANKED as i64 },
            default: DefaultValue::Int(20),
        },
        ParameterSpec {
            name: "max_vol_percentile",
            doc: "highest percentile rank of the volatility at which to enter",
            unit: "per cent",
            kind: ParameterKind::Float { min: 0.0, max: 100.0 },
            default: DefaultValue::Float(70.0),
        },
    ],
    rules: &[Rule {
        text: "entry_threshold < exit_threshold",
        parameters: &["entry_threshold", "exit_threshold"],
        holds: |p| p.float("entry_threshold") < p.float("exit_threshold"),
    }],
    make: Maker::Plain(|p| Box::new(MeanReversion::new(p))),
};

/// Volatilities among which the newest is ranked.
const RANKED: usize = 100;

struct VolFilter {
    volatility: Volatility,
    rank: PercentileRank,
    max_percentile: f64,
}

struct MeanReversion {
    moments: RollingStd,
    entry: f64,
    exit: f64,
    filter: Option<VolFilter>,
    latch: Latch,
    warm_up: WarmUp,
}

impl MeanReversion {
    fn new(parameters: &Resolved) -> Self {
        let lookback = parameters.count("lookback");
        let vol_window = parameters.count("vol_window");
        let filter = parameters.flag("use_vol_filter").then(|| VolFilter {
            volatility: Volatility::new(VolMethod::Std, vol_window),
            rank: PercentileRank::new(RANKED, vol_window),
            max_percentile: parameters.float("max_vol_percentile"),
        });
        // The first volatility takes vol_window + 1 bars, the first rank vol_window volatilities.
        let needed = if filter.is_some() { lookback.max(2 * vol_window) } else { lookback };
        Self {
            moments: RollingStd::new(lookback),
            entry: parameters.float("entry_threshold"),
            exit: parameters.float("exit_threshold"),
            filter,
            latch: Latch::default(),
            warm_up: WarmUp::new(needed),
        }
    }
}

impl Strategy for MeanReversion {
    fn key(&self) -> &'static str {
        SPEC.key
    }

    fn on_bar(&mut self, bar: &Bar) -> TargetPosition {
        let close = bar.close.to_f64();
        let moments = self.moments.push(close);
        let allowed = match self.filter.as_mut() {
            Some(filter) => filter
                .volatility
                .push(bar)
                .and_then(|volatility| filter.rank.push(volatility))
                .is_some_and(|rank| at_most(rank, filter.max_percentile, 100.0)),
            None => true,
        };
        let warm = self.warm_up.count();
        match moments {
            Some(moments) if warm => {
                // In units of the price: no division by a deviation that may be nought.
                let (mean, std) = (moments.mean(), moments.sample_std());
                let scale = price_scale(close, mean);
                let enter = below(close, mean + self.entry * std, scale) && allowed;
                self.latch.step(enter, above(close, mean + self.exit * std, scale))
            }
            _ => self.latch.target(),
        }
    }

    fn is_warm(&self) -> bool {
        self.warm_up.is_warm()
    }

    fn min_bars(&self) -> usize {
        self.warm_up.needed()
    }
}
