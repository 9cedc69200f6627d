//! Files that fail, for tests and drills.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::file::JournalFile;

/// A file in memory that forgets what was not synced when the machine "loses power", and can be
/// told to fail. Clones share the contents, so a test can keep one and look.
#[derive(Debug, Clone, Default)]
pub struct FaultyFile {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    durable: usize,
    writes: u64,
    syncs: u64,
    faults: Faults,
}

/// What goes wrong. The default is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The disk is full beyond this many bytes (`ENOSPC`).
    pub disk_bytes: Option<usize>,
    /// This write call (1, 2, 3, …) and all after it fail with an I/O error.
    pub fail_from_write: Option<u64>,
    /// Only this write call fails with an I/O error; later ones would succeed.
    pub fail_write: Option<u64>,
    /// This sync call (1, 2, 3, …) fails; later ones would succeed.
    pub fail_sync: Option<u64>,
    /// A write call takes at most this many bytes.
    pub short_writes: Option<usize>,
    /// Every second write call is interrupted before it takes anything.
    pub interrupts: bool,
    /// Sync calls return at once and make nothing durable: the planted fault that a test of
    /// durability must catch.
    pub forget_sync: bool,
}

impl FaultyFile {
    /// A file with these faults.
    #[must_use]
    pub fn new(faults: Faults) -> Self {
        let file = Self::default();
        file.with(|state| state.faults = faults);
        file
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Everything written: what the file holds after only the process died.
    #[must_use]
    pub fn contents(&self) -> Vec<u8> {
        self.with(|state| state.bytes.clone())
    }

    /// What the file holds after a loss of power that `lucky` unsynced bytes survived.
    #[must_use]
    pub fn after_power_loss(&self, lucky: usize) -> Vec<u8> {
        self.with(|state| {
            let kept = state.durable.saturating_add(lucky).min(state.bytes.len());
            state.bytes[..kept].to_vec()
        })
    }

    /// Bytes written and not synced.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.with(|state| state.bytes.len() - state.durable)
    }

    /// Sync calls so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.with(|state| state.syncs)
    }

    /// Changes the faults.
    pub fn set_faults(&self, faults: Faults) {
        self.with(|state| state.faults = faults);
    }
}

impl JournalFile for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|state| {
            state.writes += 1;
            let faults = state.faults;
            if faults.interrupts && state.writes % 2 == 1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if faults.fail_from_write.is_some_and(|n| state.writes >= n)
                || faults.fail_write == Some(state.writes)
            {
                return Err(io::Error::other("planted input/output error"));
            }
            let mut taken = bytes.len().min(faults.short_writes.unwrap_or(usize::MAX));
            if let Some(disk) = faults.disk_bytes {
                taken = taken.min(disk.saturating_sub(state.bytes.len()));
                if taken == 0 && !bytes.is_empty() {
                    return Err(io::Error::from(io::ErrorKind::StorageFull));
                }
            }
            state.bytes.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        })
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.with(|state| {
            state.syncs += 1;
            if state.faults.fail_sync == Some(state.syncs) {
                return Err(io::Error::other("planted sync error"));
            }
            if !state.faults.forget_sync {
                state.durable = state.bytes.len();
            }
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|state| state.bytes.len()) as u64)
    }
}
