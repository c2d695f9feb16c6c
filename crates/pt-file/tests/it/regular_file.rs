//! Only regular files are opened, and only up to a limit.

use std::fs;
use std::io::ErrorKind;

use pt_file::regular_file;

#[test]
fn a_regular_file_is_read_up_to_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "é = 1").unwrap();
    assert_eq!(regular_file::read(&path, 6).unwrap(), "é = 1".as_bytes());
    assert_eq!(regular_file::read_to_string(&path, u64::MAX).unwrap(), "é = 1");
    let error = regular_file::read(&path, 5).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    assert_eq!(error.to_string(), "the file has 6 bytes, and at most 5 are expected: is it the right file?");
    fs::write(&path, b"\xff").unwrap();
    assert_eq!(regular_file::read_to_string(&path, 5).unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(regular_file::open(folder.path().join("nowhere")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[cfg(unix)]
#[test]
fn a_folder_a_fifo_and_a_device_are_an_error_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (path, what) in [(folder.path(), "a folder"), (&fifo, "a FIFO (pipe)"), ("/dev/zero".as_ref(), "a device")] {
        let start = format!("not a regular file but {what}; this program reads no FIFO, device, /dev/stdin or <(..)");
        for error in [regular_file::open(path).unwrap_err(), regular_file::read(path, 10).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with(&start), "{error}");
        }
        let error = pt_file::load_file(path).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: {start}", path.display())), "{error}");
        assert_eq!(pt_file::Reader::open(path).unwrap_err().to_string(), error);
    }
}
