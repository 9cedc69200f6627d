//! What state a journal is in.

use std::fs::File;
use std::path::Path;

use super::super::error::RunLogError;
use super::file::{ReadAt, read_full, size};
use super::frame::{self, ChainValue, Kind, MAX_PAYLOAD, RECORD_HEADER};
use super::reader::{FrameReader, JournalRecord, Step, decode_payload};
use crate::domain::{RunId, Timestamp};
use crate::messages::OperationalRecord;

/// What is wrong with a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Nothing.
    None,
    /// No valid record follows the damage: the end of a write that was cut off.
    TornTail {
        /// Where the valid prefix ends.
        at_byte: u64,
        /// How many bytes come after it.
        cut_bytes: u64,
    },
    /// Valid records follow: something changed what was written before.
    Corruption {
        /// Where the valid prefix ends.
        at_byte: u64,
        /// The sequence number expected there.
        at_seq: u64,
        /// How many records with a right checksum follow.
        valid_after: u64,
    },
}

/// How the run ended, by the last `RunEnded` of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The run's state.
    pub state: String,
    /// Why.
    pub reason: String,
    /// Wall clock.
    pub at: Timestamp,
}

/// A journal's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanReport {
    /// Records of the valid prefix.
    pub valid_records: u64,
    /// Its bytes, the file header included.
    pub valid_bytes: u64,
    /// Sequence number of its last record; 0 without any.
    pub last_seq: u64,
    /// Chain value after its last record.
    pub chain: ChainValue,
    /// Number of its last input; 0 without any.
    pub last_input: u64,
    /// Inputs in it.
    pub inputs: u64,
    /// Decision records in it, without inputs.
    pub decisions: u64,
    /// Operational records in it.
    pub operational: u64,
    /// The newest wall-clock time in it: the run's last sign of life.
    pub last_wall_clock: Option<Timestamp>,
    /// How the run ended, where it says.
    pub ending: Option<Ending>,
    /// Whose journal it is, as it says itself.
    pub run_id: Option<RunId>,
    /// What comes after the valid prefix.
    pub damage: Damage,
}

/// Reads a whole journal and reports its state. Memory does not grow with the file.
///
/// # Errors
/// A failing disk, or an unknown format version. Damage is no error but a finding.
pub fn scan(path: &Path) -> Result<ScanReport, RunLogError> {
    scan_source(&open_regular(path)?)
}

/// Opens a journal that is a regular file: a pipe in its place would be waited for forever.
pub(super) fn open_regular(path: &Path) -> Result<File, RunLogError> {
    let kind = std::fs::symlink_metadata(path).map_err(RunLogError::at("open", path))?.file_type();
    if !kind.is_file() {
        let detail = "it is no regular file".to_owned();
        return Err(RunLogError::BadFile { path: path.display().to_string(), detail });
    }
    File::open(path).map_err(RunLogError::at("open", path))
}

/// The same for anything that has bytes at offsets.
///
/// # Errors
/// See [`scan`].
pub fn scan_source<R: ReadAt>(source: R) -> Result<ScanReport, RunLogError> {
    let end = size(&source)?;
    let mut frames = FrameReader::new(&source, end);
    let mut report = ScanReport {
        valid_records: 0,
        valid_bytes: 0,
        last_seq: 0,
        chain: frames.chain(),
        last_input: 0,
        inputs: 0,
        decisions: 0,
        operational: 0,
        last_wall_clock: None,
        run_id: None,
        ending: None,
        damage: Damage::None,
    };
    loop {
        let chain = frames.chain();
        let Step::Record(place) = frames.step()? else { break };
        // A record that is intact and yet unreadable counts as damage; being intact, it makes
        // that a corruption and is never cut off.
        let Ok(record) = decode_payload(&place, frames.payload()) else {
            frames.refuse(&place, chain);
            break;
        };
        report.count(&record);
    }
    report.valid_bytes = frames.valid_bytes();
    report.last_seq = frames.last_seq();
    report.chain = frames.chain();
    report.damage = classify(&source, report.valid_bytes, report.last_seq, end)?;
    Ok(report)
}

impl ScanReport {
    fn count(&mut self, record: &JournalRecord) {
        self.valid_records += 1;
        match record {
            JournalRecord::Inputs(batch) => {
                self.inputs += batch.inputs.len() as u64;
                self.last_input = batch.inputs.last().map_or(self.last_input, |input| input.number);
                self.seen(batch.received_at);
            }
            JournalRecord::Decision(_) => self.decisions += 1,
            JournalRecord::Operational(record) => {
                self.operational += 1;
                self.seen(wall_clock(record));
                if let OperationalRecord::RunStarted { run_id, .. } = record {
                    self.run_id.get_or_insert_with(|| run_id.clone());
                }
                if let OperationalRecord::RunEnded { state, reason, at } = record {
                    self.ending = Some(Ending { state: state.clone(), reason: reason.clone(), at: *at });
                }
            }
        }
    }

    fn seen(&mut self, at: Timestamp) {
        self.last_wall_clock = self.last_wall_clock.max(Some(at));
    }
}

fn wall_clock(record: &OperationalRecord) -> Timestamp {
    match record {
        OperationalRecord::RunStarted { at, .. }
        | OperationalRecord::ActorStarted { at, .. }
        | OperationalRecord::ActorDied { at, .. }
        | OperationalRecord::ActorRestarted { at, .. }
        | OperationalRecord::GateShut { at, .. }
        | OperationalRecord::Note { at, .. }
        | OperationalRecord::RunEnded { at, .. } => *at,
    }
}

/// Names the damage behind a valid prefix. A journal without a whole file header is torn, too.
pub(crate) fn classify<R: ReadAt>(
    source: &R,
    valid_bytes: u64,
    last_seq: u64,
    end: u64,
) -> Result<Damage, RunLogError> {
    let rest = end.saturating_sub(valid_bytes);
    if rest == 0 && valid_bytes > 0 {
        return Ok(Damage::None);
    }
    let valid_after = count_valid(source, valid_bytes, end)?;
    Ok(if valid_after == 0 {
        Damage::TornTail { at_byte: valid_bytes, cut_bytes: rest }
    } else {
        Damage::Corruption { at_byte: valid_bytes, at_seq: last_seq + 1, valid_after }
    })
}

const WINDOW: usize = 256 * 1024;

/// Looks at every byte for the start of a record with a right checksum.
fn count_valid<R: ReadAt>(source: &R, from: u64, end: u64) -> Result<u64, RunLogError> {
    let mut window = vec![0; WINDOW];
    let (mut window_at, mut window_len) = (from, 0usize);
    let mut at = from;
    let mut found = 0;
    while at + RECORD_HEADER as u64 <= end {
        let mut start = usize::try_from(at.saturating_sub(window_at)).unwrap_or(usize::MAX);
        if start.saturating_add(RECORD_HEADER) > window_len {
            window_at = at;
            window_len = read_full(source, &mut window, at)?;
            start = 0;
            if window_len < RECORD_HEADER {
                break;
            }
        }
        let mut header = [0; RECORD_HEADER];
        header.copy_from_slice(&window[start..start + RECORD_HEADER]);
        let fields = frame::fields(&header);
        let next = at + (RECORD_HEADER + fields.len) as u64;
        // Cheap doubts first, so that a checksum is rarely computed in vain.
        let plausible = Kind::from_byte(fields.kind).is_some()
            && fields.seq > 0
            && fields.seq >> 48 == 0
            && fields.len <= MAX_PAYLOAD
            && next <= end;
        if plausible && crc_at(source, &header, at, fields.len)? == Some(fields.crc) {
            found += 1;
            at = next;
        } else {
            at += 1;
        }
    }
    Ok(found)
}

fn crc_at<R: ReadAt>(
    source: &R,
    header: &[u8; RECORD_HEADER],
    at: u64,
    len: usize,
) -> Result<Option<u32>, RunLogError> {
    let mut crc = frame::crc_of_header(header);
    let mut chunk = [0; 4096];
    let mut done = 0;
    while done < len {
        let part = (len - done).min(chunk.len());
        let got = read_full(source, &mut chunk[..part], at + (RECORD_HEADER + done) as u64)?;
        if got < part {
            return Ok(None);
        }
        crc = crc32c::crc32c_append(crc, &chunk[..part]);
        done += part;
    }
    Ok(Some(crc))
}
