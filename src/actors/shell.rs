//! The shell that every working actor wears: a mailbox for control, a task that works through the
//! actor's lane, and a death watch. actix tells nobody when an actor dies; the shell does.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::messages::control::{ActorEvent, Alive, Ping, Poison, Poisoned, Role};
use crate::strategy::panic_text;

/// Why a piece of work ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct WorkFault {
    /// In words.
    pub reason: String,
    /// A fresh actor may take over where this one stopped.
    pub restartable: bool,
}

impl WorkFault {
    /// A fault after which nobody can take over.
    pub fn fatal(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), restartable: false }
    }
}

impl From<super::lane::LaneClosed> for WorkFault {
    fn from(closed: super::lane::LaneClosed) -> Self {
        Self::fatal(closed.to_string())
    }
}

/// Counts what an actor worked through; shared between its task and its mailbox.
#[derive(Debug, Clone, Default)]
pub struct Progress(Rc<Cell<u64>>);

impl Progress {
    /// One more item.
    pub fn tick(&self) {
        self.0.set(self.0.get().wrapping_add(1));
    }
}

/// What an actor does for a living.
pub trait Work: Unpin + 'static {
    /// Its role.
    const ROLE: Role;

    /// Works through its lane until the lane ends. Called once, when the actor starts.
    fn run(&mut self, progress: Progress) -> LocalBoxFuture<'static, Result<(), WorkFault>>;

    /// Takes the poison: the task is stopped already; an order actor cancels what rests.
    fn poison(&mut self, poison: &Poison) -> Poisoned {
        let _ = poison;
        Poisoned::default()
    }
}

/// The actor around a piece of work.
pub struct Shell<W: Work> {
    work: W,
    progress: Progress,
    task: Option<SpawnHandle>,
    obituary: Obituary,
}

impl<W: Work> Shell<W> {
    /// An actor that tells `events` what becomes of it.
    pub fn new(work: W, events: Recipient<ActorEvent>) -> Self {
        Self {
            work,
            progress: Progress::default(),
            task: None,
            obituary: Obituary { role: W::ROLE, events, at_peace: false },
        }
    }
}

impl<W: Work> Actor for Shell<W> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.obituary.events.do_send(ActorEvent::Started(W::ROLE));
        let work = AssertUnwindSafe(self.work.run(self.progress.clone())).catch_unwind();
        let task = work.into_actor(self).map(|outcome, actor, ctx| {
            let event = match outcome {
                Ok(Ok(())) => ActorEvent::Finished(W::ROLE),
                Ok(Err(fault)) => {
                    ActorEvent::Died { role: W::ROLE, reason: fault.reason, restartable: fault.restartable }
                }
                Err(panic) => ActorEvent::Died {
                    role: W::ROLE,
                    reason: format!("panicked: {}", panic_text(&*panic)),
                    restartable: false,
                },
            };
            let finished = matches!(event, ActorEvent::Finished(_));
            actor.obituary.tell(event);
            // A finished actor stays to answer pings and the poison; a dead one is gone.
            if !finished {
                ctx.stop();
            }
        });
        self.task = Some(ctx.spawn(task));
    }
}

impl<W: Work> Handler<Ping> for Shell<W> {
    type Result = Alive;

    fn handle(&mut self, _: Ping, _: &mut Self::Context) -> Alive {
        Alive { progress: self.progress.0.get() }
    }
}

impl<W: Work> Handler<Poison> for Shell<W> {
    type Result = Poisoned;

    fn handle(&mut self, poison: Poison, ctx: &mut Self::Context) -> Poisoned {
        if let Some(task) = self.task.take() {
            ctx.cancel_future(task);
        }
        self.obituary.at_peace = true;
        let answer = self.work.poison(&poison);
        ctx.stop();
        answer
    }
}

/// Tells the guardian when the actor is dropped without having said why.
struct Obituary {
    role: Role,
    events: Recipient<ActorEvent>,
    at_peace: bool,
}

impl Obituary {
    fn tell(&mut self, event: ActorEvent) {
        self.at_peace = true;
        self.events.do_send(event);
    }
}

impl Drop for Obituary {
    fn drop(&mut self) {
        if !self.at_peace {
            self.events.do_send(ActorEvent::Died {
                role: self.role,
                reason: "the actor vanished (a panic outside its work, or its Arbiter stopped)".to_owned(),
                restartable: false,
            });
        }
    }
}
