//! Volatility regime: a filter that opens inside a band of volatility.

use super::compare::{above, at_least, at_most, below};
use super::indicators::{PercentileRank, VolMethod, Volatility};
use super::parameters::{DefaultValue, ParameterKind, ParameterSpec, Resolved, Rule};
use super::registry::{Maker, StrategySpec, StrategyTier};
use super::{MAX_WINDOW, Strategy, WarmUp};
use crate::domain::{Bar, TargetPosition};

/// The key, which [`composite`](super::composite) treats apart.
pub(super) const KEY: &str = "vol_regime_filter";

pub(super) const SPEC: StrategySpec = StrategySpec {
    key: KEY,
    title: "Volatility regime filter",
    tier: StrategyTier::Aux,
    summary: "open (long) inside a band of volatility, closed (flat) outside",
    doc: "Filter: 1 (long) while the percentile rank of the volatility among its last \
          lookback_percentile values lies from vol_percentile_low to vol_percentile_high, else 0 (flat); \
          invert swaps the two. Regime (regime_mode): +1 (long) while the volatility is below \
          low_vol_threshold, -1 (short) while it is above high_vol_threshold, else 0; invert swaps long \
          and short; a threshold of 0 is not used. Flat before min_bars. Volatility is Wilder's average \
          true range (atr), the sample deviation of returns (std), realised volatility a year (realized) \
          or highest high - lowest low (range). In a composite it multiplies the others by its 1 or 0.",
    parameters: &[
        ParameterSpec {
            name: "vol_window",
            doc: "length of the volatility measure",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(20),
        },
        ParameterSpec {
            name: "vol_method",
            doc: "how volatility is measured",
            unit: "",
            kind: ParameterKind::Choice(VolMethod::NAMES),
            default: DefaultValue::Text("atr"),
        },
        ParameterSpec {
            name: "vol_percentile_low",
            doc: "lower end of the band",
            unit: "per cent",
            kind: ParameterKind::Float { min: 0.0, max: 100.0 },
            default: DefaultValue::Float(25.0),
        },
        ParameterSpec {
            name: "vol_percentile_high",
            doc: "upper end of the band",
            unit: "per cent",
            kind: ParameterKind::Float { min: 0.0, max: 100.0 },
            default: DefaultValue::Float(75.0),
        },
        ParameterSpec {
            name: "lookback_percentile",
            doc: "volatilities among which the newest is ranked",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(100),
        },
        ParameterSpec {
            name: "min_bars",
            doc: "bars before the first word",
            unit: "bars",
            kind: ParameterKind::Int { min: 1, max: MAX_WINDOW },
            default: DefaultValue::Int(30),
        },
        ParameterSpec {
            name: "regime_mode",
            doc: "speak of regimes by absolute thresholds instead of filtering by rank",
            unit: "",
            kind: ParameterKind::Bool,
            default: DefaultValue::Bool(false),
        },
        ParameterSpec {
            name: "low_vol_threshold",
            doc: "regime_mode: low volatility below this; 0 = none",
            unit: "as vol_method: price units (atr, range), fraction per bar (std) or per year (realized)",
            kind: ParameterKind::Float { min: 0.0, max: 1e12 },
            default: DefaultValue::Float(0.0),
        },
        ParameterSpec {
            name: "high_vol_threshold",
            doc: "regime_mode: high volatility above this; 0 = none",
            unit: "as low_vol_threshold",
            kind: ParameterKind::Float { min: 0.0, max: 1e12 },
            default: DefaultValue::Float(0.0),
        },
        ParameterSpec {
            name: "invert",
            doc: "the other way round",
            unit: "",
            kind: ParameterKind::Bool,
            default: DefaultValue::Bool(false),
        },
    ],
    rules: &[
        Rule {
            text: "vol_percentile_low < vol_percentile_high",
            parameters: &["vol_percentile_low", "vol_percentile_high"],
            holds: |p| p.float("vol_percentile_low") < p.float("vol_percentile_high"),
        },
        Rule {
            text: "vol_window <= lookback_percentile",
            parameters: &["vol_window", "lookback_percentile"],
            holds: |p| p.count("vol_window") <= p.count("lookback_percentile"),
        },
        Rule {
            text: "low_vol_threshold < high_vol_threshold, where both are used",
            parameters: &["low_vol_threshold", "high_vol_threshold"],
            holds: |p| {
                let (low, high) = (p.float("low_vol_threshold"), p.float("high_vol_threshold"));
                low == 0.0 || high == 0.0 || low < high
            },
        },
        Rule {
            text: "regime_mode needs low_vol_threshold or high_vol_threshold above 0",
            parameters: &["regime_mode", "low_vol_threshold", "high_vol_threshold"],
            holds: |p| {
                !p.flag("regime_mode")
                    || p.float("low_vol_threshold") > 0.0
                    || p.float("high_vol_threshold") > 0.0
            },
        },
    ],
    make: Maker::Plain(|p| Box::new(VolRegimeFilter::new(p))),
};

enum Mode {
    /// Open inside a band of percentile ranks.
    Filter { rank: PercentileRank, low: f64, high: f64 },
    /// Absolute thresholds; none where not used.
    Regime { low: Option<f64>, high: Option<f64> },
}

impl Mode {
    fn judge(&mut self, volatility: f64) -> TargetPosition {
        match self {
            Self::Filter { rank, low, high } => match rank.push(volatility) {
                Some(rank) if at_least(rank, *low, 100.0) && at_most(rank, *high, 100.0) => {
                    TargetPosition::Long
                }
                _ => TargetPosition::Flat,
            },
            Self::Regime { low, high } => {
                if low.is_some_and(|low| below(volatility, low, low)) {
                    TargetPosition::Long
                } else if high.is_some_and(|high| above(volatility, high, high)) {
                    TargetPosition::Short
                } else {
                    TargetPosition::Flat
                }
            }
        }
    }

    fn inverted(&self, target: TargetPosition) -> TargetPosition {
        match (self, target) {
            (Self::Filter { .. }, TargetPosition::Flat) => TargetPosition::Long,
            (Self::Filter { .. }, _) => TargetPosition::Flat,
            (Self::Regime { .. }, target) => target.inverted(),
        }
    }
}

struct VolRegimeFilter {
    volatility: Volatility,
    mode: Mode,
    invert: bool,
    warm_up: WarmUp,
}

impl VolRegimeFilter {
    fn new(parameters: &Resolved) -> Self {
        let window = parameters.count("vol_window");
        let method = VolMethod::from_name(parameters.text("vol_method"));
        let used = |threshold: f64| (threshold > 0.0).then_some(threshold);
        let first = method.min_bars(window);
        let (mode, defined) = if parameters.flag("regime_mode") {
            let low = used(parameters.float("low_vol_threshold"));
            let high = used(parameters.float("high_vol_threshold"));
            (Mode::Regime { low, high }, first)
        } else {
            // A rank among fewer volatilities than one window has would say little.
            let rank = PercentileRank::new(parameters.count("lookback_percentile"), window);
            let (low, high) =
                (parameters.float("vol_percentile_low"), parameters.float("vol_percentile_high"));
            (Mode::Filter { rank, low, high }, first + window - 1)
        };
        Self {
            volatility: Volatility::new(method, window),
            mode,
            invert: parameters.flag("invert"),
            warm_up: WarmUp::new(defined.max(parameters.count("min_bars"))),
        }
    }
}

impl Strategy for VolRegimeFilter {
    fn key(&self) -> &'static str {
        SPEC.key
    }

    fn on_bar(&mut self, bar: &Bar) -> TargetPosition {
        let warm = self.warm_up.count();
        let target = match self.volatility.push(bar) {
            Some(volatility) => self.mode.judge(volatility),
            None => TargetPosition::Flat,
        };
        match (warm, self.invert) {
            (false, _) => TargetPosition::Flat,
            (true, false) => target,
            (true, true) => self.mode.inverted(target),
        }
    }

    fn is_warm(&self) -> bool {
        self.warm_up.is_warm()
    }

    fn min_bars(&self) -> usize {
        self.warm_up.needed()
    }
}
