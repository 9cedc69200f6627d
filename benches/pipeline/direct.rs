//! The core in one thread, one stage after the other: no queue, no message, no second thread.

use std::sync::Arc;

use peak_trade::actors::logger::CommitPolicy;
use peak_trade::market::SourceState;
use peak_trade::messages::{SignalBatch, issue_records};
use peak_trade::risk::{ExecutionRequest, OrderTotals, RiskStep};
use peak_trade::session::crew::CrewParams;

use crate::setup::{Journal, Run};

pub fn run(mut run: Run, params: &CrewParams) -> OrderTotals {
    let engine = &mut run.engine;
    let mut events = Vec::with_capacity(params.batch_max);
    let mut records = Vec::new();
    let mut last_commit = run.clock.monotonic();
    loop {
        events.clear();
        let state = run.source.next_batch(params.batch_max, &mut events).unwrap();
        let batch = Arc::new(engine.market.absorb(&events, run.clock.now()));
        run.journal.append_inputs(&batch).unwrap();
        records.extend(issue_records(&batch.issues));
        let signals = engine.strategy.process(&batch, &mut records).unwrap();
        engine.risk.begin(SignalBatch { inputs: batch, signals });
        let mut reply = None;
        while let RiskStep::Needs(request) = engine.risk.advance(reply.take(), &mut records) {
            if matches!(request, ExecutionRequest::Submit { .. }) {
                run.journal.append_decisions(&records).unwrap();
                records.clear();
                run.journal.commit().unwrap();
                last_commit = run.clock.monotonic();
            }
            reply = Some(engine.execution.handle(request, &mut records));
        }
        run.journal.append_decisions(&records).unwrap();
        records.clear();
        let now = run.clock.monotonic();
        if is_due(&run.journal, params.commit, now - last_commit) {
            run.journal.commit().unwrap();
            last_commit = now;
        }
        if state == SourceState::Ended || engine.market.is_finished() {
            break;
        }
    }
    engine.finish("the session ends", &mut records).unwrap();
    run.journal.append_decisions(&records).unwrap();
    run.journal.commit().unwrap();
    engine.risk.totals()
}

/// When the logger actor syncs without being asked.
pub fn is_due(journal: &Journal, policy: CommitPolicy, since: std::time::Duration) -> bool {
    let bytes = journal.uncommitted_bytes();
    bytes > 0 && (since >= policy.interval || bytes >= policy.bytes)
}
