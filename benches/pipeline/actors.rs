//! The five actors, as a session runs them.

use std::sync::Arc;

use peak_trade::market::{Pacer, Speed};
use peak_trade::messages::control::EndState;
use peak_trade::risk::OrderTotals;
use peak_trade::session::crew::{CrewParams, CrewParts, run_crew};

use crate::setup::Run;

pub fn run(run: Run, params: &CrewParams) -> OrderTotals {
    let parts = CrewParts {
        engine: run.engine,
        source: run.source,
        pacer: Pacer::new(Speed::Max),
        journal: run.journal,
        gate: run.gate,
        heartbeat: None,
        gauges: Arc::default(),
        clock: run.clock,
    };
    let outcome = run_crew(parts, params, |_| ()).unwrap();
    assert_eq!(outcome.end.state, EndState::Completed, "{}", outcome.end.reason);
    outcome.end.sealed.unwrap();
    outcome.risk.unwrap().totals()
}
