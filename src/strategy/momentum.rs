//! Momentum of the last n bars.

use std::collections::VecDeque;

use super::compare::{above, below};
use super::indicators::simple_return;
use super::latch::Latch;
use super::parameters::{DefaultValue, ParameterKind, ParameterSpec, Resolved, Rule};
use super::registry::{Maker, StrategySpec, StrategyTier};
use super::{MAX_WINDOW, Strategy, WarmUp};
use crate::domain::{Bar, TargetPosition};

pub(super) const SPEC: StrategySpec = StrategySpec {
    key: "momentum_1h",
    title: "Momentum",
    tier: StrategyTier::Aux,
    summary: "long after a strong rise over the last bars, flat after a fall",
    doc: "Momentum is close / close lookback_period bars ago - 1. Long from when it is above \
          entry_threshold until it is below exit_threshold; never short. Made for hourly bars, runs on \
          any.",
    parameters: &[
        ParameterSpec {
            name: "lookback_period",
            doc: "bars over which the return is taken",
            unit: "bars",
            kind: ParameterKind::Int { min: 1, max: MAX_WINDOW },
            default: DefaultValue::Int(20),
        },
        ParameterSpec {
            name: "entry_threshold",
            doc: "enter above this return",
            unit: "fraction, 0.02 = 2 %",
            kind: ParameterKind::Float { min: -1.0, max: 100.0 },
            default: DefaultValue::Float(0.02),
        },
        ParameterSpec {
            name: "exit_threshold",
            doc: "leave below this return",
            unit: "fraction, 0.02 = 2 %",
            kind: ParameterKind::Float { min: -1.0, max: 100.0 },
            default: DefaultValue::Float(-0.01),
        },
    ],
    rules: &[Rule {
        text: "exit_threshold < entry_threshold",
        parameters: &["exit_threshold", "entry_threshold"],
        holds: |p| p.float("exit_threshold") < p.float("entry_threshold"),
    }],
    make: Maker::Plain(|p| Box::new(Momentum::new(p))),
};

struct Momentum {
    closes: VecDeque<f64>,
    lookback: usize,
    entry: f64,
    exit: f64,
    latch: Latch,
    warm_up: WarmUp,
}

impl Momentum {
    fn new(parameters: &Resolved) -> Self {
        let lookback = parameters.count("lookback_period");
        Self {
            closes: VecDeque::with_capacity(lookback + 1),
            lookback,
            entry: parameters.float("entry_threshold"),
            exit: parameters.float("exit_threshold"),
            latch: Latch::default(),
            warm_up: WarmUp::new(lookback + 1),
        }
    }
}

impl Strategy for Momentum {
    fn key(&self) -> &'static str {
        SPEC.key
    }

    fn on_bar(&mut self, bar: &Bar) -> TargetPosition {
        self.warm_up.count();
        let close = bar.close.to_f64();
        let before = if self.closes.len() == self.lookback { self.closes.pop_front() } else { None };
        self.closes.push_back(close);
        match before {
            Some(before) => {
                let momentum = simple_return(before, close);
                let scale = 1.0 + momentum.abs();
                self.latch.step(above(momentum, self.entry, scale), below(momentum, self.exit, scale))
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
