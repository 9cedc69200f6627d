//! The guardian: watches deaths and heartbeats, restarts what may be restarted, and ends the
//! session in order. It runs on the session's own thread, apart from everybody it watches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::{oneshot, watch};

use super::lane::LaneSender;
use super::logger::LogMessage;
use super::restart::RestartIntensity;
use crate::clock::Clock;
use crate::execution::HaltGate;
use crate::messages::OperationalRecord;
use crate::messages::control::{ActorEvent, Command, EndState, Ping, Poison, Poisoned, Role};
use crate::runlog::Heartbeat;

/// How often the mapped page shows that the session lives; onlookers call two seconds stale.
const PAGE_INTERVAL: Duration = Duration::from_millis(500);

/// How the guardian reaches one actor.
pub struct Member {
    /// To its mailbox.
    pub ping: Recipient<Ping>,
    /// To its mailbox.
    pub poison: Recipient<Poison>,
}

/// Makes the successor of an actor.
pub type Respawn = Box<dyn Fn(Recipient<ActorEvent>) -> Member>;

/// Times and bounds of supervision.
#[derive(Debug, Clone)]
pub struct GuardianParams {
    /// Restarts of the strategy.
    pub intensity: RestartIntensity,
    /// How often everybody is asked whether they live.
    pub heartbeat_interval: Duration,
    /// Unanswered questions in a row after which the gate is shut.
    pub missed_heartbeats: u32,
    /// How long an orderly stop may take before it becomes a kill.
    pub stop_timeout: Duration,
    /// How long one actor has to acknowledge the poison.
    pub poison_timeout: Duration,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEnd {
    /// Completed, stopped, failed or killed.
    pub state: EndState,
    /// Why.
    pub reason: String,
    /// How often the strategy was restarted.
    pub restarts: u32,
    /// What the order actor said to the poison; `None` if it did not answer.
    pub execution: Option<Poisoned>,
    /// Actors that did not acknowledge in time.
    pub unacknowledged: Vec<Role>,
    /// The last durable sequence number of the sealed journal, or why it could not be sealed.
    pub sealed: Result<u64, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    Draining,
    Ending,
}

/// The guardian actor.
pub struct Guardian {
    params: GuardianParams,
    members: BTreeMap<Role, Member>,
    missed: BTreeMap<Role, u32>,
    /// Remarks that found no room in the logger's lane yet.
    unlogged: Vec<OperationalRecord>,
    /// Turns true when nobody will seal the journal.
    logger_gone: watch::Sender<bool>,
    respawn_strategy: Respawn,
    restarts: u32,
    stop: watch::Sender<bool>,
    gate: Arc<HaltGate>,
    log: LaneSender<LogMessage>,
    heartbeat: Option<Arc<Heartbeat>>,
    clock: Arc<dyn Clock>,
    last_beat: Option<Instant>,
    stage: Stage,
    end: (EndState, String),
    done: Option<oneshot::Sender<SessionEnd>>,
}

/// What the guardian is made of.
pub struct GuardianParts {
    /// Times and bounds.
    pub params: GuardianParams,
    /// Everybody, already started.
    pub members: BTreeMap<Role, Member>,
    /// Makes a new strategy actor.
    pub respawn_strategy: Respawn,
    /// Tells market data that no further input is wanted.
    pub stop: watch::Sender<bool>,
    /// The gate.
    pub gate: Arc<HaltGate>,
    /// To the logger.
    pub log: LaneSender<LogMessage>,
    /// The page that others watch.
    pub heartbeat: Option<Arc<Heartbeat>>,
    /// Local time.
    pub clock: Arc<dyn Clock>,
    /// Told when the session is over.
    pub done: oneshot::Sender<SessionEnd>,
}

impl Guardian {
    /// A guardian over actors that have been started.
    #[must_use]
    pub fn new(parts: GuardianParts) -> Self {
        Self {
            params: parts.params,
            members: parts.members,
            missed: BTreeMap::new(),
            unlogged: Vec::new(),
            logger_gone: watch::Sender::new(false),
            respawn_strategy: parts.respawn_strategy,
            restarts: 0,
            stop: parts.stop,
            gate: parts.gate,
            log: parts.log,
            heartbeat: parts.heartbeat,
            clock: parts.clock,
            last_beat: None,
            stage: Stage::Running,
            end: (EndState::Completed, "the source ended".to_owned()),
            done: Some(parts.done),
        }
    }

    /// Journals a remark; one that finds the lane full goes with the next, or before the seal.
    fn note(&mut self, record: OperationalRecord) {
        self.unlogged.push(record);
        let mut waiting = std::mem::take(&mut self.unlogged).into_iter();
        while let Some(record) = waiting.next() {
            if let Err(LogMessage::Operational(record)) = self.log.try_send(LogMessage::Operational(record)) {
                self.unlogged.push(record);
                self.unlogged.extend(waiting);
                return;
            }
        }
    }

    /// Lets what is queued be worked off, then ends.
    fn drain(&mut self, state: EndState, reason: String) {
        if self.stage != Stage::Running {
            return;
        }
        self.stage = Stage::Draining;
        self.end = (state, reason);
        let _ = self.stop.send(true);
    }

    /// Somebody waits for the end: past its time the stop becomes a kill. A source that ended by
    /// itself has no such limit; a slow strategy may take its time over what is queued.
    fn limit_stop(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(self.params.stop_timeout, |guardian, ctx| {
            if guardian.stage == Stage::Draining {
                let reason = format!(
                    "the orderly stop did not end within {} s",
                    guardian.params.stop_timeout.as_secs()
                );
                tracing::error!("{reason}: the gate is shut");
                guardian.gate.trip("guardian", &reason);
                guardian.halt(EndState::Killed, reason, ctx);
            }
        });
    }

    /// Ends at once: the gate is shut already.
    fn halt(&mut self, state: EndState, reason: String, ctx: &mut Context<Self>) {
        if self.stage == Stage::Ending {
            return;
        }
        let _ = self.stop.send(true);
        self.end = (state, reason);
        let (source, why) = self.gate.cause().map_or(("", ""), |cause| cause);
        self.note(OperationalRecord::GateShut {
            source: source.to_owned(),
            reason: why.to_owned(),
            at: self.clock.now(),
        });
        self.wind_up(&Role::KILL_ORDER, ctx);
    }

    /// Stops everybody in this order, seals the journal, and reports.
    fn wind_up(&mut self, order: &[Role], ctx: &mut Context<Self>) {
        if self.stage == Stage::Ending {
            return;
        }
        self.stage = Stage::Ending;
        let (state, reason) = self.end.clone();
        let mut members = std::mem::take(&mut self.members);
        let unlogged = std::mem::take(&mut self.unlogged);
        let logger_gone = self.logger_gone.subscribe();
        let order: Vec<Role> = order.iter().copied().filter(|role| *role != Role::Logger).collect();
        let (log, clock, restarts) = (self.log.clone(), Arc::clone(&self.clock), self.restarts);
        let timeout = self.params.poison_timeout;
        let poison = Poison { reason: format!("{state}: {reason}") };
        let work = async move {
            let mut execution: Option<Poisoned> = None;
            let mut unacknowledged = Vec::new();
            for role in order {
                let Some(member) = members.remove(&role) else { continue };
                match tokio::time::timeout(timeout, member.poison.send(poison.clone())).await {
                    Ok(Ok(answer)) if role == Role::Execution => execution = Some(answer),
                    Ok(Ok(_)) => {}
                    Ok(Err(_)) | Err(_) => unacknowledged.push(role),
                }
            }
            let reason = with_the_silent(reason, &unacknowledged);
            let record = OperationalRecord::RunEnded {
                state: state.as_str().to_owned(),
                reason: reason.clone(),
                at: clock.now(),
            };
            let mut last: Vec<LogMessage> = unlogged.into_iter().map(LogMessage::Operational).collect();
            if let Some(execution) = execution.as_mut().filter(|e| !e.records.is_empty()) {
                last.push(LogMessage::decisions(std::mem::take(&mut execution.records)));
            }
            let sealed = seal(&log, last, record, timeout.saturating_mul(10), logger_gone).await;
            SessionEnd { state, reason, restarts, execution, unacknowledged, sealed }
        };
        ctx.spawn(work.into_actor(self).map(|end, guardian, ctx| {
            if let Some(done) = guardian.done.take() {
                let _ = done.send(end);
            }
            ctx.stop();
        }));
    }

    fn died(&mut self, role: Role, reason: String, restartable: bool, ctx: &mut Context<Self>) {
        let at = self.clock.now();
        tracing::error!("actor {role} died: {reason}");
        // Nobody asks the dead; a successor takes the place.
        self.members.remove(&role);
        self.missed.remove(&role);
        if role == Role::Logger {
            self.logger_gone.send_replace(true);
        }
        self.note(OperationalRecord::ActorDied { role: role.to_string(), reason: reason.clone(), at });
        if self.stage == Stage::Ending {
            return;
        }
        if restartable && role == Role::Strategy {
            if let Some(pause) = self.params.intensity.allow(self.clock.monotonic()) {
                ctx.run_later(pause, |guardian, ctx| guardian.restart_strategy(ctx));
                return;
            }
            let why = format!("{role} died more often than restarts are allowed; last: {reason}");
            self.gate.trip("guardian", &why);
            self.halt(EndState::Failed, why, ctx);
            return;
        }
        let why = format!("{role} died: {reason}");
        // A kill that is under way stays a kill; what an actor shut itself is its failure.
        let killed =
            matches!(self.gate.cause(), Some((source, _)) if !matches!(source, "journal" | "execution"));
        self.gate.trip("guardian", &why);
        self.halt(if killed { EndState::Killed } else { EndState::Failed }, why, ctx);
    }

    fn restart_strategy(&mut self, ctx: &mut Context<Self>) {
        if self.stage == Stage::Ending {
            return;
        }
        self.restarts += 1;
        tracing::warn!("strategy restarted ({} so far), rebuilt from bar history", self.restarts);
        let member = (self.respawn_strategy)(ctx.address().recipient());
        self.members.insert(Role::Strategy, member);
        self.note(OperationalRecord::ActorRestarted {
            role: Role::Strategy.to_string(),
            restarts: self.restarts,
            at: self.clock.now(),
        });
    }

    fn beat(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.monotonic();
        let on_time = self.last_beat.is_none_or(|last| !self.is_late(last));
        self.last_beat = Some(now);
        // A guardian that was itself late cannot blame anybody.
        if !on_time || self.stage == Stage::Ending {
            return;
        }
        for (role, member) in &self.members {
            let role = *role;
            let answer = tokio::time::timeout(self.params.heartbeat_interval, member.ping.send(Ping));
            ctx.spawn(answer.into_actor(self).map(move |answer, guardian, ctx| match answer {
                Ok(Ok(_)) => {
                    guardian.missed.remove(&role);
                }
                Ok(Err(_)) => guardian.missed_beat(role, ctx),
                // The question may have run out only because this thread slept through the answer.
                Err(_elapsed) if guardian.is_late(now) => {}
                Err(_elapsed) => guardian.missed_beat(role, ctx),
            }));
        }
    }

    /// True when the interval that began then is long over.
    fn is_late(&self, since: Instant) -> bool {
        self.clock.monotonic().duration_since(since) >= self.params.heartbeat_interval.saturating_mul(2)
    }

    fn missed_beat(&mut self, role: Role, ctx: &mut Context<Self>) {
        if !self.members.contains_key(&role) {
            return;
        }
        let missed = self.missed.entry(role).or_insert(0);
        *missed += 1;
        tracing::warn!("actor {role} did not answer its heartbeat ({missed} in a row)");
        if *missed >= self.params.missed_heartbeats && self.stage != Stage::Ending {
            let reason = format!("{role} missed {missed} heartbeats in a row");
            self.gate.trip("guardian", &reason);
            self.halt(EndState::Killed, reason, ctx);
        }
    }
}

/// The reason of the end, and who did not acknowledge it.
fn with_the_silent(reason: String, unacknowledged: &[Role]) -> String {
    if unacknowledged.is_empty() {
        return reason;
    }
    let names: Vec<&str> = unacknowledged.iter().map(|role| role.as_str()).collect();
    format!("{reason}; no acknowledgement from {}", names.join(", "))
}

/// Journals the last remarks and seals.
async fn seal(
    log: &LaneSender<LogMessage>,
    last: Vec<LogMessage>,
    record: OperationalRecord,
    timeout: Duration,
    mut logger_gone: watch::Receiver<bool>,
) -> Result<u64, String> {
    let (done, sealed) = oneshot::channel();
    let work = async {
        for message in last {
            log.send(message).await.map_err(|e| e.to_string())?;
        }
        log.send(LogMessage::Seal { record, done }).await.map_err(|e| e.to_string())?;
        sealed.await.map_err(|_| "the logger is gone".to_owned())?
    };
    tokio::select! {
        biased;
        answer = tokio::time::timeout(timeout, work) => {
            answer.map_err(|_| "the logger did not answer in time".to_owned())?
        }
        _ = logger_gone.wait_for(|gone| *gone) => Err("the logger is gone".to_owned()),
    }
}

impl Actor for Guardian {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.params.heartbeat_interval, Self::beat);
        ctx.run_interval(PAGE_INTERVAL, |guardian, _| {
            if let Some(page) = &guardian.heartbeat {
                page.beat(guardian.clock.now());
            }
        });
    }
}

impl Handler<ActorEvent> for Guardian {
    type Result = ();

    fn handle(&mut self, event: ActorEvent, ctx: &mut Self::Context) {
        match event {
            ActorEvent::Started(role) => {
                self.note(OperationalRecord::ActorStarted { role: role.to_string(), at: self.clock.now() });
            }
            ActorEvent::Finished(Role::MarketData) => {
                self.drain(EndState::Completed, "the source or its limit ended".to_owned());
            }
            // Risk is the last to finish: it has cancelled what rested and has every answer.
            ActorEvent::Finished(Role::RiskLimit) => {
                let upstream_first = [Role::MarketData, Role::Strategy, Role::RiskLimit, Role::Execution];
                self.wind_up(&upstream_first, ctx);
            }
            ActorEvent::Finished(_) => {}
            ActorEvent::Died { role, reason, restartable } => self.died(role, reason, restartable, ctx),
        }
    }
}

impl Handler<Command> for Guardian {
    type Result = ();

    fn handle(&mut self, command: Command, ctx: &mut Self::Context) {
        match command {
            Command::Stop { source } => {
                tracing::info!("{source}: stopping in order");
                self.drain(EndState::Stopped, format!("stopped by {source}"));
                self.limit_stop(ctx);
            }
            Command::Kill { source, reason } => {
                tracing::error!("kill by {source}: {reason}");
                self.gate.trip(&source, &reason);
                self.halt(EndState::Killed, format!("{source}: {reason}"), ctx);
            }
        }
    }
}
