//! What the risk stage asks of execution, and what it hears.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::ApprovedOrder;
use crate::domain::{OrderId, Timestamp};
use crate::messages::{InputBatch, VenueReport};

/// What the risk stage asks of execution.
#[derive(Debug)]
pub enum ExecutionRequest {
    /// Let these inputs trade against what rests, up to the first one that causes a report.
    Match {
        /// The batch.
        batch: Arc<InputBatch>,
        /// Indexes of the inputs.
        range: RangeInclusive<usize>,
    },
    /// Hand over these orders, in this order.
    Submit {
        /// Input of the decision.
        input: u64,
        /// Session time of the decision.
        now: Timestamp,
        /// The orders.
        orders: Vec<ApprovedOrder>,
    },
    /// Cancel these orders.
    Cancel {
        /// Input of the decision.
        input: u64,
        /// Session time of the decision.
        now: Timestamp,
        /// Which.
        orders: Vec<OrderId>,
        /// Why.
        reason: String,
    },
    /// Cancel everything: the session ends.
    CancelAll {
        /// The last input.
        input: u64,
        /// Its session time.
        now: Timestamp,
        /// Why.
        reason: String,
    },
}

/// Execution's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutionReply {
    /// For a `Match`: index of the last input that was matched.
    pub stopped_at: usize,
    /// What happened, in order.
    pub reports: Vec<VenueReport>,
}

/// What the stage needs next.
#[derive(Debug)]
pub enum RiskStep {
    /// An answer from execution.
    Needs(ExecutionRequest),
    /// Nothing: the batch (or the finish) is done.
    Done,
}

/// What is counted over a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderTotals {
    /// Intents made.
    pub generated: u64,
    /// Orders filled completely.
    pub filled: u64,
    /// Orders refused by the venue.
    pub rejected: u64,
    /// Orders denied by a risk limit (or for their form).
    pub blocked_risk: u64,
    /// Orders stopped at the gate.
    pub blocked_safety: u64,
    /// Orders cancelled or expired.
    pub cancelled: u64,
    /// Orders of which nobody knows what became.
    pub unknown: u64,
    /// Trades of ours.
    pub fills: u64,
}
