//! The heartbeat page: a mapped file of 4 KiB that says how far a run is. What was stored in it
//! survives SIGKILL, because it lies in the kernel's page cache.
//!
//! Layout, little endian: magic `PEAKBEAT` at 0, version (4 bytes) at 8, and from 16 on words of
//! 8 bytes: beats, wall clock of the last beat (ns since 1970), last acknowledged journal
//! sequence number, inputs seen, state (its place in [`RunState::ALL`]).

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::MmapRaw;

use super::error::RunLogError;
use super::meta::RunState;
use crate::domain::Timestamp;

const PAGE: usize = 4096;
const MAGIC: &[u8; 8] = b"PEAKBEAT";
const VERSION: u32 = 1;

const BEATS: usize = 16;
const BEAT_AT: usize = 24;
const ACKNOWLEDGED: usize = 32;
const INPUTS: usize = 40;
const STATE: usize = 48;

/// The writing side. Storing costs a few nanoseconds and asks nobody; any thread may.
#[derive(Debug)]
pub struct Heartbeat {
    map: MmapRaw,
}

impl Heartbeat {
    /// Creates the page (mode 0600), replacing an old one.
    ///
    /// # Errors
    /// The operating system's.
    pub fn create(path: &Path) -> Result<Self, RunLogError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .map_err(RunLogError::at("create", path))?;
        let mut page = [0; PAGE];
        page[..8].copy_from_slice(MAGIC);
        page[8..12].copy_from_slice(&VERSION.to_le_bytes());
        // Written and synced, not only sized: storing into a hole on a full disk would end the
        // process with SIGBUS.
        file.write_all_at(&page, 0).map_err(RunLogError::at("write", path))?;
        file.sync_all().map_err(RunLogError::at("sync", path))?;
        let map = MmapRaw::map_raw(&file).map_err(RunLogError::at("map", path))?;
        if map.len() < PAGE {
            return Err(RunLogError::BadFile {
                path: path.display().to_string(),
                detail: format!("mapped {} bytes instead of {PAGE}", map.len()),
            });
        }
        Ok(Self { map })
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        // SAFETY: the map is page-aligned, at least a page long (checked at creation) and lives as
        // long as `self`; `at` is one of the constants above, a multiple of 8 below the page's
        // end. Nobody in this process reaches these bytes but through atomics.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().add(at).cast()) }
    }

    fn store(&self, at: usize, value: u64) {
        self.word(at).store(value.to_le(), Ordering::Release);
    }

    /// Another beat.
    pub fn beat(&self, now: Timestamp) {
        self.store(BEAT_AT, now.nanos().cast_unsigned());
        let beats = u64::from_le(self.word(BEATS).load(Ordering::Acquire));
        self.store(BEATS, beats.wrapping_add(1));
    }

    /// The journal is durable up to this sequence number.
    pub fn acknowledge(&self, seq: u64) {
        self.store(ACKNOWLEDGED, seq);
    }

    /// Inputs seen so far.
    pub fn inputs(&self, count: u64) {
        self.store(INPUTS, count);
    }

    /// The run's state.
    pub fn state(&self, state: RunState) {
        let code = RunState::ALL.iter().position(|s| *s == state).unwrap_or(0);
        self.store(STATE, code as u64);
    }
}

/// What a heartbeat page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatReading {
    /// Beats so far. A watcher compares two readings with its own monotonic clock.
    pub beats: u64,
    /// Wall clock of the last beat; None before the first.
    pub beat_at: Option<Timestamp>,
    /// The journal is durable up to this sequence number.
    pub acknowledged: u64,
    /// Inputs seen.
    pub inputs: u64,
    /// The run's state.
    pub state: RunState,
}

/// The reading side, for another process. It reads the file instead of mapping it, so that a
/// page that somebody truncates is an error and no SIGBUS.
#[derive(Debug)]
pub struct HeartbeatReader {
    file: File,
    path: PathBuf,
}

impl HeartbeatReader {
    /// Opens a page.
    ///
    /// # Errors
    /// Missing, or no heartbeat page.
    pub fn open(path: &Path) -> Result<Self, RunLogError> {
        let file = File::open(path).map_err(RunLogError::at("open", path))?;
        let reader = Self { file, path: path.to_owned() };
        reader.read()?;
        Ok(reader)
    }

    /// What it says now.
    ///
    /// # Errors
    /// It is no heartbeat page (any more).
    pub fn read(&self) -> Result<HeartbeatReading, RunLogError> {
        let mut head = [0; 12];
        self.file.read_exact_at(&mut head, 0).map_err(RunLogError::at("read", &self.path))?;
        let bad = |detail: &str| RunLogError::BadFile {
            path: self.path.display().to_string(),
            detail: detail.to_owned(),
        };
        if head[..8] != *MAGIC || head[8..] != VERSION.to_le_bytes() {
            return Err(bad("no heartbeat page of version 1"));
        }
        let beats = self.word(BEATS)?;
        let state = usize::try_from(self.word(STATE)?).ok().and_then(|code| RunState::ALL.get(code));
        Ok(HeartbeatReading {
            beats,
            beat_at: if beats == 0 { None } else { Some(Timestamp(self.word(BEAT_AT)?.cast_signed())) },
            acknowledged: self.word(ACKNOWLEDGED)?,
            inputs: self.word(INPUTS)?,
            state: *state.ok_or_else(|| bad("unknown state"))?,
        })
    }

    /// Word by word, so that no word is seen half changed.
    fn word(&self, at: usize) -> Result<u64, RunLogError> {
        let mut word = [0; 8];
        self.file.read_exact_at(&mut word, at as u64).map_err(RunLogError::at("read", &self.path))?;
        Ok(u64::from_le_bytes(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_sees_what_a_writer_stored_at_once_and_after_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heartbeat");
        let heart = Heartbeat::create(&path).unwrap();
        let reader = HeartbeatReader::open(&path).unwrap();
        assert_eq!(reader.read().unwrap().beat_at, None);
        heart.state(RunState::Running);
        heart.beat(Timestamp(5));
        heart.beat(Timestamp(-9));
        heart.acknowledge(77);
        heart.inputs(u64::MAX);
        let expected = HeartbeatReading {
            beats: 2,
            beat_at: Some(Timestamp(-9)),
            acknowledged: 77,
            inputs: u64::MAX,
            state: RunState::Running,
        };
        assert_eq!(reader.read().unwrap(), expected);
        drop(heart);
        assert_eq!(HeartbeatReader::open(&path).unwrap().read().unwrap(), expected);
    }

    #[test]
    fn a_foreign_or_truncated_page_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heartbeat");
        assert!(HeartbeatReader::open(&path).is_err());
        std::fs::write(&path, [0; PAGE]).unwrap();
        assert!(HeartbeatReader::open(&path).is_err());
        let _heart = Heartbeat::create(&path).unwrap();
        let reader = HeartbeatReader::open(&path).unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(20).unwrap();
        assert!(reader.read().is_err());
    }
}
