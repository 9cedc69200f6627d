//! `peak recover`.

use clap::Args;
use serde_json::{Value, json};

use super::config::load_config;
use super::exit::{CliError, Exit};
use super::{GlobalArgs, output};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::RunId;
use crate::runlog::{
    Damage, Meta, Outcome, RecoverOptions, RecoveryReport, RunFolder, RunState, cut_torn_tail, derive_files,
    recover, recover_all, scan,
};

#[derive(Debug, Args)]
pub(super) struct RecoverArgs {
    /// The run, as in shadow_20251207_120000_abc123
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    run_id: Option<RunId>,
    /// Every run that is not alive
    #[arg(long)]
    all: bool,
}

/// The folder of a run under the configured base.
pub(super) fn run_folder(config: &Config, run_id: &RunId) -> Result<RunFolder, CliError> {
    let base = config.path("shadow_paper_logging.base_dir");
    RunFolder::open(&base, run_id)
        .map_err(|e| CliError::failed(format!("run {run_id} was looked for in {}: {e}", base.display())))
}

pub(super) fn run(global: &GlobalArgs, args: &RecoverArgs) -> Result<Exit, CliError> {
    let config = load_config(global, Vec::new()).map_err(CliError::usage)?;
    output::init_logging(config.text("logging.level"));
    let options = RecoverOptions { now: SystemClock.now(), registry_dir: Some(config.path("registry.dir")) };
    let reports = match &args.run_id {
        Some(run_id) => {
            let folder = run_folder(&config, run_id)?;
            vec![(folder.dir().to_path_buf(), recover(folder.dir(), &options))]
        }
        None => {
            recover_all(&config.path("shadow_paper_logging.base_dir"), &options).map_err(CliError::failed)?
        }
    };
    let mut exit = Exit::Done;
    let mut shown = Vec::new();
    for (dir, report) in reports {
        match report {
            Ok(report) => {
                let found = if args.all { None } else { check_final(&report)? };
                if let Some(why) = found {
                    exit = Exit::Negative;
                    shown.push((
                        format!("{}: is final, but {why}", report.dir.display()),
                        json!({"run_dir": report.dir, "outcome": "already_final", "error": why}),
                    ));
                    continue;
                }
                if report.is_failure() {
                    exit = Exit::Negative;
                }
                shown.push((said(&report), as_json(&report)));
            }
            Err(fault) => {
                exit = Exit::Failed;
                let dir = dir.display().to_string();
                shown.push((format!("{dir}: {fault}"), json!({"run_dir": dir, "error": fault.to_string()})));
            }
        }
    }
    let text = if global.json {
        Value::Array(shown.into_iter().map(|(_, json)| json).collect()).to_string()
    } else if shown.is_empty() {
        "no runs to recover".to_owned()
    } else {
        shown.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join("\n")
    };
    output::answer(&text)?;
    Ok(exit)
}

/// A final run is looked at too: its journal must be whole, and lost tables are made again.
fn check_final(report: &RecoveryReport) -> Result<Option<String>, CliError> {
    if !matches!(report.outcome, Outcome::AlreadyFinal(state) if state != RunState::Corrupt) {
        return Ok(None);
    }
    let folder = RunFolder::at(report.dir.clone()).map_err(CliError::failed)?;
    let run_id = folder.run_id().map_err(CliError::failed)?;
    if !folder.journal().exists() {
        return Ok(Some("its journal is gone".to_owned()));
    }
    if let Outcome::AlreadyFinal(RunState::Failed | RunState::Killed) = report.outcome
        && let Some(torn) = cut_torn_tail(folder.dir()).map_err(CliError::failed)?
    {
        tracing::warn!(
            "{}: a torn tail of {} bytes at byte {} was cut: the run could not write its journal's end",
            report.dir.display(),
            torn.bytes,
            torn.at_byte
        );
    }
    let scanned = scan(&folder.journal()).map_err(CliError::failed)?;
    if scanned.damage != Damage::None {
        return Ok(Some(format!("its journal is damaged: {:?}", scanned.damage)));
    }
    if let Some(why) = super::journal::foul(&run_id, &folder, &scanned) {
        return Ok(Some(why));
    }
    let format = Meta::read(&folder.meta()).map_err(CliError::failed)?.table_format;
    let whole =
        [folder.events(format), folder.orders(format), folder.fills(format)].iter().all(|t| t.exists());
    if !whole {
        derive_files(&folder, format).map_err(CliError::failed)?;
        tracing::info!("{}: lost tables were made again from the journal", report.dir.display());
    }
    Ok(None)
}

fn outcome(report: &RecoveryReport) -> (&'static str, String) {
    match report.outcome {
        Outcome::AlreadyFinal(state) => ("already_final", format!("is final already ({})", state.as_str())),
        Outcome::Finished(state) => {
            ("finished", format!("had ended ({}); what was missing was made", state.as_str()))
        }
        Outcome::Crashed => ("crashed", "was sealed as crashed; its tables were rebuilt".to_owned()),
        Outcome::NoJournal => ("no_journal", "died before its journal existed; sealed as crashed".to_owned()),
        Outcome::Corrupt { at_byte, at_seq, valid_after } => (
            "corrupt",
            format!(
                "has a corrupt journal: damage at byte {at_byte} (record {at_seq} expected), {valid_after} valid \
                 records after it; the original was set aside, tables come from the records before it"
            ),
        ),
    }
}

fn said(report: &RecoveryReport) -> String {
    let mut text = format!("{}: {}", report.dir.display(), outcome(report).1);
    if let Some(torn) = &report.torn {
        let kept = torn.saved_as.as_ref().map_or_else(String::new, |p| format!(", kept as {}", p.display()));
        text.push_str(&format!(
            "; a torn tail of {} bytes at byte {} was cut{kept}",
            torn.bytes, torn.at_byte
        ));
    }
    text
}

fn as_json(report: &RecoveryReport) -> Value {
    json!({
        "run_dir": report.dir,
        "outcome": outcome(report).0,
        "detail": outcome(report).1,
        "valid_records": report.valid_records,
        "last_seq": report.last_seq,
        "torn_bytes": report.torn.as_ref().map(|t| t.bytes),
        "torn_at_byte": report.torn.as_ref().map(|t| t.at_byte),
        "quarantined": report.quarantined,
    })
}
