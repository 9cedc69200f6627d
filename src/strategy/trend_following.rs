//! Trend following by directional movement.

use super::compare::{above, below, price_scale};
use super::indicators::{Adx, DirectionalMovement, Sma};
use super::latch::Latch;
use super::parameters::{DefaultValue, ParameterKind, ParameterSpec, Resolved, Rule};
use super::registry::{Maker, StrategySpec, StrategyTier};
use super::{MAX_WINDOW, Strategy, WarmUp};
use crate::domain::{Bar, TargetPosition};

pub(super) const SPEC: StrategySpec = StrategySpec {
    key: "trend_following",
    title: "Trend following (ADX)",
    tier: StrategyTier::Aux,
    summary: "long in a strong upward trend by ADX and the directional indicators",
    doc: "Long from when ADX > adx_threshold, +DI > -DI and (with use_ma_filter) close > SMA(ma_period) \
          hold together, until ADX < exit_threshold or -DI > +DI; never short. Needs \
          max(2 * adx_period, ma_period) + 10 bars, without the filter 2 * adx_period + 10.",
    parameters: &[
        ParameterSpec {
            name: "adx_period",
            doc: "length of Wilder's smoothing in ADX and the directional indicators",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(14),
        },
        ParameterSpec {
            name: "adx_threshold",
            doc: "a trend is strong above this ADX",
            unit: "ADX points",
            kind: ParameterKind::Float { min: 0.0, max: 100.0 },
            default: DefaultValue::Float(25.0),
        },
        ParameterSpec {
            name: "exit_threshold",
            doc: "a trend is over below this ADX",
            unit: "ADX points",
            kind: ParameterKind::Float { min: 0.0, max: 100.0 },
            default: DefaultValue::Float(20.0),
        },
        ParameterSpec {
            name: "ma_period",
            doc: "length of the simple moving average of the filter",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(50),
        },
        ParameterSpec {
            name: "use_ma_filter",
            doc: "enter only above the moving average",
            unit: "",
            kind: ParameterKind::Bool,
            default: DefaultValue::Bool(true),
        },
    ],
    rules: &[Rule {
        text: "exit_threshold < adx_threshold",
        parameters: &["exit_threshold", "adx_threshold"],
        holds: |p| p.float("exit_threshold") < p.float("adx_threshold"),
    }],
    make: Maker::Plain(|p| Box::new(TrendFollowing::new(p))),
};

/// Bars beyond the indicators' own windows, so that Wilder's smoothing has forgotten its start.
const SETTLING_BARS: usize = 10;

struct TrendFollowing {
    adx: Adx,
    average: Option<Sma>,
    adx_threshold: f64,
    exit_threshold: f64,
    latch: Latch,
    warm_up: WarmUp,
}

impl TrendFollowing {
    fn new(parameters: &Resolved) -> Self {
        let adx_period = parameters.count("adx_period");
        let filter = parameters.flag("use_ma_filter").then(|| parameters.count("ma_period"));
        Self {
            adx: Adx::new(adx_period),
            average: filter.map(Sma::new),
            adx_threshold: parameters.float("adx_threshold"),
            exit_threshold: parameters.float("exit_threshold"),
            latch: Latch::default(),
            warm_up: WarmUp::new((2 * adx_period).max(filter.unwrap_or(0)) + SETTLING_BARS),
        }
    }
}

impl Strategy for TrendFollowing {
    fn key(&self) -> &'static str {
        SPEC.key
    }

    fn on_bar(&mut self, bar: &Bar) -> TargetPosition {
        let close = bar.close.to_f64();
        let movement = self.adx.push(bar.high.to_f64(), bar.low.to_f64(), close);
        let allowed = match self.average.as_mut() {
            Some(average) => {
                average.push(close).is_some_and(|mean| above(close, mean, price_scale(close, mean)))
            }
            None => true,
        };
        let warm = self.warm_up.count();
        match movement {
            Some(DirectionalMovement { adx, plus_di, minus_di }) if warm => {
                let strong = above(adx, self.adx_threshold, 100.0);
                let weak = below(adx, self.exit_threshold, 100.0);
                let enter = strong && above(plus_di, minus_di, 100.0) && allowed;
                self.latch.step(enter, weak || above(minus_di, plus_di, 100.0))
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
