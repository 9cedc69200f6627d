//! The strategy actor. What it needs to go on after a panic lies outside it, so a successor takes
//! over at the bar after the one that killed it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::lane::{Flow, LaneReceiver, LaneSender};
use super::logger::LogMessage;
use super::shell::{Progress, Work, WorkFault};
use crate::messages::control::Role;
use crate::messages::{InputBatch, SignalBatch};
use crate::strategy::StrategyStage;

/// What survives the actor.
pub struct StrategyEstate {
    stage: StrategyStage,
    in_work: Option<Arc<InputBatch>>,
    died: bool,
}

/// The work of the strategy actor; a clone is its successor.
#[derive(Clone)]
pub struct Strategy {
    estate: Arc<Mutex<StrategyEstate>>,
    lane: LaneReceiver<Flow<Arc<InputBatch>>>,
    out: LaneSender<Flow<SignalBatch>>,
    log: LaneSender<LogMessage>,
}

impl Strategy {
    /// A strategy actor between two lanes.
    #[must_use]
    pub fn new(
        stage: StrategyStage,
        lane: LaneReceiver<Flow<Arc<InputBatch>>>,
        out: LaneSender<Flow<SignalBatch>>,
        log: LaneSender<LogMessage>,
    ) -> Self {
        let estate = StrategyEstate { stage, in_work: None, died: false };
        Self { estate: Arc::new(Mutex::new(estate)), lane, out, log }
    }

    fn estate(&self) -> MutexGuard<'_, StrategyEstate> {
        self.estate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works through one batch, or through what is left of the one its predecessor died on.
    fn work_on(
        &self,
        batch: &Arc<InputBatch>,
    ) -> (Vec<crate::messages::KeyedRecord>, Result<SignalBatch, WorkFault>) {
        let mut records = Vec::new();
        let mut estate = self.estate();
        let estate = &mut *estate;
        let fault =
            |e: crate::strategy::StrategyPanicked| WorkFault { reason: e.to_string(), restartable: true };
        if std::mem::take(&mut estate.died)
            && let Err(panic) = estate.stage.restart(batch, &mut records)
        {
            estate.died = true;
            return (records, Err(fault(panic)));
        }
        estate.in_work = Some(Arc::clone(batch));
        match estate.stage.process(batch, &mut records) {
            Ok(signals) => {
                estate.in_work = None;
                (records, Ok(SignalBatch { inputs: Arc::clone(batch), signals }))
            }
            Err(panic) => {
                estate.died = true;
                (records, Err(fault(panic)))
            }
        }
    }

    async fn work(self, progress: Progress) -> Result<(), WorkFault> {
        loop {
            let left_over = self.estate().in_work.clone();
            let batch = match left_over {
                Some(batch) => batch,
                None => match self.lane.recv().await {
                    Some(Flow::Item(batch)) => batch,
                    Some(Flow::End) => {
                        self.out.send(Flow::End).await?;
                        return Ok(());
                    }
                    None => return Err(WorkFault::fatal("market data ended without saying so")),
                },
            };
            let (records, outcome) = self.work_on(&batch);
            if !records.is_empty() {
                self.log.send(LogMessage::decisions(records)).await?;
            }
            self.out.send(Flow::Item(outcome?)).await?;
            progress.tick();
        }
    }
}

impl Work for Strategy {
    const ROLE: Role = Role::Strategy;

    fn run(&mut self, progress: Progress) -> LocalBoxFuture<'static, Result<(), WorkFault>> {
        self.clone().work(progress).boxed_local()
    }
}
