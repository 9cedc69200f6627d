//! Reading the journal as a stream.

use std::fs::File;
use std::path::Path;

use super::super::error::RunLogError;
use super::columns::{self, InputsRecord};
use super::file::{ReadAt, read_full, size};
use super::frame::{self, ChainValue, FILE_HEADER, Kind, MAX_PAYLOAD, RECORD_HEADER};
use super::scan::{Damage, classify, open_regular};
use crate::messages::{KeyedRecord, OperationalRecord};

/// Memory is taken in steps of this many bytes, as they are really there.
const CHUNK: usize = 64 * 1024;

/// A record of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalRecord {
    /// A batch of inputs.
    Inputs(InputsRecord),
    /// A decision record.
    Decision(KeyedRecord),
    /// An operational record.
    Operational(OperationalRecord),
}

/// A record at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its sequence number.
    pub seq: u64,
    /// Where it starts in the file.
    pub at_byte: u64,
    /// The record.
    pub record: JournalRecord,
}

/// What a record is, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub kind: Kind,
    pub seq: u64,
    pub at_byte: u64,
}

/// What the next bytes are.
pub(crate) enum Step {
    Record(Place),
    /// The file ends with the last record.
    End,
    /// Here is no valid record; the file does not end here.
    Damage,
}

/// Walks from record to record and checks each; stops for good at the first that does not belong.
#[derive(Debug)]
pub(crate) struct FrameReader<R> {
    source: R,
    buffer: Vec<u8>,
    /// File offset of the buffer's first byte.
    buffer_at: u64,
    /// Start of the next record within the buffer.
    at: usize,
    seq: u64,
    chain: ChainValue,
    payload: std::ops::Range<usize>,
    /// Nothing at or beyond this offset is looked at.
    limit: u64,
    stopped: bool,
}

impl<R: ReadAt> FrameReader<R> {
    pub(crate) fn new(source: R, limit: u64) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            buffer_at: 0,
            at: 0,
            seq: 0,
            chain: frame::first_link(),
            payload: 0..0,
            limit,
            stopped: false,
        }
    }

    /// A second reader that goes on from where this one stands, as far as the file reaches now.
    fn fork(&self) -> Result<FrameReader<&R>, RunLogError> {
        let limit = size(&self.source)?;
        let mut fork = FrameReader::new(&self.source, limit);
        fork.buffer_at = self.valid_bytes();
        fork.seq = self.seq;
        fork.chain = self.chain;
        fork.stopped = self.stopped;
        Ok(fork)
    }

    /// Offset after the last valid record (0 when not even the file header is valid).
    pub(crate) fn valid_bytes(&self) -> u64 {
        self.buffer_at + self.at as u64
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.seq
    }

    pub(crate) fn chain(&self) -> ChainValue {
        self.chain
    }

    pub(crate) fn source(&self) -> &R {
        &self.source
    }

    /// Takes back the last record: it is intact, but does not count.
    pub(crate) fn refuse(&mut self, place: &Place, chain_before: ChainValue) {
        self.at = usize::try_from(place.at_byte - self.buffer_at).unwrap_or(self.at);
        self.seq = place.seq - 1;
        self.chain = chain_before;
        self.stopped = true;
    }

    /// The payload of the record that `step` just returned.
    pub(crate) fn payload(&self) -> &[u8] {
        self.buffer.get(self.payload.clone()).unwrap_or_default()
    }

    /// Makes `need` bytes from the current place on available; false when the file has fewer.
    fn fill(&mut self, need: usize) -> Result<bool, RunLogError> {
        if self.buffer.len() - self.at >= need {
            return Ok(true);
        }
        self.buffer.drain(..self.at);
        self.buffer_at += self.at as u64;
        self.at = 0;
        while self.buffer.len() < need {
            let from = self.buffer_at + self.buffer.len() as u64;
            let room = usize::try_from(self.limit.saturating_sub(from)).unwrap_or(CHUNK).min(CHUNK);
            let old = self.buffer.len();
            self.buffer.resize(old + room, 0);
            let got = read_full(&self.source, &mut self.buffer[old..], from)?;
            self.buffer.truncate(old + got);
            if got == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn header(&self) -> [u8; RECORD_HEADER] {
        let mut header = [0; RECORD_HEADER];
        header.copy_from_slice(&self.buffer[self.at..self.at + RECORD_HEADER]);
        header
    }

    /// The next record.
    pub(crate) fn step(&mut self) -> Result<Step, RunLogError> {
        if self.stopped {
            return Ok(Step::Damage);
        }
        if self.valid_bytes() == 0 {
            if !self.fill(FILE_HEADER)? {
                return Ok(Step::Damage);
            }
            if !self.file_header()? {
                self.stopped = true;
                return Ok(Step::Damage);
            }
        }
        if !self.fill(RECORD_HEADER)? {
            // A growing file may have more later: asking again is allowed.
            return Ok(if self.buffer.len() == self.at { Step::End } else { Step::Damage });
        }
        let fields = frame::fields(&self.header());
        if fields.len > MAX_PAYLOAD || !self.fill(RECORD_HEADER + fields.len)? {
            return Ok(Step::Damage);
        }
        let start = self.at + RECORD_HEADER;
        let payload = start..start + fields.len;
        let Some((kind, link)) =
            frame::belongs(&self.header(), &self.buffer[payload.clone()], self.seq + 1, &self.chain)
        else {
            return Ok(Step::Damage);
        };
        let place = Place { kind, seq: fields.seq, at_byte: self.valid_bytes() };
        self.at = payload.end;
        self.payload = payload;
        self.seq = fields.seq;
        self.chain = link;
        Ok(Step::Record(place))
    }

    fn file_header(&mut self) -> Result<bool, RunLogError> {
        let mut header = [0; FILE_HEADER];
        header.copy_from_slice(&self.buffer[..FILE_HEADER]);
        let ours = frame::check_file_header(&header)?;
        if ours {
            self.at = FILE_HEADER;
        }
        Ok(ours)
    }
}

/// Turns a checked payload into a record.
pub(crate) fn decode_payload(place: &Place, payload: &[u8]) -> Result<JournalRecord, RunLogError> {
    let bad = |detail: String| RunLogError::Undecodable { seq: place.seq, at_byte: place.at_byte, detail };
    match place.kind {
        Kind::Inputs => columns::decode(payload)
            .map(JournalRecord::Inputs)
            .ok_or_else(|| bad("columns of inputs do not fit".to_owned())),
        Kind::Decision => from_postcard(payload).map(JournalRecord::Decision).map_err(bad),
        Kind::Operational => from_postcard(payload).map(JournalRecord::Operational).map_err(bad),
    }
}

fn from_postcard<'a, T: serde::Deserialize<'a>>(payload: &'a [u8]) -> Result<T, String> {
    match postcard::take_from_bytes(payload) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(format!("{} bytes left over", rest.len())),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads a journal from its first record on, in bounded memory: one record at a time, each
/// checked before it is decoded. Ends (with `None`) where the valid prefix ends; [`damage`]
/// (Self::damage) then tells why. A journal that is still being written may be read: what is
/// written later can be asked for later.
///
/// [`damage`]: Self::damage
#[derive(Debug)]
pub struct JournalReader<R> {
    frames: FrameReader<R>,
}

impl JournalReader<File> {
    /// Opens a journal.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(path: &Path) -> Result<Self, RunLogError> {
        open_regular(path).map(Self::new)
    }
}

impl<R: ReadAt> JournalReader<R> {
    /// Reads from anything that has bytes at offsets.
    pub fn new(source: R) -> Self {
        Self { frames: FrameReader::new(source, u64::MAX) }
    }

    /// The next record; `None` at the end of the valid prefix.
    ///
    /// # Errors
    /// A failing disk, an unknown format version, or a record that is intact but unreadable.
    pub fn next_entry(&mut self) -> Result<Option<JournalEntry>, RunLogError> {
        let chain = self.frames.chain();
        match self.frames.step()? {
            Step::Record(place) => match decode_payload(&place, self.frames.payload()) {
                Ok(record) => Ok(Some(JournalEntry { seq: place.seq, at_byte: place.at_byte, record })),
                Err(error) => {
                    self.frames.refuse(&place, chain);
                    Err(error)
                }
            },
            Step::End | Step::Damage => Ok(None),
        }
    }

    /// Bytes of the valid prefix read so far.
    #[must_use]
    pub fn valid_bytes(&self) -> u64 {
        self.frames.valid_bytes()
    }

    /// Sequence number of the last record read.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.frames.last_seq()
    }

    /// What is wrong with the rest of the file, seen from where the reader stands.
    ///
    /// # Errors
    /// A failing disk.
    pub fn damage(&self) -> Result<Damage, RunLogError> {
        let mut rest = self.frames.fork()?;
        // What looked cut off may have been completed by its writer in the meantime.
        while let Step::Record(_) = rest.step()? {}
        classify(self.frames.source(), rest.valid_bytes(), rest.last_seq(), rest.limit)
    }
}

impl<R: ReadAt> Iterator for JournalReader<R> {
    type Item = Result<JournalEntry, RunLogError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_entry() {
            Ok(entry) => entry.map(Ok),
            // The next call stops: an undecodable record was refused, and a disk's failure is
            // for the caller to judge.
            Err(error) => Some(Err(error)),
        }
    }
}
