//! What goes into the journal.
//!
//! *Decision* records (session time only; equal for equal seed, source and configuration) and
//! *operational* records (wall clock, run id, starts, deaths). Only the first enter the digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::data::DataIssue;
use super::execution::{Fill, OrderUpdate};
use super::input::Input;
use super::intent::OrderIntent;
use super::refusal::Refusal;
use crate::domain::{
    Bar, Instrument, Money, OrderId, Quantity, RunId, Symbol, TargetPosition, Timeframe, Timestamp,
};

/// Where in the work on one input a record belongs. The order of the variants is the order of
/// the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// The session's header (input 0 only).
    Header,
    /// The input itself.
    Input,
    /// Data quality.
    Data,
    /// Something from outside the core took effect (control, restart, gate).
    External,
    /// The venue matched resting orders.
    Match,
    /// The strategy spoke.
    Signal,
    /// An intent was made.
    Intent,
    /// Risk approved or refused it.
    Verdict,
    /// It was handed to the venue, or cancelled, or stopped at the gate.
    Submit,
    /// The state of the account after a final bar.
    Step,
}

/// The canonical place of a decision record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DecisionKey {
    /// The input's number; 0 before the first.
    pub input: u64,
    /// The stage.
    pub stage: Stage,
    /// 0, 1, 2, … within input and stage.
    pub index: u32,
}

/// A decision record at its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedRecord {
    /// Its place.
    pub key: DecisionKey,
    /// The record.
    pub record: DecisionRecord,
}

/// What data quality found in a batch, as decision records at their places.
pub fn issue_records(issues: &[DataIssue]) -> impl Iterator<Item = KeyedRecord> + '_ {
    let mut last = (0, 0);
    issues.iter().map(move |issue| {
        last = (issue.input, if last.0 == issue.input { last.1 + 1 } else { 0 });
        KeyedRecord {
            key: DecisionKey { input: issue.input, stage: Stage::Data, index: last.1 },
            record: DecisionRecord::Data(issue.clone()),
        }
    })
}

/// Everything that a replay needs to decide the same again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionHeader {
    /// Version of the decision records.
    pub schema_version: u32,
    /// What is traded.
    pub instrument: Instrument,
    /// Bar length.
    pub timeframe: Timeframe,
    /// Strategy key.
    pub strategy: String,
    /// Every configuration value that a decision depends on, by dotted key, as TOML text.
    pub settings: BTreeMap<String, String>,
    /// Where inputs come from, without a path: kind and content identity.
    pub source: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Balance at the start, quote currency.
    pub start_balance: Money,
}

/// Something outside the core that a decision depended on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternalInput {
    /// The strategy was restarted; the bar (by input number) it died on was skipped.
    StrategyRestarted {
        /// Input number of the skipped bar.
        skipped_input: u64,
        /// How often it was restarted so far.
        restarts: u32,
    },
    /// The gate refused these orders.
    GateRefused {
        /// Whose permit was refused.
        orders: Vec<OrderId>,
    },
}

/// How a size came about, when it is not simply the fraction asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizingNote {
    /// The fraction's size, lot-rounded, base currency.
    pub wanted: Quantity,
    /// What was ordered.
    pub sized: Quantity,
    /// What bound it, in words.
    pub bound_by: String,
}

/// The account after a final bar: one row of `events.parquet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRow {
    /// 1, 2, 3, …
    pub step: u64,
    /// Input that completed the bar.
    pub input: u64,
    /// Session time of that input.
    pub ts_event: Timestamp,
    /// The bar.
    pub bar: Bar,
    /// Bars missing before it.
    pub gap_before: u32,
    /// What the strategy wants.
    pub signal: TargetPosition,
    /// Differs from the bar before.
    pub signal_changed: bool,
    /// Signed position, base currency.
    pub position: Quantity,
    /// Cash, quote currency.
    pub cash: Money,
    /// Cash + position × mark.
    pub equity: Money,
    /// Realised profit and loss since the start, before fees.
    pub realized_pnl: Money,
    /// Unrealised profit and loss at the mark.
    pub unrealized_pnl: Money,
    /// Fees paid since the start.
    pub fees: Money,
    /// Intents made since the last row.
    pub orders_generated: u32,
    /// Orders completely filled since the last row.
    pub orders_filled: u32,
    /// Orders the venue refused since the last row.
    pub orders_rejected: u32,
    /// Orders denied here since the last row.
    pub orders_blocked: u32,
    /// Why they were denied.
    pub risk_reasons: Vec<String>,
}

/// A decision record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DecisionRecord {
    /// The first record of a run.
    Header(Box<SessionHeader>),
    /// One input. In the journal inputs travel as columnar batches; this is their canonical form.
    Input(Input),
    /// Data quality.
    Data(DataIssue),
    /// From outside.
    External(ExternalInput),
    /// The strategy changed its mind.
    Signal {
        /// The pair.
        symbol: Symbol,
        /// What it wants now.
        target: TargetPosition,
    },
    /// An intent was made.
    Intent {
        /// The intent.
        intent: OrderIntent,
        /// How its size came about.
        sizing: Option<SizingNote>,
    },
    /// Risk approved it.
    Approved(OrderId),
    /// It was denied.
    Refused {
        /// Whose.
        order_id: OrderId,
        /// Why.
        refusal: Refusal,
    },
    /// An order changed its state.
    Order(OrderUpdate),
    /// A trade of ours.
    Fill(Fill),
    /// A cancel was asked for.
    CancelRequested {
        /// Whose.
        order_id: OrderId,
        /// Why.
        reason: String,
    },
    /// The account after a final bar.
    Step(Box<StepRow>),
}

/// An operational record: wall clock and processes. Never part of the digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationalRecord {
    /// The run began.
    RunStarted {
        /// Its id.
        run_id: RunId,
        /// Wall clock.
        at: Timestamp,
        /// Binary version.
        version: String,
        /// Operating system process id.
        pid: u32,
    },
    /// An actor is ready.
    ActorStarted {
        /// Its role.
        role: String,
        /// Wall clock.
        at: Timestamp,
    },
    /// An actor died.
    ActorDied {
        /// Its role.
        role: String,
        /// Panic text, or why.
        reason: String,
        /// Wall clock.
        at: Timestamp,
    },
    /// An actor was restarted.
    ActorRestarted {
        /// Its role.
        role: String,
        /// How often by now.
        restarts: u32,
        /// Wall clock.
        at: Timestamp,
    },
    /// The gate shut.
    GateShut {
        /// Who or what tripped it.
        source: String,
        /// Why.
        reason: String,
        /// Wall clock.
        at: Timestamp,
    },
    /// A remark for auditors.
    Note {
        /// The text.
        text: String,
        /// Wall clock.
        at: Timestamp,
    },
    /// The run ended in order. Its absence means a crash.
    RunEnded {
        /// `completed`, `stopped`, `failed`, `killed`.
        state: String,
        /// Why.
        reason: String,
        /// Wall clock.
        at: Timestamp,
    },
}
