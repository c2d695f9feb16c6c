//! Files that appear whole or not at all: written to a temporary file in the same folder, synced, renamed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use tempfile::{Builder, NamedTempFile};

/// What a temporary file's name ends in, before the extension of the file that it will be. One that a killed process
/// left behind is swept away by the next run.
pub const PARTIAL: &str = ".partial";

/// Writes `path` through `write`; if that fails, the file that was there stays as it was.
///
/// # Errors
/// What `write` returns, or the file system's error with the path.
pub fn write_with(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    replace(path, |temporary| {
        let mut writer = BufWriter::new(temporary.as_file_mut());
        write(&mut writer)?;
        Ok(writer.flush()?)
    })
}

/// Writes `bytes` to `path`.
///
/// # Errors
/// The file system's error with the path.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |writer| Ok(writer.write_all(bytes)?))
}

/// Like [`write_with`] for writers that want a path; the temporary path has the extension of `path`.
///
/// # Errors
/// What `write` returns, or the file system's error with the path.
pub fn write_path_with(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    replace(path, |temporary| write(temporary.path()))
}

/// Puts `bytes` on the disk, where [`Staged::publish`] has only to give them the name `path`.
///
/// # Errors
/// The file system's error with the path.
pub fn stage(path: &Path, bytes: &[u8]) -> Result<Staged> {
    Staged::new(path, |temporary| Ok(temporary.write_all(bytes)?)).with_context(|| cannot_write(path))
}

/// A file that is whole and on the disk, but for its name. Dropped without one, it is removed.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    temporary: NamedTempFile,
}

impl Staged {
    fn new(path: &Path, write: impl FnOnce(&mut NamedTempFile) -> Result<()>) -> Result<Staged> {
        let mut temporary = temporary_beside(path)?;
        write(&mut temporary)?;
        // Opened again: a writer that wants a path may have put a new file there.
        File::open(temporary.path())?.sync_all()?;
        Ok(Staged { path: path.to_owned(), temporary })
    }

    /// Gives the file its name, in the place of one that had it before.
    ///
    /// # Errors
    /// The file system's error with the path.
    pub fn publish(self) -> Result<()> {
        let Staged { path, temporary } = self;
        temporary.persist(&path).map_err(|error| error.error).with_context(|| cannot_write(&path))?;
        Ok(())
    }
}

fn replace(path: &Path, write: impl FnOnce(&mut NamedTempFile) -> Result<()>) -> Result<()> {
    Staged::new(path, write).with_context(|| cannot_write(path))?.publish()
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

fn temporary_beside(path: &Path) -> Result<NamedTempFile> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(anyhow!("not the path of a file"));
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let extension = path.extension().map(|text| format!(".{}", text.to_string_lossy())).unwrap_or_default();
    let mut builder = Builder::new();
    let prefix = format!(".{}.", name.to_string_lossy());
    let suffix = format!("{PARTIAL}{extension}");
    builder.prefix(&prefix).suffix(&suffix);
    readable_by_all(&mut builder);
    Ok(builder.tempfile_in(folder)?)
}

/// Temporary files are private by default; what a run leaves is not (the process's umask still applies).
#[cfg(unix)]
fn readable_by_all(builder: &mut Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn readable_by_all(_: &mut Builder<'_, '_>) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_failing_writer_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.pt");
        write(&path, b"old").unwrap();
        let failed = write_with(&path, |writer| {
            writer.write_all(b"half of the n")?;
            Err(anyhow!("disk full"))
        });
        let message = format!("{:#}", failed.unwrap_err());
        assert!(message.starts_with("cannot write ") && message.ends_with("model.pt: disk full"), "{message}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_staged_file_replaces_nothing_until_it_is_published() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        write(&path, b"old").unwrap();
        let files = || fs::read_dir(dir.path()).unwrap().count();
        let staged = stage(&path, b"new").unwrap();
        assert_eq!((fs::read(&path).unwrap(), files()), (b"old".to_vec(), 2));
        drop(staged);
        assert_eq!((fs::read(&path).unwrap(), files()), (b"old".to_vec(), 1), "as if it had never been there");
        stage(&path, b"new").unwrap().publish().unwrap();
        assert_eq!((fs::read(&path).unwrap(), files()), (b"new".to_vec(), 1));
    }

    #[test]
    fn a_writer_that_wants_a_path_gets_one_with_the_extension() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("loss.png");
        write_path_with(&path, |temporary| {
            assert_eq!(temporary.extension().unwrap(), "png");
            assert_eq!(temporary.parent(), path.parent());
            Ok(fs::write(temporary, b"picture")?)
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"picture");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_has_the_usual_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (plain, atomic) = (dir.path().join("plain"), dir.path().join("atomic"));
        fs::write(&plain, "").unwrap();
        write(&atomic, b"").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&atomic), mode(&plain));
    }
}
