//! The module `atomic`. In the unit tests it would not run under Miri, which lacks some system calls.

use std::path::Path;
use std::{fs, io};

use pt_file::atomic::{PARTIAL, StagedFile, write, write_at_path, write_with};

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
        assert!(name.starts_with(".loss.png.") && name.ends_with(&format!("{PARTIAL}.png")), "{name}");
        assert_eq!(PARTIAL, ".partial");
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
