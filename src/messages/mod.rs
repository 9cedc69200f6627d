//! The typed messages: the vocabulary that the stages and actors exchange.
//!
//! Plain data throughout. What an order may do is fixed by types further up: only
//! [`risk`](crate::risk) can turn an [`OrderIntent`] into an approved order, and only the gate of
//! [`execution`](crate::execution) can let one pass.

pub mod control;
mod data;
mod execution;
mod input;
mod intent;
mod record;
mod refusal;
mod signal;

pub use data::{DataIssue, DataIssueKind};
pub use execution::{Fill, Liquidity, OrderState, OrderUpdate, VenueReport};
pub use input::{ClosedBar, Input, InputBatch};
pub use intent::{IntentReason, OrderIntent, Purpose};
pub use record::{
    DecisionKey, DecisionRecord, ExternalInput, KeyedRecord, OperationalRecord, SessionHeader, SizingNote,
    Stage, StepRow, issue_records,
};
pub use refusal::{Comparison, Refusal, RiskCheck, RiskReason};
pub use signal::{Signal, SignalBatch};
