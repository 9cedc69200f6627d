//! Files that are there whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::error::RunLogError;

/// Writes a file under a temporary name in the same folder, syncs it, renames it over `path` and
/// syncs the folder: after a crash there is the old file or the new one.
pub(crate) fn write_atomic<T, E>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
) -> Result<T, RunLogError>
where
    RunLogError: From<E>,
{
    let dir = parent(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(TEMPORARY)
        .tempfile_in(dir)
        .map_err(RunLogError::at("create a temporary file for", path))?;
    let (file, temporary_path) = temporary.into_parts();
    let mut writer = BufWriter::new(file);
    let value = fill(&mut writer)?;
    let file = writer.into_inner().map_err(|e| RunLogError::at("write", path)(e.into_error()))?;
    file.sync_all().map_err(RunLogError::at("sync", path))?;
    temporary_path.persist(path).map_err(|e| RunLogError::at("rename into", path)(e.error))?;
    sync_dir(dir)?;
    Ok(value)
}

/// The end of the names of temporary files; what a crash leaves of them may be removed.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Writes bytes atomically; see [`write_atomic`].
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), RunLogError> {
    write_atomic(path, |file| file.write_all(bytes).map_err(RunLogError::at("write", path)))
}

/// Makes the folder's entries (creations, renames) durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), RunLogError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(RunLogError::at("sync folder", dir))
}

/// The folder that holds `path`.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// Removes what a crash left of [`write_atomic`].
pub(crate) fn remove_temporaries(dir: &Path) -> Result<(), RunLogError> {
    for entry in std::fs::read_dir(dir).map_err(RunLogError::at("read folder", dir))? {
        let entry = entry.map_err(RunLogError::at("read folder", dir))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(TEMPORARY) {
            std::fs::remove_file(entry.path()).map_err(RunLogError::at("remove", &entry.path()))?;
        }
    }
    Ok(())
}
