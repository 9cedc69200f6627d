//! The market data actor: reads the source at the session's speed, checks, numbers, aggregates.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::watch;

use super::gauges::SessionGauges;
use super::lane::{Flow, LaneSender};
use super::line_budget::LineBudget;
use super::logger::LogMessage;
use super::shell::{Progress, Work, WorkFault};
use crate::clock::Clock;
use crate::market::{MarketStage, Pacer, Source, SourceError, SourceState};
use crate::messages::control::Role;
use crate::messages::{InputBatch, issue_records};

/// How long the actor waits for a real-time source that has nothing to tell.
const IDLE_POLL: Duration = Duration::from_millis(50);

/// The work of the market data actor.
pub struct MarketData {
    /// What it owns while it works; taken at the start.
    pub parts: Option<MarketParts>,
}

/// The parts of the market data actor.
pub struct MarketParts {
    /// Where events come from.
    pub source: Box<dyn Source>,
    /// Quality, numbering, aggregation.
    pub stage: MarketStage,
    /// The session's speed.
    pub pacer: Pacer,
    /// Most events a batch takes.
    pub batch_max: usize,
    /// To the strategy.
    pub out: LaneSender<Flow<Arc<InputBatch>>>,
    /// To the logger.
    pub log: LaneSender<LogMessage>,
    /// Turns true when no further input is wanted.
    pub stop: watch::Receiver<bool>,
    /// For onlookers.
    pub gauges: Arc<SessionGauges>,
    /// Local time.
    pub clock: Arc<dyn Clock>,
}

impl Work for MarketData {
    const ROLE: Role = Role::MarketData;

    fn run(&mut self, progress: Progress) -> LocalBoxFuture<'static, Result<(), WorkFault>> {
        let parts = self.parts.take();
        async move {
            let parts = parts.ok_or_else(|| WorkFault::fatal("the market data actor cannot be restarted"))?;
            work(parts, progress).await
        }
        .boxed_local()
    }
}

async fn work(mut parts: MarketParts, progress: Progress) -> Result<(), WorkFault> {
    let mut events = Vec::with_capacity(parts.batch_max);
    let mut lines = LineBudget::new("DATA");
    let begin = tokio::time::Instant::now();
    loop {
        if *parts.stop.borrow() || parts.stage.is_finished() {
            break;
        }
        events.clear();
        let limit = if parts.pacer.is_paced() { 1 } else { parts.batch_max };
        let state = parts.source.next_batch(limit, &mut events);
        if events.is_empty() {
            match state {
                Err(fault) => return Err(source_fault(&fault)),
                Ok(SourceState::Ended) => break,
                Ok(SourceState::More) => {
                    let _ = tokio::time::timeout(IDLE_POLL, parts.stop.changed()).await;
                    continue;
                }
            }
        }
        if parts.pacer.is_paced()
            && let Some(event) = events.first()
        {
            let due = begin + parts.pacer.due(event.time());
            let stopped = tokio::time::timeout_at(due, parts.stop.wait_for(|stop| *stop)).await.is_ok();
            if stopped {
                break;
            }
        }
        let batch = parts.stage.absorb(&events, parts.clock.now());
        if batch.inputs.is_empty() {
            continue;
        }
        for issue in &batch.issues {
            lines.warn(&issue.kind);
        }
        let counts = parts.stage.counts();
        parts.gauges.data_gaps.store(counts.gaps, Ordering::Relaxed);
        parts.gauges.data_dropped.store(counts.dropped, Ordering::Relaxed);
        parts.gauges.data_quarantined.store(counts.quarantined, Ordering::Relaxed);
        let findings: Vec<_> = issue_records(&batch.issues).collect();
        let batch = Arc::new(batch);
        parts.log.send(LogMessage::Inputs(Arc::clone(&batch))).await?;
        if !findings.is_empty() {
            parts.log.send(LogMessage::decisions(findings)).await?;
        }
        parts.out.send(Flow::Item(batch)).await?;
        progress.tick();
        // A source that always has something never makes this task wait: without this, whoever
        // shares the thread would get the batch only when the lane is full, and control too.
        tokio::task::yield_now().await;
        match state {
            // What came before the fault is valid and was passed on.
            Err(fault) if !parts.stage.is_finished() => return Err(source_fault(&fault)),
            Ok(SourceState::More) => {}
            Ok(SourceState::Ended) | Err(_) => break,
        }
    }
    lines.close();
    parts.out.send(Flow::End).await?;
    Ok(())
}

fn source_fault(fault: &SourceError) -> WorkFault {
    WorkFault::fatal(format!("source: {fault}"))
}
