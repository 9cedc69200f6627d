//! The execution actor: hands approved orders to the venue, through the gate, once their intents
//! are on disk.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

use super::lane::{LaneReceiver, LaneSender};
use super::logger::LogMessage;
use super::shell::{Progress, Work, WorkFault};
use crate::execution::{ExecutionStage, HaltGate};
use crate::messages::KeyedRecord;
use crate::messages::control::{Poison, Poisoned, Role};
use crate::risk::{ExecutionReply, ExecutionRequest};

/// A request with the promise that the intents it stands on are on disk.
#[derive(Debug)]
pub struct ExecutionCommand {
    /// The request.
    pub request: ExecutionRequest,
    /// Resolves when the journal has synced the intents; required for orders.
    pub durable: Option<oneshot::Receiver<Result<u64, String>>>,
}

/// The work of the execution actor.
pub struct Execution {
    stage: Rc<RefCell<ExecutionStage>>,
    /// What happened and is not in the logger's lane yet: a poison may come while it waits for room.
    unlogged: Rc<RefCell<Vec<KeyedRecord>>>,
    gate: Arc<HaltGate>,
    lane: LaneReceiver<ExecutionCommand>,
    replies: LaneSender<ExecutionReply>,
    log: LaneSender<LogMessage>,
}

impl Execution {
    /// An execution actor. Make it on the thread it runs on.
    pub fn new(
        stage: ExecutionStage,
        gate: Arc<HaltGate>,
        lane: LaneReceiver<ExecutionCommand>,
        replies: LaneSender<ExecutionReply>,
        log: LaneSender<LogMessage>,
    ) -> Self {
        Self { stage: Rc::new(RefCell::new(stage)), unlogged: Rc::default(), gate, lane, replies, log }
    }
}

impl Work for Execution {
    const ROLE: Role = Role::Execution;

    fn run(&mut self, progress: Progress) -> LocalBoxFuture<'static, Result<(), WorkFault>> {
        let (stage, unlogged, gate) =
            (Rc::clone(&self.stage), Rc::clone(&self.unlogged), Arc::clone(&self.gate));
        let (lane, replies, log) = (self.lane.clone(), self.replies.clone(), self.log.clone());
        async move {
            while let Some(command) = lane.recv().await {
                if !on_disk(command.durable, &command.request).await {
                    gate.trip("journal", "an intent could not be made durable");
                }
                let reply = stage.borrow_mut().handle(command.request, &mut unlogged.borrow_mut());
                let anything = !unlogged.borrow().is_empty();
                if anything {
                    let room = log.reserve().await?;
                    room.send(LogMessage::decisions(unlogged.take()));
                }
                let fault = stage.borrow().fault().map(ToString::to_string);
                if let Some(fault) = fault {
                    gate.trip("execution", &fault);
                    return Err(WorkFault::fatal(format!("venue report: {fault}")));
                }
                replies.send(reply).await?;
                progress.tick();
            }
            Ok(())
        }
        .boxed_local()
    }

    fn poison(&mut self, poison: &Poison) -> Poisoned {
        let mut records = self.unlogged.take();
        let mut stage = self.stage.borrow_mut();
        let before = stage.open_orders() as u64;
        stage.cancel_everything(&poison.reason, &mut records);
        let still_open = stage.open_orders() as u64;
        // A kill never waits for the disk: the guardian journals the records once all have halted.
        Poisoned { records, cancelled: before.saturating_sub(still_open), still_open }
    }
}

/// Orders need proof that their intents are on disk; everything else never waits for the disk.
async fn on_disk(
    durable: Option<oneshot::Receiver<Result<u64, String>>>,
    request: &ExecutionRequest,
) -> bool {
    match (durable, request) {
        (Some(durable), _) => matches!(durable.await, Ok(Ok(_))),
        (None, ExecutionRequest::Submit { .. }) => false,
        (None, _) => true,
    }
}
