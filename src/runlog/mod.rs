//! The run log: the journal, from which everything else can be rebuilt, and what is derived of it.
//!
//! - [`journal`]: the append-only file, its format, writer, reader and damage report.
//! - [`Decisions`], [`digest`]: the decision records in canonical order, for replay and comparison.
//! - [`derive_files`], [`read_events`]: tables for people and data tools.
//! - [`RunFolder`], [`Meta`], [`Heartbeat`], [`RegistryRecord`]: what a run leaves on disk beside it.
//! - [`recover`]: puts the folder of a run that died in order.
//!
//! Order of a run's end: `RunEnded` into the journal and committed, derived files, registry record,
//! and `meta.json` with its final state last. Whatever is interrupted in between is completed by
//! [`recover`], because only a final state in `meta.json` tells it to leave a folder alone.

mod atomic;
mod canonical;
mod derived;
mod error;
mod folder;
mod heartbeat;
pub mod iso;
pub mod journal;
mod meta;
mod normal;
mod recover;
mod registry;

pub use canonical::{Decisions, Digest, decisions, digest};
pub use derived::{DerivedFiles, TableFormat, derive_files, for_each_step, read_events};
pub use error::RunLogError;
pub use folder::{RunFolder, RunLock};
pub use heartbeat::{Heartbeat, HeartbeatReader, HeartbeatReading};
pub use journal::{
    Damage, JournalEntry, JournalFile, JournalReader, JournalWriter, OsFile, ScanReport, scan,
};
pub use meta::{Meta, RunState};
pub use normal::normalized;
pub use recover::{Outcome, RecoverOptions, RecoveryReport, TornTail, cut_torn_tail, recover, recover_all};
pub use registry::{RegistryListing, RegistryRecord, RegistryStatus, RunType};

#[cfg(test)]
mod tests;
