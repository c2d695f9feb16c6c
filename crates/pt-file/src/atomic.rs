//! Atomic file writes: after a failure or a crash, a file has its old content or its complete new content.
//!
//! Each function writes a temporary file in the folder of the target, syncs it to disk (`fsync`), renames it to the
//! target, and syncs the folder. A new file gets the usual permissions: 0666 minus the umask. If a step fails, the old
//! file is unchanged and the temporary file is removed. Only a killed process leaves a temporary file behind; its name
//! is `.NAME.RANDOM.partial.EXT`.
//!
//! ```
//! use pt_file::atomic;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("config.json");
//! atomic::write(&path, b"{}")?;
//! atomic::write_with(&path, |file| writeln!(file, "{{\"epochs\": {}}}", 3))?;
//! # assert_eq!(std::fs::read(&path)?, b"{\"epochs\": 3}\n");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// The part of a temporary file's name before its extension. A program can delete leftover files with it.
pub const PARTIAL: &str = ".partial";

/// Writes `bytes` to `path`.
///
/// # Errors
/// The file system's error, or [`io::ErrorKind::InvalidInput`] if `path` has no file name.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    StagedFile::new(path, bytes)?.publish()
}

/// Writes `path` through a buffered writer.
///
/// # Errors
/// The error of `write`, or as [`write()`].
pub fn write_with<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let mut temporary = create_temporary(path)?;
    let mut writer = BufWriter::new(temporary.as_file_mut());
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    temporary.as_file().sync_all()?;
    Ok(rename(temporary, path)?)
}

/// Writes `path` with a function that takes a path. It gets a temporary path with the extension of `path`.
///
/// # Errors
/// The error of `write`, or as [`write()`].
pub fn write_at_path<E: From<io::Error>>(path: &Path, write: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    let temporary = create_temporary(path)?;
    write(temporary.path())?;
    // Opened again, because `write` may have replaced the file.
    OpenOptions::new().write(true).open(temporary.path())?.sync_all()?;
    Ok(rename(temporary, path)?)
}

/// A complete file on disk under a temporary name. It is removed on drop unless it is published.
///
/// This splits [`write()`] in two: the slow part that can fail, and the rename.
#[derive(Debug)]
pub struct StagedFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl StagedFile {
    /// Writes `bytes` to a temporary file beside `path` and syncs it to disk.
    ///
    /// # Errors
    /// As [`write()`].
    pub fn new(path: &Path, bytes: &[u8]) -> io::Result<StagedFile> {
        let mut temporary = create_temporary(path)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        Ok(StagedFile { temporary, path: path.to_owned() })
    }

    /// Renames the file to its final path and replaces a file that is already there.
    ///
    /// # Errors
    /// The file system's error.
    pub fn publish(self) -> io::Result<()> {
        rename(self.temporary, &self.path)
    }
}

fn create_temporary(path: &Path) -> io::Result<NamedTempFile> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"))?;
    let prefix = format!(".{}.", name.to_string_lossy());
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    let suffix = format!("{PARTIAL}{extension}");
    let mut builder = Builder::new();
    builder.prefix(&prefix).suffix(&suffix);
    #[cfg(unix)] // tempfile's default is 0600; the umask still applies
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder_of(path))
}

fn rename(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    rename_and_sync(temporary, path, |folder| if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) })
}

/// The rename itself is on disk only after the folder is synced. Some file systems do not support this, and the new file is
/// already in place, so an error of `sync` is ignored.
fn rename_and_sync(
    temporary: NamedTempFile,
    path: &Path,
    sync: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    temporary.persist(path).map_err(|error| error.error)?;
    drop(sync(folder_of(path)));
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_synced_after_the_rename() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut synced = Vec::new();
        let sync = |folder: &Path| {
            synced.push((folder.to_owned(), path.exists()));
            Err(io::Error::from(io::ErrorKind::Unsupported)) // ignored
        };
        rename_and_sync(create_temporary(&path).unwrap(), &path, sync).unwrap();
        assert_eq!(synced, [(folder.path().to_owned(), true)]);
        assert_eq!(folder_of(Path::new("file")), Path::new("."));
    }
}
