//! The decision records of a journal in canonical order, and their digest.
//!
//! Canonical order is by [`DecisionKey`]: input number, stage, index (records with equal keys, of
//! which there should be none, stay in journal order). Inputs lie in the journal in order of
//! their numbers and are streamed; every input counts as a record of its own, keyed
//! `(number, Input, 0)`, so that the borders of batches do not matter. Other decision records may
//! lie anywhere: a first pass notes key and place of each (about 48 bytes of memory a record), a
//! second one reads them in order.

use std::fs::File;
use std::iter::Peekable;
use std::path::Path;
use std::sync::Arc;

use super::error::RunLogError;
use super::journal::{
    Damage, FrameReader, JournalRecord, Kind, Place, RECORD_HEADER, Step, classify, decode_payload,
    read_full, size,
};
use super::normal::normalized;
use crate::messages::{DecisionKey, DecisionRecord, Input, KeyedRecord, Stage};

/// What the digest of a journal's decisions is, and of how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// BLAKE3 in hexadecimal digits.
    pub hex: String,
    /// Records it covers, each input counted as one.
    pub records: u64,
    /// Inputs among them.
    pub inputs: u64,
    /// True when the journal ends in a torn record: the run is still writing, or died.
    pub torn: bool,
}

/// Names what is hashed, so that no other hash of the same bytes is taken for it.
const DOMAIN: &[u8] = b"peak-trade decision digest 1\n";

/// The digest over the canonical decision records: equal for equal decisions, whatever the
/// batches, the order of writing, the operational records and the trailing zeros of decimals.
///
/// Hashed are the text `peak-trade decision digest 1` with a line feed and then, for each record in canonical order, the length (4 bytes,
/// little endian) and the bytes of the [normalised](normalized) keyed record in postcard.
///
/// # Errors
/// A corrupt journal has no digest; otherwise a failing disk.
pub fn digest(path: &Path) -> Result<Digest, RunLogError> {
    let mut decisions = decisions(path)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN);
    let mut bytes = Vec::new();
    let mut digest = Digest { hex: String::new(), records: 0, inputs: 0, torn: decisions.is_torn() };
    while let Some(record) = decisions.next_record()? {
        let canonical = KeyedRecord { key: record.key, record: normalized(&record.record) };
        bytes.clear();
        bytes = postcard::to_extend(&canonical, bytes)
            .map_err(|e| RunLogError::Encode { detail: e.to_string() })?;
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        hasher.update(&len.to_le_bytes());
        hasher.update(&bytes);
        digest.records += 1;
        digest.inputs += u64::from(matches!(record.record, DecisionRecord::Input(_)));
    }
    digest.hex = hasher.finalize().to_hex().to_string();
    Ok(digest)
}

/// The decision records of a journal in canonical order. A torn tail is left out (a run that is
/// still writing can be read); corruption is an error.
///
/// # Errors
/// Corruption, or a failing disk.
pub fn decisions(path: &Path) -> Result<Decisions, RunLogError> {
    let decisions = Decisions::of_prefix(path, Inputs::Included, |_| true)?;
    match decisions.damage {
        Damage::Corruption { at_byte, at_seq, valid_after } => {
            Err(RunLogError::Corrupt { at_byte, at_seq, valid_after })
        }
        Damage::None | Damage::TornTail { .. } => Ok(decisions),
    }
}

/// Whether inputs are wanted, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inputs {
    Included,
    LeftOut,
}

/// Iterates over decision records in canonical order, over the journal as it was when opened.
#[derive(Debug)]
pub struct Decisions {
    places: Peekable<std::vec::IntoIter<(DecisionKey, Place)>>,
    window: Window,
    /// None when no (more) inputs are wanted.
    batches: Option<FrameReader<Arc<File>>>,
    inputs: Peekable<std::vec::IntoIter<Input>>,
    last_input: u64,
    valid_bytes: u64,
    damage: Damage,
    failed: bool,
}

impl Decisions {
    /// Notes the places of the wanted records of the valid prefix, whatever comes after it.
    pub(crate) fn of_prefix(
        path: &Path,
        inputs: Inputs,
        wanted: impl Fn(&DecisionRecord) -> bool,
    ) -> Result<Self, RunLogError> {
        let file = Arc::new(File::open(path).map_err(RunLogError::at("open", path))?);
        let end = size(&file)?;
        let mut frames = FrameReader::new(Arc::clone(&file), end);
        let mut places = Vec::new();
        let mut chain = frames.chain();
        while let Step::Record(place) = frames.step()? {
            if place.kind == Kind::Decision {
                match decode_payload(&place, frames.payload()) {
                    Ok(JournalRecord::Decision(KeyedRecord { key, record })) if wanted(&record) => {
                        places.push((key, place));
                    }
                    Ok(_) => {}
                    // As in a scan: intact and unreadable ends the prefix.
                    Err(_) => {
                        frames.refuse(&place, chain);
                        break;
                    }
                }
            }
            chain = frames.chain();
        }
        let damage = classify(&file, frames.valid_bytes(), frames.last_seq(), end)?;
        let valid_bytes = frames.valid_bytes();
        places.sort_by_key(|(key, place)| (*key, place.seq));
        let batches = match inputs {
            Inputs::Included => Some(FrameReader::new(Arc::clone(&file), valid_bytes)),
            Inputs::LeftOut => None,
        };
        Ok(Self {
            places: places.into_iter().peekable(),
            window: Window { source: file, bytes: Vec::new(), at: 0 },
            batches,
            inputs: Vec::new().into_iter().peekable(),
            last_input: 0,
            valid_bytes,
            damage,
            failed: false,
        })
    }

    /// True when the journal ends in a torn record: its run still writes, or died.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        matches!(self.damage, Damage::TornTail { .. })
    }

    /// What comes after the prefix that this reads.
    #[must_use]
    pub fn damage(&self) -> Damage {
        self.damage
    }

    /// Length of that prefix.
    #[must_use]
    pub fn valid_bytes(&self) -> u64 {
        self.valid_bytes
    }

    /// The next record.
    ///
    /// # Errors
    /// A failing disk, or inputs that are not in order.
    pub fn next_record(&mut self) -> Result<Option<KeyedRecord>, RunLogError> {
        self.load_inputs()?;
        let input_key = self.inputs.peek().map(|input| DecisionKey {
            input: input.number,
            stage: Stage::Input,
            index: 0,
        });
        let input_first = match (input_key, self.places.peek()) {
            (Some(input), Some((other, _))) => input <= *other,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if input_first && let (Some(key), Some(input)) = (input_key, self.inputs.next()) {
            return Ok(Some(KeyedRecord { key, record: DecisionRecord::Input(input) }));
        }
        let Some((_, place)) = self.places.next() else { return Ok(None) };
        match decode_payload(&place, self.window.payload(&place)?)? {
            JournalRecord::Decision(record) => Ok(Some(record)),
            JournalRecord::Inputs(_) | JournalRecord::Operational(_) => Err(changed()),
        }
    }

    /// Makes the next input available, if there is one.
    fn load_inputs(&mut self) -> Result<(), RunLogError> {
        while self.inputs.peek().is_none()
            && let Some(batches) = &mut self.batches
        {
            let Step::Record(place) = batches.step()? else {
                self.batches = None;
                break;
            };
            if place.kind != Kind::Inputs {
                continue;
            }
            let JournalRecord::Inputs(batch) = decode_payload(&place, batches.payload())? else {
                return Err(changed());
            };
            if let (Some(first), Some(last)) = (batch.inputs.first(), batch.inputs.last()) {
                if first.number <= self.last_input {
                    return Err(RunLogError::Undecodable {
                        seq: place.seq,
                        at_byte: place.at_byte,
                        detail: format!("input {} after input {}", first.number, self.last_input),
                    });
                }
                self.last_input = last.number;
            }
            self.inputs = batch.inputs.into_iter().peekable();
        }
        Ok(())
    }
}

impl Iterator for Decisions {
    type Item = Result<KeyedRecord, RunLogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let record = self.next_record();
        self.failed = record.is_err();
        record.transpose()
    }
}

fn changed() -> RunLogError {
    RunLogError::BadFile { path: "journal".to_owned(), detail: "changed while it was read".to_owned() }
}

/// Reads payloads at known places; neighbours cost no second call to the operating system.
#[derive(Debug)]
struct Window {
    source: Arc<File>,
    bytes: Vec<u8>,
    at: u64,
}

impl Window {
    const BYTES: usize = 64 * 1024;

    fn payload(&mut self, place: &Place) -> Result<&[u8], RunLogError> {
        let from = place.at_byte + RECORD_HEADER as u64;
        let len = place.len as usize;
        let inside = from >= self.at && from + len as u64 <= self.at + self.bytes.len() as u64;
        if !inside {
            self.bytes.resize(len.max(Self::BYTES), 0);
            let got = read_full(&self.source, &mut self.bytes, from)?;
            self.bytes.truncate(got);
            self.at = from;
        }
        let start = usize::try_from(from - self.at).unwrap_or(usize::MAX);
        self.bytes.get(start..start.saturating_add(len)).ok_or_else(changed)
    }
}
