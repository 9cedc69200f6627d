//! Control: how actors are asked whether they live, how they are stopped, and what they tell the
//! guardian. These travel in mailboxes, ahead of everything that waits in a lane.

use std::fmt;

use actix::Message;
use serde::{Deserialize, Serialize};

use super::record::KeyedRecord;

/// The actors of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads the source, checks, numbers and aggregates.
    MarketData,
    /// Says what to hold.
    Strategy,
    /// Keeps the account, sizes and approves.
    RiskLimit,
    /// Talks to the venue.
    Execution,
    /// Writes the journal.
    Logger,
}

impl Role {
    /// All roles in the order in which a kill stops them: orders first, the logger last.
    pub const KILL_ORDER: [Self; 5] =
        [Self::Execution, Self::RiskLimit, Self::Strategy, Self::MarketData, Self::Logger];

    /// Its name in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MarketData => "market_data",
            Self::Strategy => "strategy",
            Self::RiskLimit => "risk_limit",
            Self::Execution => "execution",
            Self::Logger => "logger",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Are you there? Answered from the mailbox, so an answer proves that the actor's Arbiter runs.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Alive")]
pub struct Ping;

/// The answer to a [`Ping`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, actix::MessageResponse)]
pub struct Alive {
    /// Items the actor has worked through, ever.
    pub progress: u64,
}

/// The poison: stop now, whatever waits in your lane. An order actor cancels what rests first.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Poisoned")]
pub struct Poison {
    /// Why.
    pub reason: String,
}

/// The acknowledgement of a [`Poison`].
#[derive(Debug, Clone, PartialEq, Eq, Default, actix::MessageResponse)]
pub struct Poisoned {
    /// Decisions that were not in the logger's lane yet, those of the cancels included; the
    /// guardian journals them before the seal.
    pub records: Vec<KeyedRecord>,
    /// Resting orders that were cancelled.
    pub cancelled: u64,
    /// Orders that were still open after cancelling.
    pub still_open: u64,
}

/// What an actor tells the guardian about itself.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub enum ActorEvent {
    /// Ready.
    Started(Role),
    /// Its lane ended and all of it was worked through.
    Finished(Role),
    /// It died or could not go on.
    Died {
        /// Who.
        role: Role,
        /// Panic text or fault.
        reason: String,
        /// A fresh one may take over where this one stopped.
        restartable: bool,
    },
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndState {
    /// The source or the step limit ended.
    Completed,
    /// Somebody asked for an orderly stop.
    Stopped,
    /// Something broke.
    Failed,
    /// The gate was shut.
    Killed,
}

impl EndState {
    /// Its name in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Killed => "killed",
        }
    }
}

impl fmt::Display for EndState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What people and the machine ask of a running session.
#[derive(Debug, Clone, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub enum Command {
    /// Stop in order: take no further input, work off what is queued, cancel what rests.
    Stop {
        /// Who asks, as in `SIGTERM`.
        source: String,
    },
    /// The gate was shut in the caller's thread; now halt the actors, orders first.
    Kill {
        /// Who tripped it.
        source: String,
        /// Why.
        reason: String,
    },
}
