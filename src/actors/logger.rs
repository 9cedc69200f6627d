//! The logger actor: the only writer of the journal. It commits in groups: whatever is queued is
//! written together, and one sync answers all who wait for one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

use super::lane::LaneReceiver;
use super::shell::{Progress, Work, WorkFault};
use crate::clock::Clock;
use crate::execution::HaltGate;
use crate::messages::control::Role;
use crate::messages::{InputBatch, KeyedRecord, OperationalRecord};
use crate::runlog::{Heartbeat, JournalFile, JournalWriter};

/// What goes into the journal.
#[derive(Debug)]
pub enum LogMessage {
    /// A batch of inputs.
    Inputs(Arc<InputBatch>),
    /// Decision records.
    Decisions {
        /// The records.
        records: Vec<KeyedRecord>,
        /// Answered when they are on disk: the last durable sequence number, or why not.
        durable: Option<oneshot::Sender<Result<u64, String>>>,
    },
    /// An operational record.
    Operational(OperationalRecord),
    /// The last record of all: answered when everything is on disk, and the logger ends.
    Seal {
        /// The record.
        record: OperationalRecord,
        /// The last durable sequence number, or why not.
        done: oneshot::Sender<Result<u64, String>>,
    },
}

impl LogMessage {
    /// Decision records that nobody waits for.
    #[must_use]
    pub fn decisions(records: Vec<KeyedRecord>) -> Self {
        Self::Decisions { records, durable: None }
    }
}

/// When unsynced records are synced although nobody waits for them.
#[derive(Debug, Clone, Copy)]
pub struct CommitPolicy {
    /// After this long.
    pub interval: Duration,
    /// Or at this many unsynced messages' worth of bytes.
    pub bytes: u64,
}

/// The work of the logger actor.
pub struct Logger {
    /// What it owns while it works; taken at the start.
    pub parts: Option<LoggerParts>,
}

/// The parts of the logger actor.
pub struct LoggerParts {
    /// The journal.
    pub journal: JournalWriter<Box<dyn JournalFile + Send>>,
    /// From everybody.
    pub lane: LaneReceiver<LogMessage>,
    /// When to sync.
    pub policy: CommitPolicy,
    /// Shut when the journal fails: nothing may be traded that cannot be recorded.
    pub gate: Arc<HaltGate>,
    /// Where the last durable sequence number is shown.
    pub heartbeat: Option<Arc<Heartbeat>>,
    /// For the commit interval.
    pub clock: Arc<dyn Clock>,
}

impl Work for Logger {
    const ROLE: Role = Role::Logger;

    fn run(&mut self, progress: Progress) -> LocalBoxFuture<'static, Result<(), WorkFault>> {
        let parts = self.parts.take();
        async move {
            let parts = parts.ok_or_else(|| WorkFault::fatal("the logger cannot be restarted"))?;
            work(parts, progress).await
        }
        .boxed_local()
    }
}

/// Messages that one group takes at most.
const GROUP: usize = 256;

async fn work(mut parts: LoggerParts, progress: Progress) -> Result<(), WorkFault> {
    let mut queue = Vec::with_capacity(GROUP);
    let mut waiting = Vec::new();
    let mut last_commit = parts.clock.monotonic();
    loop {
        queue.clear();
        match tokio::time::timeout(parts.policy.interval, parts.lane.recv()).await {
            Ok(Some(message)) => queue.push(message),
            Ok(None) => return Err(WorkFault::fatal("everybody left without sealing the journal")),
            Err(_idle) => {}
        }
        if !queue.is_empty() {
            parts.lane.drain_into(&mut queue, GROUP).await;
        }
        let mut seal = None;
        let mut outcome = Ok(());
        for message in queue.drain(..) {
            outcome = outcome.and_then(|()| append(&mut parts.journal, &message));
            match message {
                LogMessage::Decisions { durable: Some(ack), .. } => waiting.push(ack),
                LogMessage::Seal { done, .. } => seal = Some(done),
                _ => {}
            }
            progress.tick();
        }
        let now = parts.clock.monotonic();
        let due = parts.journal.uncommitted_bytes() > 0
            && (now.duration_since(last_commit) >= parts.policy.interval
                || parts.journal.uncommitted_bytes() >= parts.policy.bytes);
        if outcome.is_ok() && (due || !waiting.is_empty() || seal.is_some()) {
            last_commit = now;
            outcome = parts.journal.commit().map(|seq| {
                if let Some(heartbeat) = &parts.heartbeat {
                    heartbeat.acknowledge(seq);
                }
            });
        }
        if let Err(fault) = outcome {
            // Gate first, then tell: nothing may be sent that cannot be recorded.
            let text = format!("journal: {fault}");
            parts.gate.trip("journal", &text);
            waiting.drain(..).for_each(|ack| drop(ack.send(Err(text.clone()))));
            if let Some(done) = seal {
                let _ = done.send(Err(text.clone()));
            }
            return Err(WorkFault::fatal(text));
        }
        let durable = parts.journal.durable_seq();
        waiting.drain(..).for_each(|ack| drop(ack.send(Ok(durable))));
        if let Some(done) = seal {
            let _ = done.send(Ok(durable));
            return Ok(());
        }
    }
}

fn append(
    journal: &mut JournalWriter<Box<dyn JournalFile + Send>>,
    message: &LogMessage,
) -> Result<(), crate::runlog::RunLogError> {
    let appended = match message {
        LogMessage::Inputs(batch) => journal.append_inputs(batch),
        LogMessage::Decisions { records, .. } => journal.append_decisions(records),
        LogMessage::Operational(record) | LogMessage::Seal { record, .. } => {
            journal.append_operational(record)
        }
    };
    appended.map(|_| ())
}
