//! The folder of a run, and the lock that says it is alive.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::atomic::sync_dir;
use super::derived::TableFormat;
use super::error::RunLogError;
use super::meta::{read_json, write_json};
use crate::domain::RunId;

/// How often a lock is asked for when somebody else only looks whether it is held.
const LOCK_TRIES: u32 = 2_000;

/// How long a looker is given to finish looking.
const LOOKER_PAUSE: std::time::Duration = std::time::Duration::from_millis(1);

/// The folder of a run: `BASE/RUN_ID/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    dir: PathBuf,
}

/// Held as long as the run is alive; the operating system gives it back when the process ends,
/// however it ends.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunFolder {
    /// Creates the folder (mode 0700) and takes its lock. A run folder that can be seen is locked
    /// from the first moment on: it is made under another name and renamed.
    ///
    /// # Errors
    /// [`RunLogError::FolderExists`], or the operating system's.
    pub fn create(base: &Path, run_id: &RunId) -> Result<(Self, RunLock), RunLogError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(base)
            .map_err(RunLogError::at("create folder", base))?;
        let folder = Self { dir: base.join(run_id.as_str()) };
        let exists = || RunLogError::FolderExists { path: folder.dir.display().to_string() };
        if folder.dir.symlink_metadata().is_ok() {
            return Err(exists());
        }
        let starting = Self { dir: base.join(format!(".{run_id}.starting")) };
        match DirBuilder::new().mode(0o700).create(&starting.dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(exists()),
            Err(error) => return Err(RunLogError::at("create folder", &starting.dir)(error)),
        }
        let lock = match starting.lock() {
            Ok(lock) => lock,
            Err(error) => {
                let _ = fs::remove_dir_all(&starting.dir);
                return Err(error);
            }
        };
        sync_dir(&starting.dir)?;
        // Over an existing folder with anything in it this fails.
        if let Err(error) = fs::rename(&starting.dir, &folder.dir) {
            let _ = fs::remove_dir_all(&starting.dir);
            return Err(if folder.dir.exists() {
                exists()
            } else {
                RunLogError::at("create folder", &folder.dir)(error)
            });
        }
        sync_dir(base)?;
        Ok((folder, lock))
    }

    /// The folder of an existing run.
    ///
    /// # Errors
    /// [`RunLogError::Missing`].
    pub fn open(base: &Path, run_id: &RunId) -> Result<Self, RunLogError> {
        Self::at(base.join(run_id.as_str()))
    }

    /// An existing folder.
    ///
    /// # Errors
    /// [`RunLogError::Missing`].
    pub fn at(dir: PathBuf) -> Result<Self, RunLogError> {
        // A link could lead anywhere, and recovery writes.
        if fs::symlink_metadata(&dir).is_ok_and(|found| found.is_dir()) {
            Ok(Self { dir })
        } else {
            Err(RunLogError::Missing { what: "run folder", path: dir.display().to_string() })
        }
    }

    /// All run folders in `base`, by name (and so, within a mode, by start). A missing base has
    /// none.
    ///
    /// # Errors
    /// The operating system's.
    pub fn list(base: &Path) -> Result<Vec<Self>, RunLogError> {
        let entries = match fs::read_dir(base) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(RunLogError::at("read folder", base)(error)),
        };
        let mut folders = Vec::new();
        for entry in entries {
            let entry = entry.map_err(RunLogError::at("read folder", base))?;
            let is_run = entry.file_name().to_str().is_some_and(|name| name.parse::<RunId>().is_ok());
            if is_run && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(Self { dir: entry.path() });
            }
        }
        folders.sort_by(|a, b| a.dir.cmp(&b.dir));
        Ok(folders)
    }

    /// The run's id, by the folder's name.
    ///
    /// # Errors
    /// The name is none.
    pub fn run_id(&self) -> Result<RunId, RunLogError> {
        self.name().parse().map_err(|e: crate::domain::ParseIdError| RunLogError::BadFile {
            path: self.dir.display().to_string(),
            detail: e.to_string(),
        })
    }

    /// Name of the folder.
    #[must_use]
    pub fn name(&self) -> String {
        self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `journal.bin`.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.dir.join("journal.bin")
    }

    /// `meta.json`.
    #[must_use]
    pub fn meta(&self) -> PathBuf {
        self.dir.join("meta.json")
    }

    /// `summary.json`.
    #[must_use]
    pub fn summary(&self) -> PathBuf {
        self.dir.join("summary.json")
    }

    /// `alerts.jsonl`.
    #[must_use]
    pub fn alerts(&self) -> PathBuf {
        self.dir.join("alerts.jsonl")
    }

    /// `events.parquet` or `events.csv`.
    #[must_use]
    pub fn events(&self, format: TableFormat) -> PathBuf {
        self.table("events", format)
    }

    /// `orders.parquet` or `orders.csv`.
    #[must_use]
    pub fn orders(&self, format: TableFormat) -> PathBuf {
        self.table("orders", format)
    }

    /// `fills.parquet` or `fills.csv`.
    #[must_use]
    pub fn fills(&self, format: TableFormat) -> PathBuf {
        self.table("fills", format)
    }

    fn table(&self, name: &str, format: TableFormat) -> PathBuf {
        self.dir.join(format!("{name}.{}", format.as_str()))
    }

    /// `heartbeat`.
    #[must_use]
    pub fn heartbeat(&self) -> PathBuf {
        self.dir.join("heartbeat")
    }

    /// `run.lock`.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join("run.lock")
    }

    /// Takes the run's lock.
    ///
    /// # Errors
    /// [`RunLogError::Alive`] when somebody holds it.
    pub fn lock(&self) -> Result<RunLock, RunLogError> {
        let path = self.lock_file();
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(RunLogError::at("open lock", &path))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => {
                    // For people; whether the run is alive is told by the lock alone.
                    let text = format!("{}\n", std::process::id());
                    let noted = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
                    noted.map_err(RunLogError::at("write lock", &path))?;
                    return Ok(RunLock { _file: file });
                }
                // One who looks whether the run is alive shares the lock for an instant: only a
                // lock that cannot even be shared is a run's.
                Err(TryLockError::WouldBlock) => match file.try_lock_shared() {
                    Ok(()) => {
                        file.unlock().map_err(RunLogError::at("unlock", &path))?;
                        std::thread::park_timeout(LOOKER_PAUSE);
                    }
                    Err(TryLockError::WouldBlock) => break,
                    Err(TryLockError::Error(error)) => return Err(RunLogError::at("lock", &path)(error)),
                },
                Err(TryLockError::Error(error)) => return Err(RunLogError::at("lock", &path)(error)),
            }
        }
        Err(RunLogError::Alive { run: self.name(), path: path.display().to_string() })
    }

    /// True while the run's lock is held.
    ///
    /// # Errors
    /// The operating system's.
    pub fn is_alive(&self) -> Result<bool, RunLogError> {
        let path = self.lock_file();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(RunLogError::at("open lock", &path)(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(RunLogError::at("lock", &path)(error)),
        }
    }

    /// Replaces `summary.json` atomically and durably.
    ///
    /// # Errors
    /// The operating system's.
    pub fn write_summary(&self, summary: &Value) -> Result<(), RunLogError> {
        write_json(&self.summary(), summary)
    }

    /// Reads `summary.json`.
    ///
    /// # Errors
    /// Missing or broken, or the operating system's.
    pub fn read_summary(&self) -> Result<Value, RunLogError> {
        read_json(&self.summary(), "summary.json")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::domain::{RunMode, Timestamp};

    fn id(tag: u32) -> RunId {
        RunId::new(RunMode::Shadow, Timestamp::from_secs(1_765_108_800), tag)
    }

    #[test]
    fn a_run_folder_is_private_locked_and_made_once() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().join("live_runs");
        let (folder, lock) = RunFolder::create(&base, &id(1)).unwrap();
        assert_eq!(fs::metadata(folder.dir()).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(folder.is_alive().unwrap());
        assert!(matches!(folder.lock(), Err(RunLogError::Alive { .. })));
        assert!(matches!(RunFolder::create(&base, &id(1)), Err(RunLogError::FolderExists { .. })));
        drop(lock);
        assert!(!folder.is_alive().unwrap());
        assert!(matches!(RunFolder::create(&base, &id(1)), Err(RunLogError::FolderExists { .. })));
        assert_eq!(RunFolder::open(&base, &id(1)).unwrap(), folder);
        assert!(matches!(RunFolder::open(&base, &id(2)), Err(RunLogError::Missing { .. })));
        fs::create_dir(base.join("alerts")).unwrap();
        assert_eq!(RunFolder::list(&base).unwrap(), [folder]);
        assert!(RunFolder::list(&base.join("none")).unwrap().is_empty());
    }

    #[test]
    fn lookers_never_keep_a_run_from_its_lock() {
        let base = tempfile::tempdir().unwrap();
        let (folder, lock) = RunFolder::create(base.path(), &id(1)).unwrap();
        drop(lock);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    folder.is_alive().unwrap();
                }
            });
            let locked: Vec<_> = (0..200).map(|_| folder.lock().map(|_| ())).collect();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(locked.iter().all(Result::is_ok), "{locked:?}");
        });
    }
}
