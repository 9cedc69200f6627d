//! `peak replay`.

use clap::Args;

use super::config::load_config;
use super::exit::{CliError, Exit};
use super::recover::run_folder;
use super::{GlobalArgs, output};
use crate::domain::RunId;
use crate::runlog::{Meta, RunState};
use crate::session::replay::{ReplayReport, replay};

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The run, as in shadow_20251207_120000_abc123
    run_id: RunId,
}

pub(super) fn run(global: &GlobalArgs, args: &ReplayArgs) -> Result<Exit, CliError> {
    let config = load_config(global, Vec::new()).map_err(CliError::usage)?;
    output::init_logging(config.text("logging.level"));
    let folder = run_folder(&config, &args.run_id)?;
    let meta = Meta::read(&folder.meta()).map_err(CliError::failed)?;
    if !meta.state.is_final() {
        return Err(CliError::failed(format!(
            "run {} is {}: wait for its end, or `peak recover {}` if its process is gone",
            args.run_id,
            meta.state.as_str(),
            args.run_id
        )));
    }
    let in_order = matches!(meta.state, RunState::Completed | RunState::Stopped);
    let report = replay(&folder.journal(), in_order).map_err(CliError::failed)?;
    let text = if global.json {
        serde_json::to_string_pretty(&report).map_err(CliError::failed)?
    } else {
        said(&args.run_id, &report)
    };
    output::answer(&text)?;
    Ok(if report.confirmed { Exit::Done } else { Exit::Negative })
}

fn said(run_id: &RunId, report: &ReplayReport) -> String {
    let Some(difference) = &report.difference else {
        let cut =
            if report.cut_short { " (the run was cut short: its last inputs have no decisions)" } else { "" };
        return format!(
            "run {run_id}: {} inputs replayed, {} decisions confirmed{cut}",
            report.inputs, report.decisions
        );
    };
    let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
    format!(
        "run {run_id}: first difference at input {}, {}\n  recorded: {}\n  replayed: {}",
        difference.input,
        difference.place,
        side(&difference.recorded),
        side(&difference.replayed)
    )
}
