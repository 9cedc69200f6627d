//! Buy and hold.

use super::registry::{Maker, StrategySpec, StrategyTier};
use super::{Strategy, WarmUp};
use crate::domain::{Bar, TargetPosition};

pub(super) const SPEC: StrategySpec = StrategySpec {
    key: "buy_and_hold",
    title: "Buy and hold",
    tier: StrategyTier::Aux,
    summary: "long from the first bar on: what the others have to beat",
    doc: "Long from the first bar on, for ever. The yardstick for all other strategies.",
    parameters: &[],
    rules: &[],
    make: Maker::Plain(|_| Box::new(BuyAndHold { warm_up: WarmUp::new(1) })),
};

struct BuyAndHold {
    warm_up: WarmUp,
}

impl Strategy for BuyAndHold {
    fn key(&self) -> &'static str {
        SPEC.key
    }

    fn on_bar(&mut self, _bar: &Bar) -> TargetPosition {
        self.warm_up.count();
        TargetPosition::Long
    }

    fn is_warm(&self) -> bool {
        self.warm_up.is_warm()
    }

    fn min_bars(&self) -> usize {
        self.warm_up.needed()
    }
}
