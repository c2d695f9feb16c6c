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
    temporary.persist(path).map_err(|error| error.error)?;
    // The rename itself is on disk only after the folder is synced. Some file systems do not support this, and the new
    // file is already in place, so an error here is ignored.
    #[cfg(unix)]
    drop(File::open(folder_of(path)).and_then(|folder| folder.sync_all()));
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file_count(folder: &tempfile::TempDir) -> usize {
        fs::read_dir(folder.path()).unwrap().count()
    }

    #[test]
    fn a_failing_writer_leaves_the_old_file_and_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.pt");
        write(&path, b"old").unwrap();
        let failed = write_with(&path, |writer| {
            writer.write_all(b"half of the n")?;
            Err(io::Error::other("disk full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "disk full");
        assert_eq!((fs::read(&path).unwrap(), file_count(&folder)), (b"old".to_vec(), 1));

        let failed = write_at_path(&path, |temporary| {
            fs::write(temporary, "half of the n")?;
            Err(io::Error::other("disk full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "disk full");
        assert_eq!((fs::read(&path).unwrap(), file_count(&folder)), (b"old".to_vec(), 1));
    }

    #[test]
    fn a_failing_rename_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("is-a-folder");
        fs::create_dir(&path).unwrap();
        write(&path, b"new").unwrap_err();
        assert!(path.is_dir());
        assert_eq!(file_count(&folder), 1);
    }

    #[test]
    fn a_staged_file_replaces_nothing_until_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        write(&path, b"old").unwrap();
        let staged = StagedFile::new(&path, b"new").unwrap();
        assert_eq!((fs::read(&path).unwrap(), file_count(&folder)), (b"old".to_vec(), 2));
        drop(staged);
        assert_eq!((fs::read(&path).unwrap(), file_count(&folder)), (b"old".to_vec(), 1));
        StagedFile::new(&path, b"new").unwrap().publish().unwrap();
        assert_eq!((fs::read(&path).unwrap(), file_count(&folder)), (b"new".to_vec(), 1));
    }

    #[test]
    fn a_temporary_path_has_the_documented_name_and_the_extension_of_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.png");
        write_at_path(&path, |temporary| {
            let name = temporary.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with(".loss.png.") && name.ends_with(".partial.png"), "{name}");
            assert_eq!(temporary.extension().unwrap(), "png");
            assert_eq!(temporary.parent(), path.parent());
            fs::write(temporary, b"picture")
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"picture");
    }

    #[test]
    fn a_writer_may_replace_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.svg");
        write_at_path(&path, |temporary| {
            fs::remove_file(temporary)?;
            fs::write(temporary, b"picture")
        })
        .unwrap();
        assert_eq!((fs::read(&path).unwrap(), file_count(&folder)), (b"picture".to_vec(), 1));
    }

    #[test]
    fn a_path_without_a_file_name_is_an_error() {
        assert_eq!(write(Path::new("/"), b"").unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_has_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (plain, atomic) = (folder.path().join("plain"), folder.path().join("atomic"));
        fs::write(&plain, "").unwrap();
        write(&atomic, b"").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&atomic), mode(&plain));
    }
}
