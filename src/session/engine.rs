//! The core as a direct loop: the same stages that the actors own, called one after the other.
//! Replays, backtests and the baseline of the benches run on it.

use std::sync::Arc;

use thiserror::Error;

use crate::domain::{MarketEvent, Timestamp};
use crate::execution::ExecutionStage;
use crate::market::MarketStage;
use crate::messages::{InputBatch, KeyedRecord, SignalBatch};
use crate::risk::{RiskStage, RiskStep};
use crate::strategy::{StrategyPanicked, StrategyStage};

/// Why the core cannot go on.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The strategy panicked more often than it may be restarted.
    #[error("the strategy was restarted {restarts} times; last: {panic}")]
    Strategy {
        /// Restarts so far.
        restarts: u32,
        /// The last panic.
        panic: StrategyPanicked,
    },
    /// The account could not be kept exactly.
    #[error("account: {0}")]
    Account(String),
    /// The venue said something that cannot be.
    #[error("venue report: {0}")]
    Venue(String),
}

/// The four stages of a session.
pub struct Engine {
    /// Numbers and checks inputs, completes bars.
    pub market: MarketStage,
    /// Says what to hold.
    pub strategy: StrategyStage,
    /// Keeps the account, sizes and approves.
    pub risk: RiskStage,
    /// Hands over, matches.
    pub execution: ExecutionStage,
    /// Restarts of the strategy that are allowed in all.
    pub max_restarts: u32,
}

impl Engine {
    /// Numbers these events and works through all their effects; the batch is handed back for
    /// whoever journals it.
    ///
    /// # Errors
    /// [`EngineError`]: what was decided before stands in `records`.
    pub fn step(
        &mut self,
        events: &[MarketEvent],
        received_at: Timestamp,
        records: &mut Vec<KeyedRecord>,
    ) -> Result<Arc<InputBatch>, EngineError> {
        let batch = Arc::new(self.market.absorb(events, received_at));
        self.work(&batch, records)?;
        Ok(batch)
    }

    /// Works through all effects of a numbered batch.
    ///
    /// # Errors
    /// [`EngineError`]: what was decided before stands in `records`.
    pub fn work(
        &mut self,
        batch: &Arc<InputBatch>,
        records: &mut Vec<KeyedRecord>,
    ) -> Result<(), EngineError> {
        let signals = loop {
            match self.strategy.process(batch, records) {
                Ok(signals) => break signals,
                Err(panic) => {
                    let restarts = self.strategy.restarts();
                    if restarts >= self.max_restarts {
                        return Err(EngineError::Strategy { restarts, panic });
                    }
                    self.strategy
                        .restart(batch, records)
                        .map_err(|panic| EngineError::Strategy { restarts: restarts + 1, panic })?;
                }
            }
        };
        self.risk.begin(SignalBatch { inputs: Arc::clone(batch), signals });
        let mut reply = None;
        while let RiskStep::Needs(request) = self.risk.advance(reply.take(), records) {
            reply = Some(self.execution.handle(request, records));
        }
        self.faults()
    }

    /// Ends the session: what rests is cancelled, positions stay.
    ///
    /// # Errors
    /// [`EngineError`] when the venue's answer cannot be.
    pub fn finish(&mut self, reason: &str, records: &mut Vec<KeyedRecord>) -> Result<(), EngineError> {
        if let RiskStep::Needs(request) = self.risk.finish(reason) {
            let reply = self.execution.handle(request, records);
            self.risk.advance(Some(reply), records);
        }
        self.faults()
    }

    fn faults(&self) -> Result<(), EngineError> {
        if let Some(fault) = self.risk.fault() {
            return Err(EngineError::Account(fault.to_string()));
        }
        if let Some(fault) = self.execution.fault() {
            return Err(EngineError::Venue(fault.to_string()));
        }
        Ok(())
    }
}
