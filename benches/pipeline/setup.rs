//! What all contestants get: the same settings, the same ticks, a fresh journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use peak_trade::clock::{Clock, SystemClock};
use peak_trade::config::{Layers, load};
use peak_trade::domain::MarketEvent;
use peak_trade::execution::HaltGate;
use peak_trade::market::{Source, SourceError, SourceInfo, SourceState};
use peak_trade::messages::{DecisionKey, DecisionRecord, KeyedRecord, Stage};
use peak_trade::runlog::{JournalFile, JournalWriter, OsFile, digest};
use peak_trade::session::assemble::engine;
use peak_trade::session::engine::Engine;
use peak_trade::session::plan::{Plan, RunLimits, plan};
use peak_trade::session::schema::schema;

use crate::meter::{MeteredFile, Syncs, histogram};

pub type Journal = JournalWriter<Box<dyn JournalFile + Send>>;

/// The shipped configuration with these changes.
pub fn planned(set: &[String]) -> Plan {
    let config = load(&schema(), &Layers { set: set.to_vec(), ..Layers::default() }).unwrap();
    plan(config, RunLimits::default()).unwrap()
}

/// Everything a planned source delivers.
pub fn all_events(plan: &mut Plan) -> Arc<[MarketEvent]> {
    let mut events = Vec::new();
    while plan.source.next_batch(65_536, &mut events).unwrap() == SourceState::More {}
    events.into()
}

/// Delivers events from memory.
pub struct InMemory {
    info: SourceInfo,
    events: Arc<[MarketEvent]>,
    at: usize,
}

impl InMemory {
    pub fn new(info: SourceInfo, events: Arc<[MarketEvent]>) -> Self {
        Self { info, events, at: 0 }
    }
}

impl Source for InMemory {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, max: usize, out: &mut Vec<MarketEvent>) -> Result<SourceState, SourceError> {
        let end = (self.at + max).min(self.events.len());
        out.extend_from_slice(&self.events[self.at..end]);
        self.at = end;
        Ok(if end == self.events.len() { SourceState::Ended } else { SourceState::More })
    }
}

/// One run's parts.
pub struct Run {
    pub engine: Engine,
    pub source: Box<dyn Source>,
    pub journal: Journal,
    pub gate: Arc<HaltGate>,
    pub clock: Arc<dyn Clock>,
    pub syncs: Syncs,
    path: PathBuf,
}

impl Run {
    /// A fresh engine, and a journal in `dir` that begins with the header.
    pub fn new(plan: &Plan, source: Box<dyn Source>, dir: &Path, sync: bool) -> Self {
        let gate = HaltGate::new();
        let engine = engine(&plan.settings, source.info(), plan.factory.clone(), Arc::clone(&gate)).unwrap();
        let path = dir.join("journal.bin");
        let _ = std::fs::remove_file(&path);
        let syncs = Syncs::new(std::sync::Mutex::new(histogram()));
        let file = MeteredFile::new(OsFile::create(&path).unwrap(), sync, &syncs);
        let mut journal = JournalWriter::new(Box::new(file) as Box<dyn JournalFile + Send>).unwrap();
        let header = DecisionRecord::Header(Box::new(plan.header.clone()));
        let key = DecisionKey { input: 0, stage: Stage::Header, index: 0 };
        journal.append_decisions(&[KeyedRecord { key, record: header }]).unwrap();
        journal.commit().unwrap();
        syncs.lock().unwrap().reset();
        Self { engine, source, journal, gate, clock: Arc::new(SystemClock), syncs, path }
    }

    /// Where the journal lies.
    pub fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

/// The digest of what was decided.
pub fn digest_of(path: &Path) -> String {
    let digest = digest(path).unwrap();
    assert!(!digest.torn, "a finished journal is whole");
    digest.hex
}

/// A scratch folder on the disk that holds the target folder.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}
