//! Writing the journal.

use std::path::Path;

use serde::Serialize;

use super::super::error::RunLogError;
use super::columns::Columns;
use super::file::{JournalFile, OsFile};
use super::frame::{self, ChainValue, Kind};
use super::scan::{Damage, ScanReport, scan};
use crate::messages::{InputBatch, KeyedRecord, OperationalRecord};

/// The buffer goes to the operating system when it holds this many bytes.
pub const BUFFER_LIMIT: usize = 256 * 1024;

/// Appends records and makes them durable in groups.
///
/// A record is acknowledged only by a [`commit`](Self::commit) that returned a sequence number at
/// or above its own. After any failure of the file the writer is dead: it repeats its first error
/// and writes nothing more, because nobody knows what reached the disk.
#[derive(Debug)]
pub struct JournalWriter<F> {
    file: F,
    buffer: Vec<u8>,
    payload: Vec<u8>,
    columns: Columns,
    chain: ChainValue,
    last_input: u64,
    appended: u64,
    written: u64,
    durable: u64,
    /// Something was written that no sync covers; also true for a fresh file's header.
    dirty: bool,
    /// Bytes handed to the operating system since the last sync.
    unsynced: u64,
    dead: Option<RunLogError>,
}

impl JournalWriter<OsFile> {
    /// Creates a journal with its header on disk; refuses an existing file.
    ///
    /// # Errors
    /// The operating system's.
    pub fn create(path: &Path) -> Result<Self, RunLogError> {
        Self::new(OsFile::create(path)?)
    }

    /// Opens an undamaged journal to append to it.
    ///
    /// # Errors
    /// Damage, or the operating system's.
    pub fn open(path: &Path) -> Result<Self, RunLogError> {
        let report = scan(path)?;
        match report.damage {
            Damage::None => Self::resume(OsFile::open(path)?, &report),
            Damage::TornTail { at_byte, cut_bytes } => Err(RunLogError::BadFile {
                path: path.display().to_string(),
                detail: format!("{cut_bytes} torn bytes at byte {at_byte}: recover the run first"),
            }),
            Damage::Corruption { at_byte, at_seq, valid_after } => {
                Err(RunLogError::Corrupt { at_byte, at_seq, valid_after })
            }
        }
    }
}

impl<F: JournalFile> JournalWriter<F> {
    /// A journal in an empty file; writes and syncs the file header.
    ///
    /// # Errors
    /// The file is not empty, or fails.
    pub fn new(file: F) -> Result<Self, RunLogError> {
        let len = file.len().map_err(|e| RunLogError::io("measure the journal", &e))?;
        if len != 0 {
            return Err(RunLogError::BadFile {
                path: "journal".to_owned(),
                detail: format!("a new journal needs an empty file, this one has {len} bytes"),
            });
        }
        let mut writer = Self::at(file, frame::first_link(), 0, 0);
        writer.buffer.extend_from_slice(&frame::file_header());
        writer.commit()?;
        Ok(writer)
    }

    /// Goes on where an undamaged journal ends.
    ///
    /// # Errors
    /// The file's length is not what the report says.
    pub fn resume(file: F, report: &ScanReport) -> Result<Self, RunLogError> {
        let len = file.len().map_err(|e| RunLogError::io("measure the journal", &e))?;
        if len != report.valid_bytes || report.damage != Damage::None {
            return Err(RunLogError::BadFile {
                path: "journal".to_owned(),
                detail: format!("has {len} bytes, of which {} are valid", report.valid_bytes),
            });
        }
        Ok(Self::at(file, report.chain, report.last_seq, report.last_input))
    }

    fn at(file: F, chain: ChainValue, last_seq: u64, last_input: u64) -> Self {
        Self {
            file,
            buffer: Vec::with_capacity(BUFFER_LIMIT + 64 * 1024),
            payload: Vec::new(),
            columns: Columns::default(),
            chain,
            last_input,
            appended: last_seq,
            written: last_seq,
            durable: last_seq,
            dirty: false,
            unsynced: 0,
            dead: None,
        }
    }

    /// Appends a batch of inputs as one record; an empty one is no record. Returns the last
    /// sequence number appended.
    ///
    /// # Errors
    /// A batch that breaks the numbering (nothing is appended), or a failed file.
    pub fn append_inputs(&mut self, batch: &InputBatch) -> Result<u64, RunLogError> {
        self.alive()?;
        let Some(first) = batch.inputs.first() else { return Ok(self.appended) };
        let bad = |detail: String| Err(RunLogError::BadBatch { detail });
        if batch.inputs.len() > InputBatch::MAX {
            return bad(format!("{} inputs", batch.inputs.len()));
        }
        if first.number <= self.last_input {
            return bad(format!("input {} after input {}", first.number, self.last_input));
        }
        for pair in batch.inputs.windows(2) {
            if let [a, b] = pair
                && a.number.checked_add(1) != Some(b.number)
            {
                return bad(format!("input {} after input {}", b.number, a.number));
            }
        }
        let last = batch.inputs.last().map_or(first.number, |input| input.number);
        self.payload.clear();
        self.columns.encode(batch.received_at, &batch.inputs, &mut self.payload);
        self.append_payload(Kind::Inputs)?;
        self.last_input = last;
        self.drain_if_full()
    }

    /// Appends decision records, each as one record. Returns the last sequence number appended.
    ///
    /// # Errors
    /// A record that is too large (it and those after it are not appended), or a failed file.
    pub fn append_decisions(&mut self, records: &[KeyedRecord]) -> Result<u64, RunLogError> {
        for record in records {
            self.append_value(Kind::Decision, record)?;
        }
        Ok(self.appended)
    }

    /// Appends an operational record. Returns its sequence number.
    ///
    /// # Errors
    /// A record that is too large, or a failed file.
    pub fn append_operational(&mut self, record: &OperationalRecord) -> Result<u64, RunLogError> {
        self.append_value(Kind::Operational, record)
    }

    fn append_value<T: Serialize>(&mut self, kind: Kind, value: &T) -> Result<u64, RunLogError> {
        self.alive()?;
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        self.payload =
            postcard::to_extend(value, payload).map_err(|e| RunLogError::Encode { detail: e.to_string() })?;
        self.append_payload(kind)?;
        self.drain_if_full()
    }

    fn append_payload(&mut self, kind: Kind) -> Result<(), RunLogError> {
        let seq = self.appended + 1;
        frame::append(&mut self.buffer, kind, seq, &mut self.chain, &self.payload)?;
        self.appended = seq;
        Ok(())
    }

    fn drain_if_full(&mut self) -> Result<u64, RunLogError> {
        if self.buffer.len() >= BUFFER_LIMIT {
            self.flush()?;
        }
        Ok(self.appended)
    }

    /// Hands the buffer to the operating system: it then survives the death of this process, not
    /// of the machine. Returns the last sequence number written.
    ///
    /// # Errors
    /// The file's; the writer is dead from then on.
    pub fn flush(&mut self) -> Result<u64, RunLogError> {
        self.alive()?;
        if !self.buffer.is_empty() {
            self.dirty = true;
            if let Err(error) = self.file.write_all(&self.buffer) {
                return self.die("write the journal", &error);
            }
            self.unsynced += self.buffer.len() as u64;
            self.buffer.clear();
            self.written = self.appended;
        }
        Ok(self.written)
    }

    /// Group commit: writes the buffer and waits until all of it survives a loss of power.
    /// Returns the last durable sequence number (0 before the first record).
    ///
    /// # Errors
    /// The file's; the writer is dead from then on.
    pub fn commit(&mut self) -> Result<u64, RunLogError> {
        self.flush()?;
        if self.dirty {
            if let Err(error) = self.file.sync_data() {
                return self.die("sync the journal", &error);
            }
            self.dirty = false;
            self.unsynced = 0;
            self.durable = self.written;
        }
        Ok(self.durable)
    }

    fn die<T>(&mut self, what: &str, error: &std::io::Error) -> Result<T, RunLogError> {
        let error = RunLogError::io(what, error);
        self.dead = Some(error.clone());
        Err(error)
    }

    fn alive(&self) -> Result<(), RunLogError> {
        match &self.dead {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Bytes that no sync covers yet, buffered or written.
    #[must_use]
    pub fn uncommitted_bytes(&self) -> u64 {
        self.unsynced + self.buffer.len() as u64
    }

    /// The sequence number of the last record appended (perhaps only to the buffer).
    #[must_use]
    pub fn appended_seq(&self) -> u64 {
        self.appended
    }

    /// The sequence number of the last record handed to the operating system.
    #[must_use]
    pub fn written_seq(&self) -> u64 {
        self.written
    }

    /// The sequence number of the last record that survives a loss of power.
    #[must_use]
    pub fn durable_seq(&self) -> u64 {
        self.durable
    }

    /// Number of the last input appended; 0 before the first.
    #[must_use]
    pub fn last_input(&self) -> u64 {
        self.last_input
    }

    /// The failure that killed the writer.
    #[must_use]
    pub fn failure(&self) -> Option<&RunLogError> {
        self.dead.as_ref()
    }

    /// The file, for tests of what reached it. What is only in the buffer is lost.
    #[must_use]
    pub fn into_file(self) -> F {
        self.file
    }
}
