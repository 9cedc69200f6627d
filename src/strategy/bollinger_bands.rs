//! Reversion from the lower Bollinger band.

use super::compare::{at_least, at_most, price_scale};
use super::indicators::RollingStd;
use super::latch::Latch;
use super::parameters::{DefaultValue, ParameterKind, ParameterSpec, Resolved};
use super::registry::{Maker, StrategySpec, StrategyTier};
use super::{MAX_WINDOW, Strategy, WarmUp};
use crate::domain::{Bar, TargetPosition};

pub(super) const SPEC: StrategySpec = StrategySpec {
    key: "bollinger_bands",
    title: "Bollinger bands",
    tier: StrategyTier::Core,
    summary: "buys below the lower band, leaves at the middle one",
    doc: "Bands are SMA(bb_period) +- bb_std * sample standard deviation of the same closes (J. \
          Bollinger, Bollinger on Bollinger Bands, 2001). Long from when the close is at or below \
          entry_threshold * lower band (and below the middle band) until it is at or above the middle band; never short. \
          entry_threshold scales the price of the band: at 0.95 the close must be 5 % below it, at 1 it \
          must touch it. The parameter exit_threshold of earlier versions had no effect and is gone.",
    parameters: &[
        ParameterSpec {
            name: "bb_period",
            doc: "length of the average and the deviation",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(20),
        },
        ParameterSpec {
            name: "bb_std",
            doc: "half the width of the bands",
            unit: "standard deviations",
            kind: ParameterKind::Float { min: 0.01, max: 20.0 },
            default: DefaultValue::Float(2.0),
        },
        ParameterSpec {
            name: "entry_threshold",
            doc: "enter at or below this part of the lower band",
            unit: "fraction of the band's price",
            kind: ParameterKind::Float { min: 0.01, max: 1.0 },
            default: DefaultValue::Float(0.95),
        },
    ],
    rules: &[],
    make: Maker::Plain(|p| Box::new(BollingerBands::new(p))),
};

struct BollingerBands {
    moments: RollingStd,
    width: f64,
    entry: f64,
    latch: Latch,
    warm_up: WarmUp,
}

impl BollingerBands {
    fn new(parameters: &Resolved) -> Self {
        let period = parameters.count("bb_period");
        Self {
            moments: RollingStd::new(period),
            width: parameters.float("bb_std"),
            entry: parameters.float("entry_threshold"),
            latch: Latch::default(),
            warm_up: WarmUp::new(period),
        }
    }
}

impl Strategy for BollingerBands {
    fn key(&self) -> &'static str {
        SPEC.key
    }

    fn on_bar(&mut self, bar: &Bar) -> TargetPosition {
        self.warm_up.count();
        let close = bar.close.to_f64();
        match self.moments.push(close) {
            Some(moments) => {
                let middle = moments.mean();
                let lower = middle - self.width * moments.sample_std();
                let scale = price_scale(close, middle);
                let enter = at_most(close, self.entry * lower, scale);
                self.latch.step(enter, at_least(close, middle, scale))
            }
            None => self.latch.target(),
        }
    }

    fn is_warm(&self) -> bool {
        self.warm_up.is_warm()
    }

    fn min_bars(&self) -> usize {
        self.warm_up.needed()
    }
}
