//! `alerts.jsonl`: what somebody should look at, one JSON object a line, from the journal.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::super::atomic::write_atomic;
use super::super::error::RunLogError;
use super::super::journal::JournalReader;
use super::super::journal::JournalRecord;
use crate::domain::{OrderId, Timestamp};
use crate::messages::{DataIssueKind, DecisionRecord, OperationalRecord};

/// Lines of one rule; beyond that only their number is told.
const MAX_LINES: u64 = 1_000;

/// Orders whose verdict may still come.
const WAITING: usize = 4_096;

struct Alert {
    rule_id: &'static str,
    severity: &'static str,
    message: String,
    timestamp: Timestamp,
}

/// Writes the alerts of a journal's valid prefix; returns how many there were.
pub(super) fn write(journal: &Path, path: &Path, run_id: &str) -> Result<u64, RunLogError> {
    let mut reader = JournalReader::open(journal)?;
    let mut decided: BTreeMap<OrderId, Timestamp> = BTreeMap::new();
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    write_atomic(path, |file| {
        while let Ok(Some(entry)) = reader.next_entry() {
            let Some(alert) = alert(&entry.record, &mut decided) else { continue };
            let count = counts.entry(alert.rule_id).or_default();
            *count += 1;
            if *count <= MAX_LINES {
                put(file, run_id, &alert).map_err(RunLogError::at("write", path))?;
            }
        }
        for (rule_id, count) in &counts {
            if *count > MAX_LINES {
                let message = format!("{} more of this kind are in the journal only", count - MAX_LINES);
                let alert = Alert { rule_id, severity: "WARNING", message, timestamp: Timestamp::default() };
                put(file, run_id, &alert).map_err(RunLogError::at("write", path))?;
            }
        }
        Ok::<u64, RunLogError>(counts.values().sum())
    })
}

fn put(file: &mut impl Write, run_id: &str, alert: &Alert) -> std::io::Result<()> {
    let line = json!({
        "rule_id": alert.rule_id,
        "severity": alert.severity,
        "message": alert.message,
        "run_id": run_id,
        "timestamp": alert.timestamp.to_rfc3339(),
    });
    writeln!(file, "{line}")
}

fn alert(record: &JournalRecord, decided: &mut BTreeMap<OrderId, Timestamp>) -> Option<Alert> {
    let some =
        |rule_id, severity, message: String, timestamp| Some(Alert { rule_id, severity, message, timestamp });
    match record {
        JournalRecord::Inputs(_) => None,
        JournalRecord::Decision(keyed) => match &keyed.record {
            DecisionRecord::Intent { intent, .. } => {
                // A verdict follows its intent at once: only the newest ones are waited for.
                decided.insert(intent.id, intent.decided_at);
                if decided.len() > WAITING {
                    decided.pop_first();
                }
                None
            }
            DecisionRecord::Refused { order_id, refusal } => {
                let at = decided.get(order_id).copied().unwrap_or_default();
                some("risk_blocked", "WARNING", format!("Order {order_id} blocked: {refusal}"), at)
            }
            DecisionRecord::Data(issue) => match &issue.kind {
                kind @ DataIssueKind::Gap { .. } => some("data_gap", "WARNING", kind.to_string(), issue.at),
                kind => some("data_quality", "WARNING", kind.to_string(), issue.at),
            },
            _ => None,
        },
        JournalRecord::Operational(record) => match record {
            OperationalRecord::ActorDied { role, reason, at } => {
                some("actor_died", "CRITICAL", format!("actor {role} died: {reason}"), *at)
            }
            OperationalRecord::ActorRestarted { role, restarts, at } => some(
                "actor_restarted",
                "WARNING",
                format!("actor {role} was restarted ({restarts} so far)"),
                *at,
            ),
            OperationalRecord::GateShut { source, reason, at } => {
                some("kill", "CRITICAL", format!("the gate was shut by {source}: {reason}"), *at)
            }
            OperationalRecord::RunEnded { state, reason, at } if state == "failed" || state == "crashed" => {
                some("session_failed", "CRITICAL", format!("the run ended as {state}: {reason}"), *at)
            }
            _ => None,
        },
    }
}
