//! `peak config check|show`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::exit::{CliError, Exit};
use super::{GlobalArgs, output};
use crate::config::{Config, ConfigError, ENV_PATH, Layers, find_file, load, render_json, render_text};
use crate::session::schema::schema;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Names every fault of the configuration; exit code 1 if there is one
    Check,
    /// Shows every value in force and where it comes from
    Show,
}

/// The configuration in force: file, `--set`, then a command's own flags.
pub(super) fn load_config(
    global: &GlobalArgs,
    flags: Vec<(&'static str, String, String)>,
) -> Result<Config, ConfigError> {
    let environment = std::env::var_os(ENV_PATH).map(PathBuf::from);
    let file = find_file(global.config.as_deref(), environment);
    load(&schema(), &Layers { file, set: global.set.clone(), flags })
}

pub(super) fn run(global: &GlobalArgs, command: &ConfigCommand) -> Result<Exit, CliError> {
    let config = match (load_config(global, Vec::new()), command) {
        (Ok(config), _) => config,
        (Err(error), ConfigCommand::Check) if global.json => {
            let faults: Vec<_> = error
                .faults
                .iter()
                .map(|f| json!({"place": f.place, "key": f.key, "value": f.value, "problem": f.problem}))
                .collect();
            output::answer(&json!({"ok": false, "faults": faults}).to_string())?;
            return Ok(Exit::Negative);
        }
        (Err(error), ConfigCommand::Check) => return Err(CliError::negative(error)),
        (Err(error), ConfigCommand::Show) => return Err(CliError::failed(error)),
    };
    let file =
        config.file().map_or_else(|| "the compiled-in configuration".to_owned(), |f| f.display().to_string());
    let text = match command {
        ConfigCommand::Check if global.json => json!({"ok": true, "file": file, "faults": []}).to_string(),
        ConfigCommand::Check => format!("{file}: no faults"),
        ConfigCommand::Show if global.json => {
            serde_json::to_string_pretty(&render_json(&schema(), &config)).map_err(CliError::failed)?
        }
        ConfigCommand::Show => render_text(&config),
    };
    output::answer(&text)?;
    Ok(Exit::Done)
}
