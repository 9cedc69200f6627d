//! Puts the folder of a run that died in order.
//!
//! Every step can be interrupted and repeated: a second recovery finishes what a first one
//! began, and a third changes nothing. Nothing is thrown away: a torn tail and a corrupt journal
//! are kept beside the journal under names of their own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::atomic::{remove_temporaries, sync_dir, write_atomic, write_bytes};
use super::derived::{DerivedFiles, TableFormat, derive_files};
use super::error::RunLogError;
use super::folder::RunFolder;
use super::journal::{
    Damage, FILE_HEADER, JournalReader, JournalRecord, JournalWriter, OsFile, ScanReport, read_full, scan,
};
use super::meta::{Meta, RunState};
use super::registry::{RegistryRecord, RegistryStatus};
use crate::domain::Timestamp;
use crate::messages::{DecisionRecord, OperationalRecord};

/// What recovery needs to know.
#[derive(Debug, Clone)]
pub struct RecoverOptions {
    /// Wall clock.
    pub now: Timestamp,
    /// Where the session's registry record lies; None: leave the registry alone.
    pub registry_dir: Option<PathBuf>,
}

/// What became of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// `meta.json` said a final state: nothing was touched.
    AlreadyFinal(RunState),
    /// The journal had been closed in order; what came after that was missing and was made.
    Finished(RunState),
    /// The run was sealed as crashed.
    Crashed,
    /// The run died before its journal existed; only `meta.json` was sealed.
    NoJournal,
    /// The journal is damaged in the middle: the original was set aside, the derived files come
    /// from the records before the damage, the run is sealed as corrupt.
    Corrupt {
        /// Where the damage begins.
        at_byte: u64,
        /// The sequence number expected there.
        at_seq: u64,
        /// How many valid records follow it.
        valid_after: u64,
    },
}

/// A tail that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// Where the valid prefix ended.
    pub at_byte: u64,
    /// How many bytes were cut.
    pub bytes: u64,
    /// Where they are kept; None when there were none.
    pub saved_as: Option<PathBuf>,
}

/// What recovery found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryReport {
    /// The run's folder.
    pub dir: PathBuf,
    /// What became of it.
    pub outcome: Outcome,
    /// The cut tail.
    pub torn: Option<TornTail>,
    /// Where a corrupt journal is kept.
    pub quarantined: Option<PathBuf>,
    /// Records of the valid prefix, before the seal.
    pub valid_records: u64,
    /// Its last sequence number.
    pub last_seq: u64,
    /// The rebuilt tables.
    pub derived: Option<DerivedFiles>,
    /// `meta.json` was missing or unreadable and was made anew from the journal.
    pub meta_rebuilt: bool,
    /// The registry record that was repaired.
    pub registry: Option<PathBuf>,
}

impl RecoveryReport {
    /// True when a person must look: the exit code must not be 0.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Corrupt { .. } | Outcome::AlreadyFinal(RunState::Corrupt))
    }

    /// True when the folder was not in order before.
    #[must_use]
    pub fn changed(&self) -> bool {
        !matches!(self.outcome, Outcome::AlreadyFinal(_))
    }
}

/// Recovers one run, if nobody holds its lock.
///
/// # Errors
/// [`RunLogError::Alive`], nothing in the folder to recover from, or the operating system's.
pub fn recover(run_dir: &Path, options: &RecoverOptions) -> Result<RecoveryReport, RunLogError> {
    let folder = RunFolder::at(run_dir.to_owned())?;
    let _lock = folder.lock()?;
    remove_temporaries(folder.dir())?;
    let mut report = RecoveryReport {
        dir: folder.dir().to_owned(),
        outcome: Outcome::NoJournal,
        torn: None,
        quarantined: None,
        valid_records: 0,
        last_seq: 0,
        derived: None,
        meta_rebuilt: false,
        registry: None,
    };
    let meta = match Meta::read(&folder.meta()) {
        Ok(meta) => Some(meta),
        Err(RunLogError::Missing { .. } | RunLogError::BadFile { .. }) => None,
        Err(error) => return Err(error),
    };
    if let Some(meta) = &meta
        && meta.state.is_final()
    {
        report.outcome = Outcome::AlreadyFinal(meta.state);
        return Ok(report);
    }
    let (state, reason, ended_at) = if folder.journal().exists() {
        seal(&folder, options.now, &mut report)?
    } else if meta.is_some() || is_bare(&folder)? {
        (RunState::Crashed, "crashed before its journal existed".to_owned(), options.now)
    } else {
        return Err(RunLogError::Missing {
            what: "journal (and a readable meta.json)",
            path: folder.journal().display().to_string(),
        });
    };
    let mut meta = match meta {
        Some(meta) => meta,
        None => {
            report.meta_rebuilt = true;
            rebuild_meta(&folder, options.now)?
        }
    };
    let mut saw_a_bar = false;
    if folder.journal().exists() {
        let derived = derive_files(&folder, meta.table_format)?;
        saw_a_bar = derived.steps > 0;
        report.derived = Some(derived);
    }
    if let Some(dir) = &options.registry_dir {
        let status = RegistryStatus::of(state, saw_a_bar);
        report.registry = repair_registry(dir, &folder, status, state, &reason, ended_at)?;
    }
    // Last: only a final state tells the next recovery that all is done.
    meta.state = state;
    meta.exit_reason = reason;
    meta.ended_at = Some(ended_at);
    meta.write(&folder.meta())?;
    Ok(report)
}

/// Cuts the torn tail of a run that is over but could not write its journal's end: a run that
/// failed because its disk did.
///
/// # Errors
/// [`RunLogError::Alive`], or the operating system's.
pub fn cut_torn_tail(run_dir: &Path) -> Result<Option<TornTail>, RunLogError> {
    let folder = RunFolder::at(run_dir.to_owned())?;
    let _lock = folder.lock()?;
    match scan(&folder.journal())?.damage {
        Damage::TornTail { at_byte, cut_bytes } => {
            let saved_as = cut(&folder, at_byte, cut_bytes)?;
            Ok(Some(TornTail { at_byte, bytes: cut_bytes, saved_as }))
        }
        Damage::None | Damage::Corruption { .. } => Ok(None),
    }
}

/// Recovers every run in `base` whose lock is free. Runs that are alive are left out.
///
/// # Errors
/// The folder itself cannot be read; a run that cannot be recovered has its error in the list.
#[allow(clippy::type_complexity)]
pub fn recover_all(
    base: &Path,
    options: &RecoverOptions,
) -> Result<Vec<(PathBuf, Result<RecoveryReport, RunLogError>)>, RunLogError> {
    let mut results = Vec::new();
    for folder in RunFolder::list(base)? {
        match recover(folder.dir(), options) {
            Err(RunLogError::Alive { .. }) => {}
            result => results.push((folder.dir().to_owned(), result)),
        }
    }
    Ok(results)
}

/// Makes the journal whole and closed; says how the run ended.
fn seal(
    folder: &RunFolder,
    now: Timestamp,
    report: &mut RecoveryReport,
) -> Result<(RunState, String, Timestamp), RunLogError> {
    let journal = folder.journal();
    let mut found = scan(&journal)?;
    if let (Some(whose), Ok(run_id)) = (&found.run_id, folder.run_id())
        && *whose != run_id
    {
        return Err(RunLogError::BadFile {
            path: journal.display().to_string(),
            detail: format!("it is the journal of run {whose}: nothing was touched"),
        });
    }
    report.valid_records = found.valid_records;
    report.last_seq = found.last_seq;
    if let Damage::Corruption { at_byte, at_seq, valid_after } = found.damage {
        report.outcome = Outcome::Corrupt { at_byte, at_seq, valid_after };
        let reason = format!(
            "journal corrupt at byte {at_byte}, where record {at_seq} should be; {valid_after} valid records after it"
        );
        report.quarantined = Some(quarantine(folder, &found, now, &reason)?);
        return Ok((RunState::Corrupt, reason, now));
    }
    if let Damage::TornTail { at_byte, cut_bytes } = found.damage {
        let saved_as = cut(folder, at_byte, cut_bytes)?;
        report.torn = Some(TornTail { at_byte, bytes: cut_bytes, saved_as });
        found = scan(&journal)?;
    }
    if let Some(ending) = &found.ending {
        let state = RunState::from_name(&ending.state).filter(|s| s.is_final()).unwrap_or(RunState::Failed);
        report.outcome = match state {
            RunState::Crashed => Outcome::Crashed,
            RunState::Corrupt => corrupt_before(folder, report)?,
            state => Outcome::Finished(state),
        };
        return Ok((state, ending.reason.clone(), ending.at));
    }
    let reason = match found.last_wall_clock {
        Some(at) => format!("crashed; last sign of life {at}"),
        None => "crashed before its first record".to_owned(),
    };
    report.outcome = Outcome::Crashed;
    append_ending(&journal, &found, RunState::Crashed, &reason, now)?;
    Ok((RunState::Crashed, reason, now))
}

/// The end of a corruption's recovery that was interrupted: the same words as the first time.
fn corrupt_before(folder: &RunFolder, report: &mut RecoveryReport) -> Result<Outcome, RunLogError> {
    let mut kept = None;
    for n in 0.. {
        let path = numbered(folder, "journal.corrupt", n);
        if !path.exists() {
            break;
        }
        kept = Some(path);
    }
    let path = kept.ok_or_else(|| RunLogError::Missing {
        what: "quarantined journal",
        path: folder.dir().join("journal.corrupt").display().to_string(),
    })?;
    let found = scan(&path)?;
    report.quarantined = Some(path);
    Ok(match found.damage {
        Damage::Corruption { at_byte, at_seq, valid_after } => {
            Outcome::Corrupt { at_byte, at_seq, valid_after }
        }
        Damage::None | Damage::TornTail { .. } => {
            Outcome::Corrupt { at_byte: found.valid_bytes, at_seq: found.last_seq + 1, valid_after: 0 }
        }
    })
}

fn append_ending(
    journal: &Path,
    found: &ScanReport,
    state: RunState,
    reason: &str,
    now: Timestamp,
) -> Result<(), RunLogError> {
    let file = OsFile::open(journal)?;
    let mut writer =
        if found.valid_bytes == 0 { JournalWriter::new(file)? } else { JournalWriter::resume(file, found)? };
    writer.append_operational(&OperationalRecord::RunEnded {
        state: state.as_str().to_owned(),
        reason: reason.to_owned(),
        at: now,
    })?;
    writer.commit()?;
    Ok(())
}

/// Keeps the torn tail in a file of its own, then cuts it off the journal.
fn cut(folder: &RunFolder, at_byte: u64, cut_bytes: u64) -> Result<Option<PathBuf>, RunLogError> {
    let journal = folder.journal();
    let failed = |error| RunLogError::at("cut", &journal)(error);
    let mut saved_as = None;
    if cut_bytes > 0 {
        let file = File::open(&journal).map_err(RunLogError::at("open", &journal))?;
        saved_as = Some(keep(folder, "journal.torn", |path| copy_range(&file, at_byte, u64::MAX, path))?);
    }
    let file = OpenOptions::new().write(true).open(&journal).map_err(failed)?;
    file.set_len(at_byte).and_then(|()| file.sync_all()).map_err(failed)?;
    if at_byte == 0 {
        drop(file);
        // Not even the file header was whole.
        JournalWriter::new(OsFile::open(&journal)?)?;
    }
    Ok(saved_as)
}

/// Sets a corrupt journal aside and puts its valid prefix, sealed, in its place.
fn quarantine(
    folder: &RunFolder,
    found: &ScanReport,
    now: Timestamp,
    reason: &str,
) -> Result<PathBuf, RunLogError> {
    let journal = folder.journal();
    // A hard link: the original is never without a name and never copied.
    let kept = keep(folder, "journal.corrupt", |path| {
        fs::hard_link(&journal, path).map_err(RunLogError::at("link", path))?;
        sync_dir(folder.dir())
    })?;
    let file = File::open(&journal).map_err(RunLogError::at("open", &journal))?;
    let prefix = folder.dir().join(".journal.prefix.tmp");
    match fs::remove_file(&prefix) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(RunLogError::at("remove", &prefix)(error));
        }
        _ => {}
    }
    if found.valid_bytes >= FILE_HEADER as u64 {
        copy_range(&file, 0, found.valid_bytes, &prefix)?;
    } else {
        write_bytes(&prefix, &[])?;
    }
    let whole = scan(&prefix)?;
    append_ending(&prefix, &whole, RunState::Corrupt, reason, now)?;
    fs::rename(&prefix, &journal).map_err(RunLogError::at("rename into", &journal))?;
    sync_dir(folder.dir())?;
    Ok(kept)
}

/// Calls `make` with the first name that is free, unless a file kept earlier has the same
/// contents (a recovery that was interrupted).
fn keep(
    folder: &RunFolder,
    name: &str,
    make: impl FnOnce(&Path) -> Result<(), RunLogError>,
) -> Result<PathBuf, RunLogError> {
    let mut n = 0;
    let mut path = numbered(folder, name, n);
    while path.exists() {
        n += 1;
        path = numbered(folder, name, n);
    }
    make(&path)?;
    if let Some(last) = n.checked_sub(1) {
        let earlier = numbered(folder, name, last);
        if same_contents(&earlier, &path)? {
            fs::remove_file(&path).map_err(RunLogError::at("remove", &path))?;
            return Ok(earlier);
        }
    }
    Ok(path)
}

fn numbered(folder: &RunFolder, name: &str, n: u32) -> PathBuf {
    folder.dir().join(if n == 0 { name.to_owned() } else { format!("{name}.{n}") })
}

fn same_contents(a: &Path, b: &Path) -> Result<bool, RunLogError> {
    let open = |path: &Path| File::open(path).map_err(RunLogError::at("open", path));
    let (file_a, file_b) = (open(a)?, open(b)?);
    let (mut chunk_a, mut chunk_b) = (vec![0; 65_536], vec![0; 65_536]);
    let mut at = 0;
    loop {
        let got_a = read_full(&file_a, &mut chunk_a, at)?;
        let got_b = read_full(&file_b, &mut chunk_b, at)?;
        if chunk_a[..got_a] != chunk_b[..got_b] {
            return Ok(false);
        }
        if got_a == 0 {
            return Ok(true);
        }
        at += got_a as u64;
    }
}

/// Copies a part of a file, durably and in bounded memory.
fn copy_range(from: &File, start: u64, len: u64, to: &Path) -> Result<(), RunLogError> {
    use std::io::{Seek, SeekFrom};
    let mut source = from;
    source.seek(SeekFrom::Start(start)).map_err(RunLogError::at("read for", to))?;
    write_atomic::<(), RunLogError>(to, |out| {
        io::copy(&mut source.take(len), out).and_then(|_| out.flush()).map_err(RunLogError::at("write", to))
    })
}

/// True when the folder holds nothing but what a run makes before its first file of record.
fn is_bare(folder: &RunFolder) -> Result<bool, RunLogError> {
    let failed = |error| RunLogError::at("read folder", folder.dir())(error);
    for entry in fs::read_dir(folder.dir()).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path != folder.lock_file() && path != folder.heartbeat() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A `meta.json` from what the journal knows; an unreadable one is kept under another name.
fn rebuild_meta(folder: &RunFolder, now: Timestamp) -> Result<Meta, RunLogError> {
    let path = folder.meta();
    if path.exists() {
        keep(folder, "meta.json.unreadable", |kept| {
            fs::rename(&path, kept).map_err(RunLogError::at("rename into", kept))
        })?;
    }
    let mut meta = Meta::new(folder.run_id()?, now);
    "rebuilt by recovery".clone_into(&mut meta.notes);
    meta.table_format =
        if folder.events(TableFormat::Csv).exists() { TableFormat::Csv } else { TableFormat::Parquet };
    if !folder.journal().exists() {
        return Ok(meta);
    }
    for entry in JournalReader::open(&folder.journal())? {
        match entry?.record {
            JournalRecord::Operational(OperationalRecord::RunStarted { run_id: _, at, version, pid }) => {
                meta.started_at = at;
                meta.binary_version = version;
                meta.pid = pid;
            }
            JournalRecord::Decision(record) => {
                if let DecisionRecord::Header(header) = record.record {
                    meta.symbol = header.instrument.symbol.to_string();
                    meta.timeframe = header.timeframe.to_string();
                    meta.strategy_name = header.strategy;
                    meta.seed = header.seed;
                    meta.is_synthetic = header.source.starts_with("synthetic");
                    meta.source = header.source;
                    meta.schema_version = header.schema_version;
                    meta.config_snapshot = header
                        .settings
                        .into_iter()
                        .map(|(key, value)| (key, serde_json::Value::from(value)))
                        .collect::<serde_json::Map<_, _>>()
                        .into();
                    // It comes after `RunStarted`.
                    break;
                }
            }
            JournalRecord::Operational(_) | JournalRecord::Inputs(_) => {}
        }
    }
    Ok(meta)
}

/// Gives the session's registry record its end.
fn repair_registry(
    dir: &Path,
    folder: &RunFolder,
    status: RegistryStatus,
    state: RunState,
    reason: &str,
    ended_at: Timestamp,
) -> Result<Option<PathBuf>, RunLogError> {
    let run = folder.name();
    for (path, mut record) in RegistryRecord::list(dir)?.records {
        if record.run_id.as_str() != run || record.status != RegistryStatus::Started {
            continue;
        }
        record.status = status;
        record.finished_at = Some(ended_at);
        record.exit_reason = Some(reason.to_owned());
        if status == RegistryStatus::Failed {
            let plain = matches!(state, RunState::Crashed | RunState::Corrupt);
            record.error = Some(if plain { state.as_str().to_owned() } else { reason.to_owned() });
        }
        super::meta::write_json(&path, &record)?;
        return Ok(Some(path));
    }
    Ok(None)
}
