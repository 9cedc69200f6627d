//! MACD against its signal line.

use super::compare::{above, below};
use super::latch::Latch;
use super::parameters::{DefaultValue, ParameterKind, ParameterSpec, Resolved, Rule};
use super::registry::{Maker, StrategySpec, StrategyTier};
use super::{MAX_WINDOW, Strategy, WarmUp, indicators};
use crate::domain::{Bar, TargetPosition};

pub(super) const SPEC: StrategySpec = StrategySpec {
    key: "macd",
    title: "MACD",
    tier: StrategyTier::Aux,
    summary: "long while the MACD line is above its signal line, else flat",
    doc: "MACD is EMA(fast_ema) - EMA(slow_ema) of the close, the signal line its EMA(signal_ema). Long \
          from when MACD is above the signal line until it is below; never short. As in ma_crossover the \
          state counts: if MACD is above when it is first looked at (after slow_ema + signal_ema - 1 \
          bars) the target is long at once. Equal lines change nothing.",
    parameters: &[
        ParameterSpec {
            name: "fast_ema",
            doc: "span of the fast average",
            unit: "bars",
            kind: ParameterKind::Int { min: 1, max: MAX_WINDOW },
            default: DefaultValue::Int(12),
        },
        ParameterSpec {
            name: "slow_ema",
            doc: "span of the slow average",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(26),
        },
        ParameterSpec {
            name: "signal_ema",
            doc: "span of the signal line",
            unit: "bars",
            kind: ParameterKind::Int { min: 2, max: MAX_WINDOW },
            default: DefaultValue::Int(9),
        },
    ],
    rules: &[Rule {
        text: "fast_ema < slow_ema",
        parameters: &["fast_ema", "slow_ema"],
        holds: |p| p.count("fast_ema") < p.count("slow_ema"),
    }],
    make: Maker::Plain(|p| Box::new(Macd::new(p))),
};

struct Macd {
    lines: indicators::Macd,
    latch: Latch,
    warm_up: WarmUp,
}

impl Macd {
    fn new(parameters: &Resolved) -> Self {
        let lines = indicators::Macd::new(
            parameters.count("fast_ema"),
            parameters.count("slow_ema"),
            parameters.count("signal_ema"),
        );
        let warm_up = WarmUp::new(lines.min_values());
        Self { lines, latch: Latch::default(), warm_up }
    }
}

impl Strategy for Macd {
    fn key(&self) -> &'static str {
        SPEC.key
    }

    fn on_bar(&mut self, bar: &Bar) -> TargetPosition {
        self.warm_up.count();
        match self.lines.push(bar.close.to_f64()) {
            Some(v) => self.latch.step(above(v.macd, v.signal, v.scale), below(v.macd, v.signal, v.scale)),
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
