//! A journal file that counts its syncs and takes their time.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use peak_trade::runlog::{JournalFile, OsFile};

/// Times in nanoseconds, up to a minute, to three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap()
}

/// How long each sync took.
pub type Syncs = Arc<Mutex<Histogram<u64>>>;

pub struct MeteredFile {
    file: OsFile,
    /// False: the file does not wait for the disk. Not the product; it shows what is not the disk.
    sync: bool,
    syncs: Syncs,
}

impl MeteredFile {
    pub fn new(file: OsFile, sync: bool, syncs: &Syncs) -> Self {
        Self { file, sync, syncs: Arc::clone(syncs) }
    }
}

impl JournalFile for MeteredFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        if !self.sync {
            return Ok(());
        }
        let begin = Instant::now();
        let outcome = self.file.sync_data();
        self.syncs.lock().unwrap().record(nanos(begin.elapsed())).unwrap();
        outcome
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap().max(1)
}
