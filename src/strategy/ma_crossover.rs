//! Moving average crossover.

use super::compare::{above, below, price_scale};
use super::indicators::Sma;
use super::latch::Latch;
use super::parameters::{DefaultValue, ParameterKind, ParameterSpec, Resolved, Rule};
use super::registry::{Maker, StrategySpec, StrategyTier};
use super::{MAX_WINDOW, PriceColumn, Strategy, WarmUp};
use crate::domain::{Bar, TargetPosition};

pub(super) const SPEC: StrategySpec = StrategySpec {
    key: "ma_crossover",
    title: "Moving average crossover",
    tier: StrategyTier::Core,
    summary: "long while the fast average is above the slow one, else flat",
    doc: "Long when SMA(fast_window) is above SMA(slow_window), flat when it is below; never short. \
          The state counts, not the event: if the fast average is already above the slow one when both \
          are first defined, the target is long at once, and from the first crossing on this is the same \
          as entering on a cross above and leaving on a cross below. Equal averages change nothing.",
    parameters: &[
        ParameterSpec {
            name: "fast_window",
            doc: "length of the fast simple moving average",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(20),
        },
        ParameterSpec {
            name: "slow_window",
            doc: "length of the slow simple moving average",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(50),
        },
        PriceColumn::PARAMETER,
    ],
    rules: &[Rule {
        text: "fast_window < slow_window",
        parameters: &["fast_window", "slow_window"],
        holds: |p| p.count("fast_window") < p.count("slow_window"),
    }],
    make: Maker::Plain(|p| Box::new(MaCrossover::new(p))),
};

struct MaCrossover {
    fast: Sma,
    slow: Sma,
    price: PriceColumn,
    latch: Latch,
    warm_up: WarmUp,
}

impl MaCrossover {
    fn new(parameters: &Resolved) -> Self {
        let slow = parameters.count("slow_window");
        Self {
            fast: Sma::new(parameters.count("fast_window")),
            slow: Sma::new(slow),
            price: PriceColumn::from_name(parameters.text("price_col")),
            latch: Latch::default(),
            warm_up: WarmUp::new(slow),
        }
    }
}

impl Strategy for MaCrossover {
    fn key(&self) -> &'static str {
        SPEC.key
    }

    fn on_bar(&mut self, bar: &Bar) -> TargetPosition {
        self.warm_up.count();
        let price = self.price.of(bar);
        let fast = self.fast.push(price);
        let slow = self.slow.push(price);
        if let (Some(fast), Some(slow)) = (fast, slow) {
            let scale = price_scale(fast, slow);
            return self.latch.step(above(fast, slow, scale), below(fast, slow, scale));
        }
        self.latch.target()
    }

    fn is_warm(&self) -> bool {
        self.warm_up.is_warm()
    }

    fn min_bars(&self) -> usize {
        self.warm_up.needed()
    }
}
