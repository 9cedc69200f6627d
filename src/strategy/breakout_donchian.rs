//! Donchian channel breakout.

use super::indicators::{RollingMax, RollingMin};
use super::parameters::{DefaultValue, ParameterKind, ParameterSpec, Resolved};
use super::registry::{Maker, StrategySpec, StrategyTier};
use super::{MAX_WINDOW, PriceColumn, Strategy, WarmUp};
use crate::domain::{Bar, TargetPosition};

pub(super) const SPEC: StrategySpec = StrategySpec {
    key: "breakout_donchian",
    title: "Donchian breakout",
    tier: StrategyTier::Aux,
    summary: "follows a break of the highest or lowest price of the bars before",
    doc: "Long when the price is above the highest of the previous lookback prices, short when it is \
          below the lowest, else the position is kept. Prices are compared exactly.",
    parameters: &[
        ParameterSpec {
            name: "lookback",
            doc: "number of earlier bars in the channel",
            unit: "bars",
            kind: ParameterKind::Int { min: 1, max: MAX_WINDOW },
            default: DefaultValue::Int(20),
        },
        PriceColumn::PARAMETER,
    ],
    rules: &[],
    make: Maker::Plain(|p| Box::new(BreakoutDonchian::new(p))),
};

struct BreakoutDonchian {
    highest: RollingMax,
    lowest: RollingMin,
    channel: Option<(f64, f64)>,
    price: PriceColumn,
    target: TargetPosition,
    warm_up: WarmUp,
}

impl BreakoutDonchian {
    fn new(parameters: &Resolved) -> Self {
        let lookback = parameters.count("lookback");
        Self {
            highest: RollingMax::new(lookback),
            lowest: RollingMin::new(lookback),
            channel: None,
            price: PriceColumn::from_name(parameters.text("price_col")),
            target: TargetPosition::Flat,
            warm_up: WarmUp::new(lookback + 1),
        }
    }
}

impl Strategy for BreakoutDonchian {
    fn key(&self) -> &'static str {
        SPEC.key
    }

    fn on_bar(&mut self, bar: &Bar) -> TargetPosition {
        self.warm_up.count();
        let price = self.price.of(bar);
        if let Some((highest, lowest)) = self.channel {
            if price > highest {
                self.target = TargetPosition::Long;
            } else if price < lowest {
                self.target = TargetPosition::Short;
            }
        }
        let highest = self.highest.push(price);
        let lowest = self.lowest.push(price);
        self.channel = highest.zip(lowest);
        self.target
    }

    fn is_warm(&self) -> bool {
        self.warm_up.is_warm()
    }

    fn min_bars(&self) -> usize {
        self.warm_up.needed()
    }
}
