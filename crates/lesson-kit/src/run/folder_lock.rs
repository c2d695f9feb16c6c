//! Exclusive use of a run folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use pt_file::regular_file;

use crate::file_names::LOCK;

/// A lock on the file `.lock` of a run folder. The kernel releases it when the process ends, however it ends. The file stays.
#[derive(Debug)]
pub(crate) struct FolderLock {
    file: File,
}

impl Drop for FolderLock {
    /// Closing the file would not release the lock while a child process that is being started has a copy of it.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl FolderLock {
    /// Locks `folder` for this process.
    ///
    /// # Errors
    /// If another process has the lock: the message has its id. File systems without locks are not an error.
    pub fn acquire(folder: &Path) -> Result<FolderLock> {
        let path = folder.join(LOCK);
        check_lock_file(&path)?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.with_context(|| format!("cannot write {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {
                // Only for the message of a second process, so an error does not matter.
                let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
            }
            Err(TryLockError::WouldBlock) => {
                // The other process writes its id a moment after it has the lock.
                let owner = (0..20).find_map(|_| {
                    let id = regular_file::read_to_string(&path, 64).ok().and_then(|text| text.parse::<u32>().ok());
                    if id.is_none() {
                        thread::sleep(Duration::from_millis(5));
                    }
                    id
                });
                let owner = owner.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"));
                bail!(
                    "{} is in use: {owner} trains there; wait until it ends, or use --out DIR to write to another folder",
                    folder.display()
                );
            }
            Err(TryLockError::Error(_)) => {}
        }
        Ok(FolderLock { file })
    }
}

/// Checks that the file is missing or was written here: it is empty, or has the id of a process.
fn check_lock_file(path: &Path) -> Result<()> {
    let Ok(metadata) = path.symlink_metadata() else { return Ok(()) };
    let content = || regular_file::read(path, 64).is_ok_and(|content| content.iter().all(u8::is_ascii_digit));
    ensure!(
        metadata.is_file() && content(),
        "{} is not the lock of a run; move it away, or use --out DIR to write to another folder",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_second_lock_is_rejected_until_the_first_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::acquire(folder.path()).unwrap();
        let message = FolderLock::acquire(folder.path()).unwrap_err().to_string();
        assert!(message.contains(&format!("is in use: process {} trains there", std::process::id())), "{message}");
        drop(lock);
        FolderLock::acquire(folder.path()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_this_name_that_is_no_lock_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, other) = (folder.path().join(LOCK), folder.path().join("other"));
        fs::write(&other, "mine").unwrap();
        std::os::unix::fs::symlink(&other, &lock).unwrap();
        assert!(FolderLock::acquire(folder.path()).is_err());
        assert_eq!(fs::read(&other).unwrap(), b"mine");
        fs::remove_file(&lock).unwrap();
        fs::write(&lock, "mine").unwrap();
        let message = FolderLock::acquire(folder.path()).unwrap_err().to_string();
        assert!(message.contains(".lock is not the lock of a run; move it away"), "{message}");
        assert_eq!(fs::read(&lock).unwrap(), b"mine");
    }
}
