//! The files under a journal.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::super::atomic::{parent, sync_dir};
use super::super::error::RunLogError;

/// What a journal is written to.
pub trait JournalFile {
    /// Appends some of the bytes and says how many.
    ///
    /// # Errors
    /// The operating system's.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Returns when everything written so far survives a loss of power.
    ///
    /// # Errors
    /// The operating system's. What was written since the last success must be taken for lost.
    fn sync_data(&mut self) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn len(&self) -> io::Result<u64>;

    /// True when nothing was written.
    ///
    /// # Errors
    /// The operating system's.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }

    /// Appends all of the bytes, through short writes and interruptions.
    ///
    /// # Errors
    /// The first real failure; some bytes may have been appended.
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<F: JournalFile + ?Sized> JournalFile for Box<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (**self).write(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        (**self).sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        (**self).len()
    }
}

/// A file of the operating system, opened for appending.
#[derive(Debug)]
pub struct OsFile(File);

impl OsFile {
    /// Creates the file (mode 0600) and makes its folder entry durable; refuses an existing one.
    ///
    /// # Errors
    /// The operating system's.
    pub fn create(path: &Path) -> Result<Self, RunLogError> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(RunLogError::at("create", path))?;
        sync_dir(parent(path))?;
        Ok(Self(file))
    }

    /// Opens an existing file for appending.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(path: &Path) -> Result<Self, RunLogError> {
        OpenOptions::new().append(true).open(path).map(Self).map_err(RunLogError::at("open", path))
    }
}

impl JournalFile for OsFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

/// What a journal is read from.
pub trait ReadAt {
    /// Reads some bytes at an offset; 0 at the end.
    ///
    /// # Errors
    /// The operating system's.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// Length in bytes, now.
    ///
    /// # Errors
    /// The operating system's.
    fn size(&self) -> io::Result<u64>;
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, at)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        (**self).read_at(buffer, at)
    }

    fn size(&self) -> io::Result<u64> {
        (**self).size()
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Arc<T> {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        (**self).read_at(buffer, at)
    }

    fn size(&self) -> io::Result<u64> {
        (**self).size()
    }
}

/// Fills as much of the buffer as there is; returns how much.
pub(crate) fn read_full<R: ReadAt + ?Sized>(
    source: &R,
    buffer: &mut [u8],
    at: u64,
) -> Result<usize, RunLogError> {
    let mut done = 0;
    while done < buffer.len() {
        match source.read_at(&mut buffer[done..], at + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(RunLogError::io("read the journal", &error)),
        }
    }
    Ok(done)
}

/// The length now; what is written later is not looked at.
pub(crate) fn size<R: ReadAt + ?Sized>(source: &R) -> Result<u64, RunLogError> {
    source.size().map_err(|e| RunLogError::io("measure the journal", &e))
}
