//! The strategy's stage in the work on an input: bars in, signals out.

use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use thiserror::Error;

use super::Strategy;
use crate::domain::{Bar, Symbol, TargetPosition};
use crate::messages::{DecisionKey, DecisionRecord, ExternalInput, InputBatch, KeyedRecord, Signal, Stage};

/// Makes a fresh strategy: at the start, and at every restart.
pub type StrategyFactory = Arc<dyn Fn() -> Box<dyn Strategy> + Send + Sync>;

/// A strategy panicked on a bar. Everything before that bar stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("strategy panicked on the bar of input {input}: {message}")]
pub struct StrategyPanicked {
    /// Input that completed the bar.
    pub input: u64,
    /// The panic's text.
    pub message: String,
}

/// Feeds final bars to a strategy and says what it wants. Survives the strategy's panics: it can
/// be restarted from the bars it remembers.
pub struct StrategyStage {
    factory: StrategyFactory,
    strategy: Box<dyn Strategy>,
    symbol: Symbol,
    history: VecDeque<Bar>,
    capacity: usize,
    last_target: TargetPosition,
    restarts: u32,
    /// For a replay: bars that killed the strategy in the recorded run, by input and place among
    /// the bars that this input closed.
    deaths_then: BTreeSet<(u64, u32)>,
    /// Bars of the batch in work that already have their signal.
    partial: Vec<Signal>,
}

impl StrategyStage {
    /// Bars remembered for a restart, as a multiple of what the strategy needs to be warm. Ten
    /// times the period is where exponential averages have forgotten their seed.
    const HISTORY_FACTOR: usize = 10;

    /// A stage with a fresh strategy.
    #[must_use]
    pub fn new(factory: StrategyFactory, symbol: Symbol) -> Self {
        let strategy = factory();
        let capacity = strategy.min_bars().saturating_mul(Self::HISTORY_FACTOR).max(1);
        Self {
            factory,
            strategy,
            symbol,
            history: VecDeque::with_capacity(capacity.min(4_096)),
            capacity,
            last_target: TargetPosition::Flat,
            restarts: 0,
            deaths_then: BTreeSet::new(),
            partial: Vec::new(),
        }
    }

    /// How often the strategy was restarted.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// For a replay: the strategy dies again where these records of restarts say, as in the
    /// recorded run.
    pub fn die_again(&mut self, restarts: impl Iterator<Item = DecisionKey>) {
        self.deaths_then = restarts.map(|key| (key.input, key.index / RECORDS_A_BAR)).collect();
    }

    /// Says what the strategy wants after each bar of the batch, and appends its changes of mind.
    /// After a panic call [`restart`](Self::restart) and then this again with the same batch.
    ///
    /// # Errors
    /// [`StrategyPanicked`] names the bar; signals for the bars before it are kept.
    pub fn process(
        &mut self,
        batch: &InputBatch,
        records: &mut Vec<KeyedRecord>,
    ) -> Result<Vec<Signal>, StrategyPanicked> {
        for (index, closed) in batch.bars.iter().enumerate().skip(self.partial.len()) {
            let input = input_number(batch, closed.index);
            if !self.deaths_then.is_empty() && self.deaths_then.contains(&(input, place(batch, index))) {
                return Err(StrategyPanicked { input, message: "as recorded".to_owned() });
            }
            let strategy = &mut self.strategy;
            let target = catch_unwind(AssertUnwindSafe(|| strategy.on_bar(&closed.bar)))
                .map_err(|payload| StrategyPanicked { input, message: panic_text(&*payload) })?;
            self.remember(closed.bar);
            // Warm-up bars are no steps: the first step compares with a flat start.
            let target = if closed.step == 0 { TargetPosition::Flat } else { target };
            self.speak(batch, index, target, records);
        }
        Ok(std::mem::take(&mut self.partial))
    }

    /// Replaces a strategy that panicked: a fresh one is fed the remembered bars, sending nothing,
    /// and the bar it died on is skipped (its signal repeats the one before).
    ///
    /// # Errors
    /// [`StrategyPanicked`] when even the rebuilt one panics on old bars.
    pub fn restart(
        &mut self,
        batch: &InputBatch,
        records: &mut Vec<KeyedRecord>,
    ) -> Result<(), StrategyPanicked> {
        let index = self.partial.len();
        let Some(closed) = batch.bars.get(index) else { return Ok(()) };
        let input = input_number(batch, closed.index);
        let (factory, history) = (&self.factory, &self.history);
        self.strategy = catch_unwind(AssertUnwindSafe(|| {
            let mut strategy = factory();
            for bar in history {
                strategy.on_bar(bar);
            }
            strategy
        }))
        .map_err(|payload| StrategyPanicked { input, message: panic_text(&*payload) })?;
        self.restarts += 1;
        records.push(KeyedRecord {
            key: DecisionKey { input, stage: Stage::Signal, index: place(batch, index) * RECORDS_A_BAR },
            record: DecisionRecord::External(ExternalInput::StrategyRestarted {
                skipped_input: input,
                restarts: self.restarts,
            }),
        });
        let target = self.last_target;
        self.speak(batch, index, target, records);
        Ok(())
    }

    fn remember(&mut self, bar: Bar) {
        if self.history.len() == self.capacity {
            self.history.pop_front();
        }
        self.history.push_back(bar);
    }

    fn speak(
        &mut self,
        batch: &InputBatch,
        index: usize,
        target: TargetPosition,
        records: &mut Vec<KeyedRecord>,
    ) {
        let changed = target != self.last_target;
        self.last_target = target;
        if changed {
            let input = input_number(batch, batch.bars[index].index);
            records.push(KeyedRecord {
                key: DecisionKey {
                    input,
                    stage: Stage::Signal,
                    index: place(batch, index) * RECORDS_A_BAR + 1,
                },
                record: DecisionRecord::Signal { symbol: self.symbol, target },
            });
        }
        self.partial.push(Signal { bar: u32::try_from(index).unwrap_or(u32::MAX), target, changed });
    }
}

/// A bar makes at most two records: a restart and a change of mind.
const RECORDS_A_BAR: u32 = 2;

/// 0 for the first bar that an input closed, 1 for the second.
fn place(batch: &InputBatch, bar: usize) -> u32 {
    let input = |bar: usize| batch.bars.get(bar).map(|closed| closed.index);
    u32::from(bar > 0 && input(bar - 1) == input(bar))
}

fn input_number(batch: &InputBatch, index: u32) -> u64 {
    batch.inputs.get(index as usize).map_or(0, |input| input.number)
}

/// The text of a panic's payload.
#[must_use]
pub fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a text".to_owned())
}
