//! The death watch, death by death, and a guardian that is late.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, pending};
use tokio::sync::{oneshot, watch};

use super::guardian::{Guardian, GuardianParams, GuardianParts, Member, Respawn, SessionEnd};
use super::lane::{Chaos, LaneReceiver, lane};
use super::logger::LogMessage;
use super::restart::RestartIntensity;
use super::shell::{Progress, Shell, Work, WorkFault};
use crate::clock::{Clock, SystemClock};
use crate::domain::Timestamp;
use crate::execution::HaltGate;
use crate::messages::OperationalRecord;
use crate::messages::control::{ActorEvent, Alive, Command, EndState, Ping, Poison, Poisoned, Role};

/// Where the planted panic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PanicsIn {
    Start,
    Work,
    Poison,
    Nowhere,
}

struct Planted(PanicsIn);

impl Work for Planted {
    const ROLE: Role = Role::RiskLimit;

    fn run(&mut self, _: Progress) -> LocalBoxFuture<'static, Result<(), WorkFault>> {
        assert!(self.0 != PanicsIn::Start, "planted: start");
        let place = self.0;
        async move {
            tokio::task::yield_now().await;
            assert!(place != PanicsIn::Work, "planted: work");
            pending().await
        }
        .boxed_local()
    }

    fn poison(&mut self, _: &Poison) -> Poisoned {
        assert!(self.0 != PanicsIn::Poison, "planted: poison");
        Poisoned::default()
    }
}

/// Keeps what it is told.
struct Ear(tokio::sync::mpsc::UnboundedSender<ActorEvent>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<ActorEvent> for Ear {
    type Result = ();

    fn handle(&mut self, event: ActorEvent, _: &mut Self::Context) {
        let _ = self.0.send(event);
    }
}

type Ears = tokio::sync::mpsc::UnboundedReceiver<ActorEvent>;

fn shell(place: PanicsIn) -> (Addr<Shell<Planted>>, Ears) {
    let (told, ears) = tokio::sync::mpsc::unbounded_channel();
    let events = Ear(told).start().recipient();
    (Shell::new(Planted(place), events).start(), ears)
}

async fn death(ears: &mut Ears) -> String {
    loop {
        let event = tokio::time::timeout(Duration::from_secs(10), ears.recv()).await;
        match event.expect("a death is told within 10 s").expect("the ear lives") {
            ActorEvent::Died { role: Role::RiskLimit, reason, restartable: false } => return reason,
            ActorEvent::Started(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn poison() -> Poison {
    Poison { reason: "a test".to_owned() }
}

#[test]
fn a_panic_in_the_work_is_told_with_its_text() {
    System::new().block_on(async {
        let (address, mut ears) = shell(PanicsIn::Work);
        assert_eq!(death(&mut ears).await, "panicked: planted: work");
        assert!(address.send(poison()).await.is_err());
    });
}

#[test]
fn an_actor_that_vanishes_is_told_by_its_obituary() {
    System::new().block_on(async {
        let (_address, mut ears) = shell(PanicsIn::Start);
        assert!(death(&mut ears).await.contains("vanished"));
    });
    // Its Arbiter stops under it.
    System::new().block_on(async {
        let (told, mut ears) = tokio::sync::mpsc::unbounded_channel();
        let events: Recipient<ActorEvent> = Ear(told).start().recipient();
        let arbiter = Arbiter::new();
        let address =
            Shell::start_in_arbiter(&arbiter.handle(), |_| Shell::new(Planted(PanicsIn::Nowhere), events));
        address.send(Ping).await.unwrap();
        arbiter.stop();
        assert!(death(&mut ears).await.contains("vanished"));
    });
}

#[test]
fn a_panic_while_the_poison_is_taken_is_no_acknowledgement() {
    System::new().block_on(async {
        let (address, _ears) = shell(PanicsIn::Poison);
        assert!(address.send(poison()).await.is_err());
        let (address, mut ears) = shell(PanicsIn::Nowhere);
        assert_eq!(address.send(poison()).await.unwrap(), Poisoned::default());
        drop(address);
        // Who took the poison leaves no obituary.
        while let Some(event) = ears.recv().await {
            assert_eq!(event, ActorEvent::Started(Role::RiskLimit));
        }
    });
}

/// Lives, and never answers.
struct Mute;

impl Actor for Mute {
    type Context = Context<Self>;
}

impl Handler<Ping> for Mute {
    type Result = ResponseFuture<Alive>;

    fn handle(&mut self, _: Ping, _: &mut Self::Context) -> Self::Result {
        Box::pin(pending())
    }
}

impl Handler<Poison> for Mute {
    type Result = ResponseFuture<Poisoned>;

    fn handle(&mut self, _: Poison, _: &mut Self::Context) -> Self::Result {
        Box::pin(pending())
    }
}

/// A clock by which every look is a minute after the last: its guardian is always late.
#[derive(Default)]
struct Hasty {
    looks: AtomicU64,
    begin: Mutex<Option<Instant>>,
}

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn monotonic(&self) -> Instant {
        let begin = *self.begin.lock().unwrap().get_or_insert_with(|| SystemClock.monotonic());
        begin + Duration::from_secs(60) * u32::try_from(self.looks.fetch_add(1, Ordering::SeqCst)).unwrap()
    }
}

struct Watched {
    guardian: Addr<Guardian>,
    gate: Arc<HaltGate>,
    log: LaneReceiver<LogMessage>,
    ended: oneshot::Receiver<SessionEnd>,
}

/// A guardian over these members, with a lane to the logger that holds two messages.
fn guardian(members: BTreeMap<Role, Member>, clock: Arc<dyn Clock>) -> Watched {
    let (log, log_in) = lane("log", 2, &Chaos::default());
    let (stop, _) = watch::channel(false);
    let (done, ended) = oneshot::channel();
    let gate = HaltGate::new();
    let respawn_strategy: Respawn = Box::new(|_| panic!("nothing is restarted here"));
    let millis = Duration::from_millis;
    let guardian = Guardian::new(GuardianParts {
        params: GuardianParams {
            intensity: RestartIntensity::new(0, millis(1), millis(1), millis(1)),
            heartbeat_interval: millis(2),
            missed_heartbeats: 3,
            stop_timeout: millis(50),
            poison_timeout: millis(20),
        },
        members,
        respawn_strategy,
        stop,
        gate: Arc::clone(&gate),
        log,
        heartbeat: None,
        clock,
        done,
    })
    .start();
    Watched { guardian, gate, log: log_in, ended }
}

fn mute(role: Role) -> BTreeMap<Role, Member> {
    let address = Mute.start();
    BTreeMap::from([(role, Member { ping: address.clone().recipient(), poison: address.recipient() })])
}

/// Answers the seal and returns what was journaled before it.
async fn play_logger(log: LaneReceiver<LogMessage>) -> Vec<OperationalRecord> {
    let mut records = Vec::new();
    while let Some(message) = log.recv().await {
        match message {
            LogMessage::Operational(record) => records.push(record),
            LogMessage::Seal { record, done } => {
                records.push(record);
                let _ = done.send(Ok(1));
                return records;
            }
            other => panic!("{other:?}"),
        }
    }
    records
}

#[test]
fn who_never_answers_is_named_and_the_gate_is_shut() {
    System::new().block_on(async {
        let watched = guardian(mute(Role::MarketData), Arc::new(SystemClock));
        let records = play_logger(watched.log).await;
        let end = watched.ended.await.unwrap();
        assert_eq!((end.state, end.sealed), (EndState::Killed, Ok(1)));
        assert!(end.reason.starts_with("market_data missed 3 heartbeats in a row"), "{}", end.reason);
        assert_eq!(end.unacknowledged, [Role::MarketData]);
        assert!(watched.gate.is_shut());
        assert!(matches!(&records[0], OperationalRecord::GateShut { source, .. } if source == "guardian"));
        assert!(
            matches!(&records[1], OperationalRecord::RunEnded { reason, .. } if *reason == end.reason),
            "{records:?}"
        );
    });
}

#[test]
fn a_guardian_that_was_late_blames_nobody() {
    System::new().block_on(async {
        let clock = Arc::new(Hasty::default());
        let watched = guardian(mute(Role::MarketData), Arc::clone(&clock) as Arc<dyn Clock>);
        let looked = async {
            while clock.looks.load(Ordering::SeqCst) < 100 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), looked).await.unwrap();
        assert!(!watched.gate.is_shut());
        watched
            .guardian
            .send(Command::Kill { source: "a test".to_owned(), reason: "over".to_owned() })
            .await
            .unwrap();
        play_logger(watched.log).await;
        let end = watched.ended.await.unwrap();
        assert!(end.reason.starts_with("a test: over"), "{}", end.reason);
    });
}

#[test]
fn remarks_that_find_the_lane_full_are_journaled_before_the_seal() {
    System::new().block_on(async {
        let watched = guardian(BTreeMap::new(), Arc::new(SystemClock));
        for role in [Role::MarketData, Role::Strategy, Role::RiskLimit, Role::Execution, Role::Logger] {
            watched.guardian.send(ActorEvent::Started(role)).await.unwrap();
        }
        let kill = Command::Kill { source: "a test".to_owned(), reason: "over".to_owned() };
        watched.guardian.send(kill).await.unwrap();
        let records = play_logger(watched.log).await;
        let roles: Vec<&str> = records
            .iter()
            .filter_map(|record| match record {
                OperationalRecord::ActorStarted { role, .. } => Some(role.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(roles, ["market_data", "strategy", "risk_limit", "execution", "logger"]);
        assert!(matches!(records[5], OperationalRecord::GateShut { .. }), "{records:?}");
        assert!(matches!(records[6], OperationalRecord::RunEnded { .. }), "{records:?}");
        assert_eq!(watched.ended.await.unwrap().state, EndState::Killed);
    });
}

#[test]
fn nobody_waits_for_a_dead_logger() {
    System::new().block_on(async {
        let watched = guardian(BTreeMap::new(), Arc::new(SystemClock));
        let died = ActorEvent::Died { role: Role::Logger, reason: "planted".to_owned(), restartable: false };
        watched.guardian.send(died).await.unwrap();
        let end = watched.ended.await.unwrap();
        assert_eq!((end.state, end.reason.as_str()), (EndState::Failed, "logger died: planted"));
        assert_eq!(end.sealed, Err("the logger is gone".to_owned()));
        assert!(watched.gate.is_shut());
    });
}
