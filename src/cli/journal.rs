//! `peak journal digest|verify|events|show`.

use std::collections::VecDeque;
use std::fmt::Write as _;

use clap::Subcommand;
use comfy_table::Table;
use serde_json::json;

use super::config::load_config;
use super::exit::{CliError, Exit};
use super::recover::run_folder;
use super::{GlobalArgs, output};
use crate::domain::RunId;
use crate::messages::StepRow;
use crate::runlog::{
    Damage, JournalReader, Meta, RunFolder, RunState, ScanReport, digest, for_each_step, scan,
};

#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// Prints the digest of a run's decisions: equal for equal seed, source and configuration
    Digest {
        /// The run
        run_id: RunId,
    },
    /// Checks every record: checksums, sequence, hash chain; exit code 1 if there is damage
    Verify {
        /// The run
        run_id: RunId,
    },
    /// Prints the newest bars of a run with signal, position and account; works while it runs
    Events {
        /// The run
        run_id: RunId,
        /// At most so many bars
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Prints the records of a run, oldest first, one a line
    Show {
        /// The run
        run_id: RunId,
        /// Only from this sequence number on
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// At most so many records
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
}

pub(super) fn run(global: &GlobalArgs, command: &JournalCommand) -> Result<Exit, CliError> {
    let config = load_config(global, Vec::new()).map_err(CliError::usage)?;
    output::init_logging(config.text("logging.level"));
    let (JournalCommand::Digest { run_id }
    | JournalCommand::Verify { run_id }
    | JournalCommand::Events { run_id, .. }
    | JournalCommand::Show { run_id, .. }) = command;
    let journal = run_folder(&config, run_id)?.journal();
    match command {
        JournalCommand::Digest { .. } => {
            let digest = digest(&journal).map_err(CliError::failed)?;
            let text = if global.json {
                json!({"run_id": run_id, "digest": digest.hex, "records": digest.records, "inputs": digest.inputs, "torn": digest.torn})
                    .to_string()
            } else {
                digest.hex
            };
            output::answer(&text)?;
            if digest.torn {
                output::complain("the journal is damaged or torn: this is the digest of what is left of it");
                return Ok(Exit::Negative);
            }
            Ok(Exit::Done)
        }
        JournalCommand::Verify { .. } => {
            let report = scan(&journal).map_err(CliError::failed)?;
            let folder = run_folder(&config, run_id)?;
            let foul = foul(run_id, &folder, &report);
            output::answer(&verified(run_id, &report, foul.as_deref(), global.json))?;
            Ok(if report.damage == Damage::None && foul.is_none() { Exit::Done } else { Exit::Negative })
        }
        JournalCommand::Events { limit, .. } => {
            let mut rows = VecDeque::new();
            for_each_step(&journal, |row| {
                if rows.len() >= *limit {
                    rows.pop_front();
                }
                rows.push_back(row);
                Ok(())
            })
            .map_err(CliError::failed)?;
            rows.truncate(*limit);
            output::answer(&events(rows.iter(), global.json))?;
            Ok(Exit::Done)
        }
        JournalCommand::Show { from, limit, .. } => {
            let mut reader = JournalReader::open(&journal).map_err(CliError::failed)?;
            let mut text = String::new();
            let mut shown = 0;
            while shown < *limit {
                let Some(entry) = reader.next_entry().map_err(CliError::failed)? else { break };
                if entry.seq >= *from {
                    let _ = writeln!(text, "{} {:?}", entry.seq, entry.record);
                    shown += 1;
                }
            }
            output::answer(&text)?;
            Ok(Exit::Done)
        }
    }
}

fn events<'a>(rows: impl Iterator<Item = &'a StepRow>, as_json: bool) -> String {
    if as_json {
        let rows = rows.map(|row| {
            json!({
                "step": row.step,
                "ts_bar": row.bar.open_time.to_rfc3339(),
                "ts_event": row.ts_event.to_rfc3339(),
                "price": row.bar.close,
                "position_size": row.position,
                "cash": row.cash,
                "equity": row.equity,
                "realized_pnl": row.realized_pnl,
                "unrealized_pnl": row.unrealized_pnl,
                "signal": row.signal.as_i8(),
                "signal_changed": row.signal_changed,
                "orders_generated": row.orders_generated,
                "orders_filled": row.orders_filled,
                "orders_rejected": row.orders_rejected,
                "orders_blocked": row.orders_blocked,
                "risk_reasons": row.risk_reasons,
            })
        });
        return serde_json::Value::Array(rows.collect()).to_string();
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_header(["step", "bar", "price", "signal", "position", "equity", "orders", "filled", "blocked"]);
    for row in rows {
        table.add_row([
            row.step.to_string(),
            row.bar.open_time.to_rfc3339(),
            row.bar.close.to_string(),
            row.signal.as_i8().to_string(),
            row.position.to_string(),
            row.equity.rounded(2).to_string(),
            row.orders_generated.to_string(),
            row.orders_filled.to_string(),
            row.orders_blocked.to_string(),
        ]);
    }
    table.to_string()
}

/// What is wrong with an undamaged journal: it is another run's, or its end is missing.
pub(super) fn foul(run_id: &RunId, folder: &RunFolder, report: &ScanReport) -> Option<String> {
    match &report.run_id {
        None => return Some("it does not say whose journal it is: its beginning is missing".to_owned()),
        Some(whose) if whose != run_id => return Some(format!("it is the journal of run {whose}")),
        Some(_) => {}
    }
    let meta = Meta::read(&folder.meta()).ok()?;
    let ended = report.ending.is_some();
    // A run that failed or was killed may not have been able to write its end.
    (matches!(meta.state, RunState::Completed | RunState::Stopped | RunState::Crashed) && !ended)
        .then(|| format!("meta.json says {}, but the journal's end is missing", meta.state.as_str()))
}

fn verified(run_id: &RunId, report: &ScanReport, foul: Option<&str>, as_json: bool) -> String {
    let (damage, detail) = match report.damage {
        Damage::None => ("none", "no damage".to_owned()),
        Damage::TornTail { at_byte, cut_bytes } => {
            ("torn_tail", format!("a torn tail of {cut_bytes} bytes at byte {at_byte}"))
        }
        Damage::Corruption { at_byte, at_seq, valid_after } => (
            "corruption",
            format!(
                "corruption at byte {at_byte} (record {at_seq} expected), {valid_after} valid records after it"
            ),
        ),
    };
    if as_json {
        return json!({
            "run_id": run_id,
            "damage": damage,
            "detail": detail,
            "foul": foul,
            "valid_records": report.valid_records,
            "valid_bytes": report.valid_bytes,
            "last_seq": report.last_seq,
            "inputs": report.inputs,
            "decisions": report.decisions,
            "operational": report.operational,
        })
        .to_string();
    }
    format!(
        "run {run_id}: {} records ({} inputs, {} decisions, {} operational) in {} bytes, {detail}{}",
        report.valid_records,
        report.inputs,
        report.decisions,
        report.operational,
        report.valid_bytes,
        foul.map_or_else(String::new, |why| format!("; BUT {why}"))
    )
}
