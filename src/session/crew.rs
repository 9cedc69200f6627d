//! A session's actors: lanes laid, Arbiters started, everybody placed, the guardian told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::prelude::*;
use thiserror::Error;
use tokio::sync::{oneshot, watch};

use super::engine::Engine;
use crate::actors::control::{Control, SessionControl};
use crate::actors::execution::Execution;
use crate::actors::gauges::SessionGauges;
use crate::actors::guardian::{Guardian, GuardianParams, GuardianParts, Member, Respawn, SessionEnd};
use crate::actors::lane::{Chaos, LaneSender, lane};
use crate::actors::logger::{CommitPolicy, LogMessage, Logger, LoggerParts};
use crate::actors::market_data::{MarketData, MarketParts};
use crate::actors::risk_limit::{RiskLimit, RiskParts};
use crate::actors::shell::{Shell, Work};
use crate::actors::strategy::Strategy;
use crate::clock::Clock;
use crate::execution::HaltGate;
use crate::market::{Pacer, Source};
use crate::messages::OperationalRecord;
use crate::messages::control::{ActorEvent, EndState, Role};
use crate::risk::RiskStage;
use crate::runlog::{Heartbeat, JournalFile, JournalWriter};

/// How the actors are placed and bounded.
#[derive(Debug, Clone)]
pub struct CrewParams {
    /// Threads (Arbiters) for the five actors, 1 to 5.
    pub arbiters: usize,
    /// Batches that a lane holds.
    pub lane_capacity: usize,
    /// Inputs that a batch holds at most.
    pub batch_max: usize,
    /// Supervision.
    pub guardian: GuardianParams,
    /// When the journal is synced without being asked.
    pub commit: CommitPolicy,
    /// Random yields, for tests.
    pub chaos: Chaos,
}

/// Everything a crew works with.
pub struct CrewParts {
    /// The core.
    pub engine: Engine,
    /// Where events come from.
    pub source: Box<dyn Source>,
    /// The session's speed.
    pub pacer: Pacer,
    /// The journal, its header written.
    pub journal: JournalWriter<Box<dyn JournalFile + Send>>,
    /// The gate that execution asks.
    pub gate: Arc<HaltGate>,
    /// The page that others watch.
    pub heartbeat: Option<Arc<Heartbeat>>,
    /// Figures for onlookers.
    pub gauges: Arc<SessionGauges>,
    /// Local time.
    pub clock: Arc<dyn Clock>,
}

/// What a crew leaves behind.
pub struct CrewOutcome {
    /// How it ended.
    pub end: SessionEnd,
    /// The risk stage with the account; `None` when it did not end in order.
    pub risk: Option<RiskStage>,
}

/// The actor system itself could not be run.
#[derive(Debug, Error)]
pub enum CrewError {
    /// The guardian vanished: nobody watches, so nothing may trade.
    #[error("the guardian vanished; the gate was shut")]
    GuardianGone,
    /// An actor did not come up.
    #[error("the {0} actor did not answer after its start; the gate was shut")]
    NotStarted(Role),
}

/// Which Arbiter hosts which role, for 1 to 5 Arbiters. Order-critical actors share theirs with
/// nobody else from three Arbiters on; the journal's syncs block the logger's.
fn place(role: Role, arbiters: usize) -> usize {
    let placement: [usize; 5] = match arbiters {
        0 | 1 => [0, 0, 0, 0, 0],
        2 => [0, 0, 1, 1, 0],
        3 => [0, 0, 1, 1, 2],
        4 => [0, 1, 2, 2, 3],
        _ => [0, 1, 2, 3, 4],
    };
    let [market, strategy, risk, execution, logger] = placement;
    match role {
        Role::MarketData => market,
        Role::Strategy => strategy,
        Role::RiskLimit => risk,
        Role::Execution => execution,
        Role::Logger => logger,
    }
}

/// Runs a session's actors on this thread and `arbiters` more until the session ends. `attach`
/// gets the handle by which signals and people reach the session.
///
/// # Errors
/// [`CrewError`] when supervision itself fails.
pub fn run_crew(
    parts: CrewParts,
    params: &CrewParams,
    attach: impl FnOnce(&SessionControl),
) -> Result<CrewOutcome, CrewError> {
    System::new().block_on(async move {
        let arbiters: Vec<Arbiter> = (0..params.arbiters.clamp(1, 5)).map(|_| Arbiter::new()).collect();
        let outcome = work(parts, params, &arbiters, attach).await;
        for arbiter in &arbiters {
            arbiter.stop();
        }
        for arbiter in arbiters {
            // A blocked thread must not hold up the report of a kill; it dies with the process.
            let (joined, waiting) = oneshot::channel();
            let joiner = std::thread::Builder::new().spawn(move || {
                let _ = arbiter.join();
                let _ = joined.send(());
            });
            if joiner.is_ok() {
                let _ = tokio::time::timeout(JOIN_TIMEOUT, waiting).await;
            }
        }
        System::current().stop();
        outcome
    })
}

async fn work(
    parts: CrewParts,
    params: &CrewParams,
    arbiters: &[Arbiter],
    attach: impl FnOnce(&SessionControl),
) -> Result<CrewOutcome, CrewError> {
    let handle = |role: Role| arbiters[place(role, arbiters.len())].handle();
    let chaos = &params.chaos;
    let (inputs_out, inputs_in) = lane("inputs", params.lane_capacity, chaos);
    let (signals_out, signals_in) = lane("signals", params.lane_capacity, chaos);
    let (orders_out, orders_in) = lane("orders", 1, chaos);
    let (replies_out, replies_in) = lane("replies", 1, chaos);
    let (log_out, log_in) = lane::<LogMessage>("log", params.lane_capacity.saturating_mul(4), chaos);
    // Both ends of every lane are held here until the end: who dies is told by its own death, not
    // by what its neighbours make of a closed lane.
    let _senders = (inputs_out.clone(), signals_out.clone(), orders_out.clone(), replies_out.clone());
    let _receivers =
        (inputs_in.clone(), signals_in.clone(), orders_in.clone(), replies_in.clone(), log_in.clone());
    let (stop, stop_seen) = watch::channel(false);
    let (done, ended) = oneshot::channel();
    let estate = Arc::new(Mutex::new(None));
    let Engine { market, strategy, risk, execution, max_restarts: _ } = parts.engine;

    // The guardian lives on this thread, and first of all: deaths during the start are told to it.
    let relay = Relay::default().start();
    let events: Recipient<ActorEvent> = relay.clone().recipient();
    let mut members = BTreeMap::new();

    // Consumers first: nobody sends to an actor that is not there yet.
    let logger = Logger {
        parts: Some(LoggerParts {
            journal: parts.journal,
            lane: log_in,
            policy: params.commit,
            gate: Arc::clone(&parts.gate),
            heartbeat: parts.heartbeat.clone(),
            clock: Arc::clone(&parts.clock),
        }),
    };
    members.insert(Role::Logger, start(logger, &handle(Role::Logger), &events));
    let (gate, log) = (Arc::clone(&parts.gate), log_out.clone());
    members.insert(
        Role::Execution,
        start_with(
            move || Execution::new(execution, gate, orders_in, replies_out, log),
            &handle(Role::Execution),
            &events,
        ),
    );
    let risk = RiskLimit {
        parts: Some(RiskParts {
            stage: risk,
            lane: signals_in,
            execution: orders_out,
            replies: replies_in,
            log: log_out.clone(),
            gauges: Arc::clone(&parts.gauges),
            estate: Arc::clone(&estate),
            end_reason: "the session ends",
        }),
    };
    members.insert(Role::RiskLimit, start(risk, &handle(Role::RiskLimit), &events));
    let strategy = Strategy::new(strategy, inputs_in, signals_out, log_out.clone());
    let (successor, home) = (strategy.clone(), handle(Role::Strategy));
    let respawn_strategy: Respawn = Box::new(move |events| start(successor.clone(), &home, &events));
    members.insert(Role::Strategy, start(strategy, &handle(Role::Strategy), &events));
    for (role, member) in &members {
        let answer =
            tokio::time::timeout(START_TIMEOUT, member.ping.send(crate::messages::control::Ping)).await;
        if !matches!(answer, Ok(Ok(_))) {
            parts.gate.trip("session", "an actor did not start");
            return Err(CrewError::NotStarted(*role));
        }
    }
    let market = MarketData {
        parts: Some(MarketParts {
            source: parts.source,
            stage: market,
            pacer: parts.pacer,
            batch_max: params.batch_max,
            out: inputs_out,
            log: log_out.clone(),
            stop: stop_seen,
            gauges: Arc::clone(&parts.gauges),
            clock: Arc::clone(&parts.clock),
        }),
    };
    members.insert(Role::MarketData, start(market, &handle(Role::MarketData), &events));

    let guardian = Guardian::new(GuardianParts {
        params: params.guardian.clone(),
        members,
        respawn_strategy,
        stop,
        gate: Arc::clone(&parts.gate),
        log: log_out.clone(),
        heartbeat: parts.heartbeat,
        clock: Arc::clone(&parts.clock),
        done,
    })
    .start();
    relay.do_send(AttachGuardian(guardian.clone().recipient()));
    let control = Control::new(guardian.clone().recipient()).start();
    attach(&SessionControl::new(Arc::clone(&parts.gate), control));

    let Ok(end) = ended.await else {
        parts.gate.trip("session", "the guardian vanished");
        seal_alone(&log_out, parts.clock.as_ref()).await;
        return Err(CrewError::GuardianGone);
    };
    let risk = estate.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(CrewOutcome { end, risk })
}

/// Seals the journal when the guardian cannot: what was decided shall not be lost with it.
async fn seal_alone(log: &LaneSender<LogMessage>, clock: &dyn Clock) {
    let (done, sealed) = oneshot::channel();
    let record = OperationalRecord::RunEnded {
        state: EndState::Failed.to_string(),
        reason: CrewError::GuardianGone.to_string(),
        at: clock.now(),
    };
    let work = async {
        log.send(LogMessage::Seal { record, done }).await.is_ok() && matches!(sealed.await, Ok(Ok(_)))
    };
    if !tokio::time::timeout(START_TIMEOUT, work).await.unwrap_or(false) {
        tracing::error!("the guardian vanished and the journal could not be sealed");
    }
}

/// How long an actor has to answer after its start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a stopped Arbiter's thread is waited for.
const JOIN_TIMEOUT: Duration = Duration::from_secs(2);

fn start<W: Work + Send>(work: W, arbiter: &ArbiterHandle, events: &Recipient<ActorEvent>) -> Member {
    start_with(move || work, arbiter, events)
}

/// Starts a shell on an Arbiter; its work is made there.
fn start_with<W: Work>(
    make: impl FnOnce() -> W + Send + 'static,
    arbiter: &ArbiterHandle,
    events: &Recipient<ActorEvent>,
) -> Member {
    let events = events.clone();
    let address = Shell::<W>::start_in_arbiter(arbiter, move |_| Shell::new(make(), events));
    Member { ping: address.clone().recipient(), poison: address.recipient() }
}

/// Keeps what actors tell before the guardian is there, and passes it on.
#[derive(Default)]
struct Relay {
    guardian: Option<Recipient<ActorEvent>>,
    waiting: Vec<ActorEvent>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct AttachGuardian(Recipient<ActorEvent>);

impl Actor for Relay {
    type Context = Context<Self>;
}

impl Handler<ActorEvent> for Relay {
    type Result = ();

    fn handle(&mut self, event: ActorEvent, _: &mut Self::Context) {
        match &self.guardian {
            Some(guardian) => guardian.do_send(event),
            None => self.waiting.push(event),
        }
    }
}

impl Handler<AttachGuardian> for Relay {
    type Result = ();

    fn handle(&mut self, AttachGuardian(guardian): AttachGuardian, _: &mut Self::Context) {
        for event in self.waiting.drain(..) {
            guardian.do_send(event);
        }
        self.guardian = Some(guardian);
    }
}
