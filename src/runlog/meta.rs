//! `meta.json`: what a run is and how it stands.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::atomic::write_bytes;
use super::derived::TableFormat;
use super::error::RunLogError;
use super::iso;
use crate::domain::{RunId, Timestamp};

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its folder exists; nothing runs yet.
    Pending,
    /// It works.
    Running,
    /// It works and sends nothing.
    Paused,
    /// It ends in order.
    Stopping,
    /// Ended by a person or a signal.
    Stopped,
    /// Ended by itself.
    Completed,
    /// Ended by an error.
    Failed,
    /// Its process vanished; sealed by recovery.
    Crashed,
    /// Ended by the kill switch.
    Killed,
    /// Its journal was damaged in the middle; sealed by recovery.
    Corrupt,
}

impl RunState {
    /// All states; the place of a state is its code in the heartbeat page.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Running,
        Self::Paused,
        Self::Stopping,
        Self::Stopped,
        Self::Completed,
        Self::Failed,
        Self::Crashed,
        Self::Killed,
        Self::Corrupt,
    ];

    /// Its name in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::Killed => "killed",
            Self::Corrupt => "corrupt",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Nothing follows it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Paused | Self::Stopping)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The contents of `meta.json`. Keys that this version does not know are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The run's id, also the name of its folder.
    pub run_id: RunId,
    /// `shadow` or `testnet`.
    pub mode: String,
    /// Strategy key.
    pub strategy_name: String,
    /// The pair, as in `BTC/EUR`.
    pub symbol: String,
    /// Bar length, as in `15m`.
    pub timeframe: String,
    /// Wall clock, UTC.
    #[serde(with = "iso")]
    pub started_at: Timestamp,
    /// Wall clock, UTC; null while it runs.
    #[serde(with = "iso::option")]
    pub ended_at: Option<Timestamp>,
    /// The effective configuration, without secrets.
    pub config_snapshot: Value,
    /// What a person noted.
    pub notes: String,
    /// How the run stands.
    pub state: RunState,
    /// Why it ended; empty while it runs.
    #[serde(default)]
    pub exit_reason: String,
    /// Labels.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Version of the binary.
    #[serde(default)]
    pub binary_version: String,
    /// Hash of the effective configuration, hexadecimal.
    #[serde(default)]
    pub config_hash: String,
    /// Seed of everything random.
    #[serde(default)]
    pub seed: u64,
    /// Where inputs come from.
    #[serde(default)]
    pub source: String,
    /// Version of the decision records.
    #[serde(default)]
    pub schema_version: u32,
    /// Process id.
    #[serde(default)]
    pub pid: u32,
    /// Prices are invented.
    #[serde(default)]
    pub is_synthetic: bool,
    /// Gaps found in the data.
    #[serde(default)]
    pub data_gaps: u64,
    /// Format of the derived tables, so that recovery writes the same.
    #[serde(default)]
    pub table_format: TableFormat,
    /// Keys of other versions.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Meta {
    /// A run that is about to start; the rest is for the caller to fill in.
    #[must_use]
    pub fn new(run_id: RunId, started_at: Timestamp) -> Self {
        let mode = run_id.as_str().split('_').next().unwrap_or_default().to_owned();
        Self {
            run_id,
            mode,
            strategy_name: String::new(),
            symbol: String::new(),
            timeframe: String::new(),
            started_at,
            ended_at: None,
            config_snapshot: Value::Object(Map::new()),
            notes: String::new(),
            state: RunState::Pending,
            exit_reason: String::new(),
            tags: Vec::new(),
            binary_version: String::new(),
            config_hash: String::new(),
            seed: 0,
            source: String::new(),
            schema_version: 0,
            pid: 0,
            is_synthetic: false,
            data_gaps: 0,
            table_format: TableFormat::default(),
            other: Map::new(),
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`RunLogError::Missing`] or [`RunLogError::BadFile`] with the line, or a failing disk.
    pub fn read(path: &Path) -> Result<Self, RunLogError> {
        read_json(path, "meta.json")
    }

    /// Replaces the file atomically and durably.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write(&self, path: &Path) -> Result<(), RunLogError> {
        write_json(path, self)
    }
}

/// Reads a JSON file.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(
    path: &Path,
    what: &'static str,
) -> Result<T, RunLogError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(RunLogError::Missing { what, path: path.display().to_string() });
        }
        Err(error) => return Err(RunLogError::at("read", path)(error)),
    };
    serde_json::from_slice(&bytes)
        .map_err(|e| RunLogError::BadFile { path: path.display().to_string(), detail: e.to_string() })
}

/// Replaces a JSON file atomically and durably.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), RunLogError> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|e| RunLogError::BadFile { path: path.display().to_string(), detail: e.to_string() })?;
    bytes.push(b'\n');
    write_bytes(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RunMode;

    #[test]
    fn meta_keeps_the_old_keys_first_and_unknown_keys_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta.json");
        let started = Timestamp::from_secs(1_765_108_800);
        let mut meta = Meta::new(RunId::new(RunMode::Shadow, started, 0xabc123), started);
        meta.state = RunState::Running;
        meta.other.insert("later_key".to_owned(), Value::from(7));
        meta.write(&path).unwrap();
        assert_eq!(Meta::read(&path).unwrap(), meta);
        let json: Map<String, Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let keys: Vec<&str> = json.keys().map(String::as_str).collect();
        assert_eq!(
            keys[..9],
            [
                "run_id",
                "mode",
                "strategy_name",
                "symbol",
                "timeframe",
                "started_at",
                "ended_at",
                "config_snapshot",
                "notes"
            ]
        );
        assert_eq!(json["started_at"], "2025-12-07T12:00:00Z");
        assert_eq!(json["ended_at"], Value::Null);
        assert_eq!(json["mode"], "shadow");
        assert_eq!(json["state"], "running");
        assert_eq!(json["later_key"], 7);
    }

    #[test]
    fn a_broken_meta_names_file_and_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta.json");
        assert!(matches!(Meta::read(&path), Err(RunLogError::Missing { .. })));
        fs::write(&path, "{\n \"run_id\": 5").unwrap();
        let text = Meta::read(&path).unwrap_err().to_string();
        assert!(text.contains("meta.json") && text.contains("line 2"), "{text}");
    }
}
