//! The control actor: takes what people and the machine ask of a running session and passes it to
//! the guardian. Whoever asks for a kill has shut the gate already, in their own thread.

use std::sync::Arc;

use actix::prelude::*;

use crate::execution::HaltGate;
use crate::messages::control::Command;

/// The control actor.
pub struct Control {
    guardian: Recipient<Command>,
    stops: u32,
}

impl Control {
    /// A control actor in front of the guardian.
    #[must_use]
    pub fn new(guardian: Recipient<Command>) -> Self {
        Self { guardian, stops: 0 }
    }
}

impl Actor for Control {
    type Context = Context<Self>;
}

impl Handler<Command> for Control {
    type Result = ();

    fn handle(&mut self, command: Command, _: &mut Self::Context) {
        if matches!(command, Command::Stop { .. }) {
            self.stops += 1;
            if self.stops > 1 {
                return;
            }
        }
        self.guardian.do_send(command);
    }
}

/// A handle on a running session, for any thread: signal handlers, sockets, tests.
#[derive(Clone)]
pub struct SessionControl {
    gate: Arc<HaltGate>,
    control: Addr<Control>,
}

impl SessionControl {
    /// A handle that shuts `gate` and tells `control`.
    #[must_use]
    pub fn new(gate: Arc<HaltGate>, control: Addr<Control>) -> Self {
        Self { gate, control }
    }

    /// Asks for an orderly stop.
    pub fn stop(&self, source: &str) {
        self.control.do_send(Command::Stop { source: source.to_owned() });
    }

    /// Shuts the gate in this thread, then has the actors halted.
    pub fn kill(&self, source: &str, reason: &str) {
        self.gate.trip(source, reason);
        self.control.do_send(Command::Kill { source: source.to_owned(), reason: reason.to_owned() });
    }
}
