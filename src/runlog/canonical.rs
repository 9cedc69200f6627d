//! The decision records of a journal in canonical order, and their digest.
//!
//! Canonical order is by [`DecisionKey`]: input number, stage, index (records with equal keys, of
//! which there should be none, stay in journal order). Inputs lie in the journal in order of
//! their numbers and are streamed; every input counts as a record of its own, keyed
//! `(number, Input, 0)`, so that the borders of batches do not matter. Other decision records lie
//! nearly in order, since a stage runs ahead of another only as far as the lane between them
//! holds: a first pass finds out how far a record may lie behind its place, a second one holds
//! back that many. Memory does not grow with the journal.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::iter::Peekable;
use std::path::Path;
use std::sync::Arc;

use super::error::RunLogError;
use super::journal::{Damage, FrameReader, JournalRecord, Kind, Step, classify, decode_payload, size};
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
    /// None when everything was read.
    frames: Option<FrameReader<Arc<File>>>,
    wanted: fn(&DecisionRecord) -> bool,
    /// Records that may have to wait for one that lies behind them.
    waiting: BinaryHeap<Reverse<Waiting>>,
    disorder: usize,
    /// None when no (more) inputs are wanted.
    batches: Option<FrameReader<Arc<File>>>,
    inputs: Peekable<std::vec::IntoIter<Input>>,
    last_input: u64,
    valid_bytes: u64,
    damage: Damage,
    failed: bool,
}

impl Decisions {
    /// Looks through the wanted records of the valid prefix, whatever comes after it.
    pub(crate) fn of_prefix(
        path: &Path,
        inputs: Inputs,
        wanted: fn(&DecisionRecord) -> bool,
    ) -> Result<Self, RunLogError> {
        let file = Arc::new(File::open(path).map_err(RunLogError::at("open", path))?);
        let end = size(&file)?;
        let mut frames = FrameReader::new(Arc::clone(&file), end);
        let mut disorder = Disorder::default();
        let mut chain = frames.chain();
        while let Step::Record(place) = frames.step()? {
            if place.kind == Kind::Decision {
                match decode_payload(&place, frames.payload()) {
                    Ok(JournalRecord::Decision(KeyedRecord { key, record })) if wanted(&record) => {
                        disorder.see(key);
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
        let batches = match inputs {
            Inputs::Included => Some(FrameReader::new(Arc::clone(&file), valid_bytes)),
            Inputs::LeftOut => None,
        };
        Ok(Self {
            frames: Some(FrameReader::new(file, valid_bytes)),
            wanted,
            waiting: BinaryHeap::new(),
            disorder: disorder.bound(),
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
        self.load_waiting()?;
        let input_key = self.inputs.peek().map(|input| DecisionKey {
            input: input.number,
            stage: Stage::Input,
            index: 0,
        });
        let input_first = match (input_key, self.waiting.peek()) {
            (Some(input), Some(Reverse(other))) => input <= other.record.key,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if input_first && let (Some(key), Some(input)) = (input_key, self.inputs.next()) {
            return Ok(Some(KeyedRecord { key, record: DecisionRecord::Input(input) }));
        }
        Ok(self.waiting.pop().map(|Reverse(first)| first.record))
    }

    /// Reads on until the first record that waits cannot be preceded by one not yet read.
    fn load_waiting(&mut self) -> Result<(), RunLogError> {
        while self.waiting.len() <= self.disorder
            && let Some(frames) = &mut self.frames
        {
            let Step::Record(place) = frames.step()? else {
                self.frames = None;
                break;
            };
            if place.kind != Kind::Decision {
                continue;
            }
            let JournalRecord::Decision(record) = decode_payload(&place, frames.payload())? else {
                return Err(changed());
            };
            if (self.wanted)(&record.record) {
                self.waiting.push(Reverse(Waiting { seq: place.seq, record }));
            }
        }
        Ok(())
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

/// A record that waits for its turn: by key, and in journal order where keys are equal.
#[derive(Debug)]
struct Waiting {
    seq: u64,
    record: KeyedRecord,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.record.key, self.seq).cmp(&(other.record.key, other.seq))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

/// Finds how far records lie behind their place: the largest distance from a record back to the
/// first one whose key is greater. Whoever holds back that many and always takes the smallest
/// takes all in order: were one unread smaller than everything held back, it would lie farther
/// behind than that from the first of those.
#[derive(Debug, Default)]
struct Disorder {
    seen: usize,
    /// The greatest key so far.
    greatest: Option<DecisionKey>,
    /// The greatest key so far after every [`Self::STRIDE`] records, so that the distance is found
    /// in little memory, and at most a stride too large.
    marks: Vec<DecisionKey>,
    largest: usize,
}

impl Disorder {
    const STRIDE: usize = 256;

    fn see(&mut self, key: DecisionKey) {
        if self.greatest.is_some_and(|greatest| key < greatest) {
            let from = self.marks.partition_point(|greatest| *greatest <= key) * Self::STRIDE;
            self.largest = self.largest.max(self.seen - from);
        } else {
            self.greatest = Some(key);
        }
        self.seen += 1;
        if self.seen.is_multiple_of(Self::STRIDE) {
            self.marks.extend(self.greatest);
        }
    }

    fn bound(&self) -> usize {
        self.largest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn holding_back_as_many_as_the_bound_says_sorts(
            lags in prop::collection::vec(0_u64..600, 1..3_000),
            late in prop::collection::vec((0_usize..3_000, 0_u64..3_000), 0..3),
        ) {
            let mut keys: Vec<u64> = (1_000..).zip(&lags).map(|(at, lag): (u64, &u64)| at - lag).collect();
            for (at, back) in late {
                if let Some(key) = keys.get_mut(at) {
                    *key = key.saturating_sub(back);
                }
            }
            let mut disorder = Disorder::default();
            for input in &keys {
                disorder.see(DecisionKey { input: *input, stage: Stage::Step, index: 0 });
            }
            let mut waiting = BinaryHeap::new();
            let mut taken = Vec::new();
            for key in &keys {
                waiting.push(Reverse(*key));
                if waiting.len() > disorder.bound() {
                    taken.extend(waiting.pop().map(|Reverse(key)| key));
                }
            }
            while let Some(Reverse(key)) = waiting.pop() {
                taken.push(key);
            }
            keys.sort_unstable();
            prop_assert_eq!(taken, keys);
        }
    }

    #[test]
    fn what_is_in_order_is_not_held_back() {
        let mut disorder = Disorder::default();
        for input in 0..10_000 {
            disorder.see(DecisionKey { input, stage: Stage::Step, index: 0 });
        }
        assert_eq!(disorder.bound(), 0);
        disorder.see(DecisionKey { input: 9_990, stage: Stage::Step, index: 0 });
        assert!((9..=9 + 2 * Disorder::STRIDE).contains(&disorder.bound()), "{}", disorder.bound());
    }
}
