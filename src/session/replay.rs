//! Decides a run again from its journal and compares every decision.
//!
//! Inputs come from the journal; what reached a decision from outside (restarts, the gate's
//! refusals) is injected where it took effect. No clock and no gate is asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;

use super::assemble::AssembleError;
use super::engine::Engine;
use super::plan::engine_of_header;
use crate::domain::{MarketEvent, OrderId, Timestamp};
use crate::execution::HaltGate;
use crate::messages::{
    DecisionKey, DecisionRecord, ExternalInput, InputBatch, KeyedRecord, OrderState, SessionHeader, Stage,
    issue_records,
};
use crate::runlog::{Decisions, RunLogError, decisions};

/// Why a run could not be replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] RunLogError),
    /// The journal has no header: the run died before it began.
    #[error("the journal has no header: the run died before its first input, there is nothing to replay")]
    NoHeader,
    /// The recorded configuration cannot be rebuilt by this binary.
    #[error("the recorded configuration cannot be rebuilt: {0}")]
    Assemble(#[from] AssembleError),
}

/// What a replay found.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayReport {
    /// True when every recorded decision was decided again.
    pub confirmed: bool,
    /// Inputs replayed.
    pub inputs: u64,
    /// Decisions compared.
    pub decisions: u64,
    /// The run did not end in order: its last inputs may have no decisions.
    pub cut_short: bool,
    /// The first difference.
    pub difference: Option<Difference>,
}

/// The first decision that came out differently.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// Input number.
    pub input: u64,
    /// Stage and index within the input.
    pub place: String,
    /// What the journal has.
    pub recorded: Option<String>,
    /// What was decided now.
    pub replayed: Option<String>,
}

/// Recorded and replayed decisions that wait for their counterpart. Actors record independently of
/// each other, so a run that was cut short is whole per stage, not over all.
#[derive(Default)]
struct Comparison {
    recorded: BTreeMap<Stage, VecDeque<KeyedRecord>>,
    replayed: BTreeMap<Stage, VecDeque<KeyedRecord>>,
    compared: u64,
}

impl Comparison {
    fn record(&mut self, record: KeyedRecord) {
        self.recorded.entry(record.key.stage).or_default().push_back(record);
    }

    fn replay(&mut self, mut records: Vec<KeyedRecord>) {
        records.sort_by_key(|record| record.key);
        for record in records {
            self.replayed.entry(record.key.stage).or_default().push_back(record);
        }
    }

    /// Compares what has a counterpart on both sides; of several differences the first one counts.
    fn settle(&mut self) -> Option<Difference> {
        let mut first: Option<(DecisionKey, Difference)> = None;
        for (stage, recorded) in &mut self.recorded {
            let Some(replayed) = self.replayed.get_mut(stage) else { continue };
            while let (Some(old), Some(new)) = (recorded.front(), replayed.front()) {
                if old != new {
                    let key = old.key.min(new.key);
                    if first.as_ref().is_none_or(|(earliest, _)| key < *earliest) {
                        first = Some((key, difference(Some(old), Some(new))));
                    }
                    break;
                }
                recorded.pop_front();
                replayed.pop_front();
                self.compared += 1;
            }
        }
        first.map(|(_, difference)| difference)
    }

    /// What is left at the end: recorded but not decided again is always a difference; decided but
    /// not recorded is one only if the run ended in order.
    fn rest(&self, cut_short: bool) -> Option<Difference> {
        let unconfirmed = self.recorded.values().filter_map(VecDeque::front).min_by_key(|r| r.key);
        if let Some(old) = unconfirmed {
            return Some(difference(Some(old), None));
        }
        let unrecorded = self.replayed.values().filter_map(VecDeque::front).min_by_key(|r| r.key);
        unrecorded.filter(|_| !cut_short).map(|new| difference(None, Some(new)))
    }
}

fn difference(old: Option<&KeyedRecord>, new: Option<&KeyedRecord>) -> Difference {
    let key = old.or(new).map_or(DecisionKey { input: 0, stage: Stage::Header, index: 0 }, |r| r.key);
    let show = |record: &KeyedRecord| format!("{:?}", record.record);
    Difference {
        input: key.input,
        place: format!("{:?} #{}", key.stage, key.index),
        recorded: old.map(show),
        replayed: new.map(show),
    }
}

/// What the first pass over the journal finds.
#[derive(Default)]
struct Outside {
    header: Option<SessionHeader>,
    deaths: Vec<DecisionKey>,
    refused: BTreeSet<OrderId>,
}

fn look_outside(journal: &Path) -> Result<Outside, RunLogError> {
    let mut outside = Outside::default();
    let mut records = decisions(journal)?;
    while let Some(record) = records.next_record()? {
        match record.record {
            DecisionRecord::Header(header) => outside.header = Some(*header),
            DecisionRecord::External(ExternalInput::StrategyRestarted { .. }) => {
                outside.deaths.push(record.key);
            }
            DecisionRecord::External(ExternalInput::GateRefused { orders }) => outside.refused.extend(orders),
            _ => {}
        }
    }
    Ok(outside)
}

/// The cancels of a kill or a failure come between inputs, from outside the core.
fn is_outside_cancel(record: &DecisionRecord) -> bool {
    matches!(record, DecisionRecord::Order(update)
        if update.state == OrderState::Cancelled
            && (update.reason.starts_with("killed: ") || update.reason.starts_with("failed: ")))
}

/// Replays the run of this journal. `ended_in_order` says whether the run was completed or
/// stopped; otherwise its last inputs may have no decisions.
///
/// # Errors
/// [`ReplayError`] when there is nothing to compare with.
pub fn replay(journal: &Path, ended_in_order: bool) -> Result<ReplayReport, ReplayError> {
    let outside = look_outside(journal)?;
    let header = outside.header.ok_or(ReplayError::NoHeader)?;
    let mut engine = engine_of_header(&header, HaltGate::new())?;
    engine.max_restarts = u32::MAX;
    engine.strategy.die_again(outside.deaths.into_iter());
    engine.execution.refuse_again(outside.refused);

    let mut comparison = Comparison::default();
    let mut records = decisions(journal)?;
    let mut events = Vec::with_capacity(InputBatch::MAX);
    let mut inputs = 0;
    let mut found = None;
    while found.is_none() {
        let more = fill(&mut records, &mut events, &mut comparison)?;
        inputs += events.len() as u64;
        found = advance(&mut engine, &events, &mut comparison);
        events.clear();
        if !more {
            break;
        }
    }
    if found.is_none() && ended_in_order {
        let mut last = Vec::new();
        if let Err(fault) = engine.finish("the session ends", &mut last) {
            found = Some(fault_as_difference(&fault.to_string()));
        }
        comparison.replay(last);
        found = found.or_else(|| comparison.settle());
    }
    let found = found.or_else(|| comparison.rest(!ended_in_order));
    Ok(ReplayReport {
        confirmed: found.is_none(),
        inputs,
        decisions: comparison.compared,
        cut_short: !ended_in_order,
        difference: found,
    })
}

/// Reads on until a batch of inputs is full; other records go to the comparison. False at the end.
fn fill(
    records: &mut Decisions,
    events: &mut Vec<MarketEvent>,
    comparison: &mut Comparison,
) -> Result<bool, RunLogError> {
    while let Some(record) = records.next_record()? {
        match record.record {
            DecisionRecord::Header(_) => {}
            DecisionRecord::Input(input) => {
                events.push(input.event);
                comparison.record(record);
                if events.len() == InputBatch::MAX {
                    return Ok(true);
                }
            }
            ref other if is_outside_cancel(other) => {}
            _ => comparison.record(record),
        }
    }
    Ok(false)
}

fn advance(engine: &mut Engine, events: &[MarketEvent], comparison: &mut Comparison) -> Option<Difference> {
    let mut decided = Vec::new();
    let outcome = engine.step(events, Timestamp::default(), &mut decided);
    match outcome {
        Ok(batch) => decided.extend(inputs_and_findings(&batch)),
        Err(fault) => {
            comparison.replay(decided);
            return comparison.settle().or_else(|| Some(fault_as_difference(&fault.to_string())));
        }
    }
    comparison.replay(decided);
    comparison.settle()
}

fn inputs_and_findings(batch: &Arc<InputBatch>) -> Vec<KeyedRecord> {
    let inputs = batch.inputs.iter().map(|input| KeyedRecord {
        key: DecisionKey { input: input.number, stage: Stage::Input, index: 0 },
        record: DecisionRecord::Input(*input),
    });
    inputs.chain(issue_records(&batch.issues)).collect()
}

fn fault_as_difference(fault: &str) -> Difference {
    Difference { input: 0, place: "engine".to_owned(), recorded: None, replayed: Some(fault.to_owned()) }
}
