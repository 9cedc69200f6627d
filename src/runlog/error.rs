//! What can go wrong with a run log.

use std::io;
use std::path::Path;

use thiserror::Error;

/// A failure of the run log. Cloneable, because a journal that failed repeats its first error for
/// ever.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RunLogError {
    /// The operating system refused.
    #[error("{what}: {message}")]
    Io {
        /// What was being done, with the path where there is one.
        what: String,
        /// The kind, to tell a full disk (`StorageFull`) from a broken one.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// A record is larger than the format allows.
    #[error("journal record of {bytes} bytes refused; allowed: at most {max} bytes")]
    RecordTooLarge {
        /// Its length.
        bytes: usize,
        /// [`journal::MAX_PAYLOAD`](crate::runlog::journal::MAX_PAYLOAD).
        max: usize,
    },
    /// A batch of inputs breaks the rules of numbering.
    #[error("batch of inputs refused: {detail}; allowed: at most {max} inputs, numbers ascending by one, after the last batch's", max = crate::messages::InputBatch::MAX)]
    BadBatch {
        /// Which rule.
        detail: String,
    },
    /// A record could not be turned into bytes.
    #[error("journal record could not be encoded: {detail}")]
    Encode {
        /// The encoder's words.
        detail: String,
    },
    /// The bytes are sound but mean nothing to this version.
    #[error("journal record {seq} at byte {at_byte} is intact but unreadable: {detail}")]
    Undecodable {
        /// Its sequence number.
        seq: u64,
        /// Where it starts.
        at_byte: u64,
        /// What does not fit.
        detail: String,
    },
    /// Valid records follow damage.
    #[error(
        "journal corrupt at byte {at_byte}, where record {at_seq} should be: {valid_after} valid records follow the damage"
    )]
    Corrupt {
        /// Where the valid prefix ends.
        at_byte: u64,
        /// The sequence number expected there.
        at_seq: u64,
        /// How many valid records follow.
        valid_after: u64,
    },
    /// The file is no journal of a version that this binary reads.
    #[error("journal format version {found} is unknown; this binary reads version {known}")]
    UnknownVersion {
        /// In the file.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// A file that must be there is not.
    #[error("{what} is missing: {path}")]
    Missing {
        /// What it is.
        what: &'static str,
        /// Where it was looked for.
        path: String,
    },
    /// A file's contents are not what they must be.
    #[error("{path}: {detail}")]
    BadFile {
        /// Which.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// The run's folder exists.
    #[error("run folder {path} exists already; a run id is used once")]
    FolderExists {
        /// Where.
        path: String,
    },
    /// Somebody holds the run's lock: the run is alive (or being recovered).
    #[error("run {run} is alive: its lock {path} is held")]
    Alive {
        /// Folder name.
        run: String,
        /// The lock file.
        path: String,
    },
}

impl RunLogError {
    pub(crate) fn io(what: impl Into<String>, error: &io::Error) -> Self {
        Self::Io { what: what.into(), kind: error.kind(), message: error.to_string() }
    }

    pub(crate) fn at(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("{doing} {}", path.display());
        move |error| {
            if error.kind() == io::ErrorKind::NotFound {
                // The system's words name no path.
                return Self::Io { what, kind: error.kind(), message: "does not exist".to_owned() };
            }
            Self::io(what, &error)
        }
    }

    /// True when the disk (or quota) is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { kind: io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, .. })
    }
}
