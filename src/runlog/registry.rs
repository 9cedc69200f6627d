//! The session registry: one JSON file a session, for reports across runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::RunLogError;
use super::iso;
use super::meta::{RunState, read_json, write_json};
use crate::domain::{RunId, RunMode, Timestamp};

/// What kind of session it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunType {
    /// Paper venue.
    LiveSessionShadow,
    /// Exchange, validated only, or the mock exchange.
    LiveSessionTestnet,
}

impl RunType {
    /// The type of a mode.
    #[must_use]
    pub const fn of(mode: RunMode) -> Self {
        match mode {
            RunMode::Shadow => Self::LiveSessionShadow,
            RunMode::Testnet => Self::LiveSessionTestnet,
        }
    }

    /// Its name, as in the file's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LiveSessionShadow => "live_session_shadow",
            Self::LiveSessionTestnet => "live_session_testnet",
        }
    }
}

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryStatus {
    /// It runs.
    Started,
    /// It ended by itself or was stopped; `exit_reason` tells which.
    Completed,
    /// It failed or crashed; `error` tells why.
    Failed,
    /// It ended before its first bar, or was forced down.
    Aborted,
    /// The kill switch ended it.
    Killed,
}

impl RegistryStatus {
    /// The status of a run's state; `saw_a_bar` tells whether it got as far as its first bar.
    #[must_use]
    pub const fn of(state: RunState, saw_a_bar: bool) -> Self {
        match state {
            RunState::Pending | RunState::Running | RunState::Paused | RunState::Stopping => Self::Started,
            RunState::Stopped | RunState::Completed if saw_a_bar => Self::Completed,
            RunState::Stopped | RunState::Completed => Self::Aborted,
            RunState::Failed | RunState::Crashed | RunState::Corrupt => Self::Failed,
            RunState::Killed => Self::Killed,
        }
    }

    /// Its name in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Killed => "killed",
        }
    }
}

/// A session's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistryRecord {
    /// The session's id; ours is the run's id.
    pub session_id: String,
    /// The run's id.
    pub run_id: RunId,
    /// Kind of session.
    pub run_type: RunType,
    /// `shadow` or `testnet`.
    pub mode: String,
    /// `paper` or `testnet`.
    pub env_name: String,
    /// The pair.
    pub symbol: String,
    /// How it stands.
    pub status: RegistryStatus,
    /// Wall clock, UTC.
    #[serde(with = "iso")]
    pub started_at: Timestamp,
    /// Wall clock, UTC; null while it runs.
    #[serde(with = "iso::option")]
    pub finished_at: Option<Timestamp>,
    /// What it was configured with.
    pub config: Map<String, Value>,
    /// `realized_pnl`, `unrealized_pnl`, `max_drawdown`, `num_orders`, `num_trades`, `steps`,
    /// `fill_rate`.
    pub metrics: Map<String, Value>,
    /// The command line.
    pub cli_args: Vec<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// When this record was first written, UTC.
    #[serde(with = "iso")]
    pub created_at: Timestamp,
    /// Tier of the strategy.
    pub strategy_tier: Option<String>,
    /// Why it ended, in words.
    #[serde(default)]
    pub exit_reason: Option<String>,
    /// Keys of other versions.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What lies in a registry folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RegistryListing {
    /// Records with their files, newest start first.
    pub records: Vec<(PathBuf, RegistryRecord)>,
    /// Files that could not be read, and why.
    pub unreadable: Vec<(PathBuf, String)>,
}

impl RegistryRecord {
    /// A session that starts now; the rest is for the caller to fill in.
    #[must_use]
    pub fn started(run_id: RunId, mode: RunMode, symbol: &str, now: Timestamp) -> Self {
        Self {
            session_id: run_id.as_str().to_owned(),
            run_id,
            run_type: RunType::of(mode),
            mode: mode.as_str().to_owned(),
            env_name: match mode {
                RunMode::Shadow => "paper",
                RunMode::Testnet => "testnet",
            }
            .to_owned(),
            symbol: symbol.to_owned(),
            status: RegistryStatus::Started,
            started_at: now,
            finished_at: None,
            config: Map::new(),
            metrics: Map::new(),
            cli_args: Vec::new(),
            error: None,
            created_at: now,
            strategy_tier: None,
            exit_reason: None,
            other: Map::new(),
        }
    }

    /// Name of its file: `YYYYMMDDTHHMMSS_{run_type}_{session_id}.json`.
    #[must_use]
    pub fn file_name(&self) -> String {
        let stamp = self.started_at.to_datetime().format("%Y%m%dT%H%M%S");
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let session: String = self.session_id.chars().map(plain).collect();
        format!("{stamp}_{}_{session}.json", self.run_type.as_str())
    }

    /// Writes the record into a registry folder (created if missing) and returns its file.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write_started(&self, dir: &Path) -> Result<PathBuf, RunLogError> {
        fs::create_dir_all(dir).map_err(RunLogError::at("create folder", dir))?;
        let path = dir.join(self.file_name());
        write_json(&path, self)?;
        Ok(path)
    }

    /// Finishes the record and replaces its file.
    ///
    /// # Errors
    /// The operating system's.
    pub fn finish(
        &mut self,
        dir: &Path,
        status: RegistryStatus,
        now: Timestamp,
        exit_reason: &str,
        error: Option<String>,
        metrics: Option<Map<String, Value>>,
    ) -> Result<PathBuf, RunLogError> {
        self.status = status;
        self.finished_at = Some(now);
        self.exit_reason = Some(exit_reason.to_owned());
        self.error = error;
        if let Some(metrics) = metrics {
            self.metrics = metrics;
        }
        self.write_started(dir)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Missing or broken, or the operating system's.
    pub fn read(path: &Path) -> Result<Self, RunLogError> {
        read_json(path, "registry record")
    }

    /// Reads a registry folder. A missing folder is empty; files that cannot be read are listed,
    /// and the rest is read all the same.
    ///
    /// # Errors
    /// The folder itself cannot be read.
    pub fn list(dir: &Path) -> Result<RegistryListing, RunLogError> {
        let mut listing = RegistryListing::default();
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listing),
            Err(error) => return Err(RunLogError::at("read folder", dir)(error)),
        };
        for entry in entries {
            let path = entry.map_err(RunLogError::at("read folder", dir))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') || path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            match Self::read(&path) {
                Ok(record) => listing.records.push((path, record)),
                Err(error) => listing.unreadable.push((path, error.to_string())),
            }
        }
        listing.records.sort_by(|(path_a, a), (path_b, b)| {
            b.started_at.cmp(&a.started_at).then_with(|| path_b.cmp(path_a))
        });
        listing.unreadable.sort();
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seconds: i64) -> RegistryRecord {
        let now = Timestamp::from_secs(1_765_108_800 + seconds);
        let id = RunId::new(RunMode::Shadow, now, 0xabc123);
        RegistryRecord::started(id, RunMode::Shadow, "BTC/EUR", now)
    }

    #[test]
    fn a_session_is_started_finished_and_listed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("reports/live_sessions");
        let mut first = record(0);
        let path = first.write_started(&dir).unwrap();
        assert_eq!(
            path.file_name().unwrap().to_str().unwrap(),
            "20251207T120000_live_session_shadow_shadow_20251207_120000_abc123.json"
        );
        record(60).write_started(&dir).unwrap();
        first
            .finish(
                &dir,
                RegistryStatus::Completed,
                Timestamp::from_secs(1_765_108_900),
                "stopped",
                None,
                None,
            )
            .unwrap();
        fs::write(dir.join("broken.json"), "{").unwrap();
        fs::write(dir.join("readme.txt"), "x").unwrap();
        let listing = RegistryRecord::list(&dir).unwrap();
        let starts: Vec<i64> = listing.records.iter().map(|(_, r)| r.started_at.secs()).collect();
        assert_eq!(starts, [1_765_108_860, 1_765_108_800]);
        assert_eq!(listing.records[1].1, first);
        assert_eq!(listing.unreadable.len(), 1);
        assert!(listing.unreadable[0].0.ends_with("broken.json"));
        let json: Map<String, Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let keys: Vec<&str> = json.keys().map(String::as_str).collect();
        assert_eq!(
            keys[..15],
            [
                "session_id",
                "run_id",
                "run_type",
                "mode",
                "env_name",
                "symbol",
                "status",
                "started_at",
                "finished_at",
                "config",
                "metrics",
                "cli_args",
                "error",
                "created_at",
                "strategy_tier"
            ]
        );
        assert_eq!(json["finished_at"], "2025-12-07T12:01:40Z");
        assert_eq!((&json["status"], &json["env_name"]), (&Value::from("completed"), &Value::from("paper")));
    }

    #[test]
    fn an_id_cannot_leave_the_folder() {
        let mut odd = record(0);
        odd.session_id = "../a b:c/d".to_owned();
        assert_eq!(odd.file_name(), "20251207T120000_live_session_shadow_.._a_b_c_d.json");
    }

    #[test]
    fn run_states_map_to_registry_statuses() {
        use RegistryStatus as S;
        let mapped: Vec<_> = RunState::ALL.iter().map(|s| S::of(*s, true)).collect();
        assert_eq!(
            mapped,
            [
                S::Started,
                S::Started,
                S::Started,
                S::Started,
                S::Completed,
                S::Completed,
                S::Failed,
                S::Failed,
                S::Killed,
                S::Failed
            ]
        );
        assert_eq!(S::of(RunState::Stopped, false), S::Aborted);
    }
}
