//! Opens and reads regular files only.
//!
//! Opening a FIFO blocks until another process writes to it, and a device such as `/dev/zero` never ends. Both are an error
//! here, before the first byte is read.
//!
//! ```
//! use pt_file::regular_file;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("config.json");
//! # std::fs::write(&path, "{}")?;
//! assert_eq!(regular_file::read(&path, 1 << 20)?, b"{}"); // at most 1 MiB
//! let error = regular_file::open(folder.path()).unwrap_err();
//! assert!(error.to_string().starts_with("not a regular file but a folder"));
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Opens a regular file for reading.
///
/// # Errors
/// The file system's error, or [`ErrorKind::InvalidInput`] for a folder, a FIFO or a device.
pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)] // without O_NONBLOCK the call blocks if the path is a FIFO
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path)?;
    let file_type = file.metadata()?.file_type();
    if file_type.is_file() {
        return Ok(file);
    }
    let message = format!(
        "not a regular file but {}; this program reads no FIFO, device, /dev/stdin or <(..): write the content to a file first",
        describe(file_type)
    );
    Err(io::Error::new(ErrorKind::InvalidInput, message))
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// As [`open`]; [`ErrorKind::FileTooLarge`] for a longer file; [`ErrorKind::OutOfMemory`].
pub fn read(path: impl AsRef<Path>, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let too_large = |length: u64| {
        let message = format!("the file has {length} bytes, and at most {limit} are expected: is it the right file?");
        Err(io::Error::new(ErrorKind::FileTooLarge, message))
    };
    if length > limit {
        return too_large(length);
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
    // The file can grow while it is read.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { too_large(bytes.len() as u64) } else { Ok(bytes) }
}

/// [`read`], for a text in UTF-8.
///
/// # Errors
/// As [`read`]; [`ErrorKind::InvalidData`] for bytes that are not UTF-8.
pub fn read_to_string(path: impl AsRef<Path>, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|error| io::Error::new(ErrorKind::InvalidData, error.utf8_error()))
}

fn describe(file_type: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if file_type.is_fifo() {
            return "a FIFO (pipe)";
        }
        if file_type.is_char_device() || file_type.is_block_device() {
            return "a device";
        }
    }
    if file_type.is_dir() { "a folder" } else { "another kind of file" }
}
