//! The risk limit actor: keeps the account and asks execution for what was approved.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

use super::execution::ExecutionCommand;
use super::gauges::SessionGauges;
use super::lane::{Flow, LaneReceiver, LaneSender};
use super::line_budget::LineBudget;
use super::logger::LogMessage;
use super::shell::{Progress, Work, WorkFault};
use crate::messages::control::Role;
use crate::messages::{DecisionRecord, KeyedRecord, SignalBatch};
use crate::risk::{ExecutionReply, ExecutionRequest, RiskStage, RiskStep};

/// The work of the risk limit actor.
pub struct RiskLimit {
    /// What it owns while it works; taken at the start.
    pub parts: Option<RiskParts>,
}

/// The parts of the risk limit actor.
pub struct RiskParts {
    /// The core.
    pub stage: RiskStage,
    /// From the strategy.
    pub lane: LaneReceiver<Flow<SignalBatch>>,
    /// To execution.
    pub execution: LaneSender<ExecutionCommand>,
    /// Execution's answers.
    pub replies: LaneReceiver<ExecutionReply>,
    /// To the logger.
    pub log: LaneSender<LogMessage>,
    /// For onlookers.
    pub gauges: Arc<SessionGauges>,
    /// Where the stage goes when the session is over.
    pub estate: Arc<std::sync::Mutex<Option<RiskStage>>>,
    /// Why the session ends, for what is cancelled then.
    pub end_reason: &'static str,
}

impl Work for RiskLimit {
    const ROLE: Role = Role::RiskLimit;

    fn run(&mut self, progress: Progress) -> LocalBoxFuture<'static, Result<(), WorkFault>> {
        let parts = self.parts.take();
        async move {
            let parts = parts.ok_or_else(|| WorkFault::fatal("the risk limit actor cannot be restarted"))?;
            work(parts, progress).await
        }
        .boxed_local()
    }
}

async fn work(mut parts: RiskParts, progress: Progress) -> Result<(), WorkFault> {
    let mut lines = LineBudget::new("RISK");
    loop {
        match parts.lane.recv().await {
            Some(Flow::Item(batch)) => {
                parts.stage.begin(batch);
                let mut reply = None;
                let mut records = Vec::new();
                while let RiskStep::Needs(request) = parts.stage.advance(reply.take(), &mut records) {
                    reply = Some(ask(&parts, request, &mut records, &mut lines).await?);
                }
                say_refusals(&records, &mut lines);
                send_records(&parts.log, &mut records).await?;
                parts.gauges.inputs.store(parts.stage.last_input().0, Ordering::Relaxed);
                parts.gauges.steps.store(parts.stage.steps(), Ordering::Relaxed);
                if let Some(fault) = parts.stage.fault() {
                    return Err(WorkFault::fatal(format!("account: {fault}")));
                }
                progress.tick();
            }
            Some(Flow::End) => break,
            None => return Err(WorkFault::fatal("the strategy ended without saying so")),
        }
    }
    let mut records = Vec::new();
    if let RiskStep::Needs(request) = parts.stage.finish(parts.end_reason) {
        let reply = ask(&parts, request, &mut records, &mut lines).await?;
        parts.stage.advance(Some(reply), &mut records);
        send_records(&parts.log, &mut records).await?;
    }
    lines.close();
    let mut estate = parts.estate.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *estate = Some(parts.stage);
    Ok(())
}

/// Sends a request to execution and waits for the answer. Orders go only with the promise that
/// their intents are on disk.
async fn ask(
    parts: &RiskParts,
    request: ExecutionRequest,
    records: &mut Vec<KeyedRecord>,
    lines: &mut LineBudget,
) -> Result<ExecutionReply, WorkFault> {
    let durable = if matches!(request, ExecutionRequest::Submit { .. }) {
        say_refusals(records, lines);
        let (ack, durable) = oneshot::channel();
        let records = std::mem::take(records);
        parts.log.send(LogMessage::Decisions { records, durable: Some(ack) }).await?;
        Some(durable)
    } else {
        None
    };
    parts.execution.send(ExecutionCommand { request, durable }).await?;
    parts.replies.recv().await.ok_or_else(|| WorkFault::fatal("execution is gone"))
}

async fn send_records(log: &LaneSender<LogMessage>, records: &mut Vec<KeyedRecord>) -> Result<(), WorkFault> {
    if !records.is_empty() {
        log.send(LogMessage::decisions(std::mem::take(records))).await?;
    }
    Ok(())
}

fn say_refusals(records: &[KeyedRecord], lines: &mut LineBudget) {
    for record in records {
        if let DecisionRecord::Refused { refusal, .. } = &record.record {
            lines.warn(&format_args!("Order blocked: {refusal}"));
        }
    }
}
