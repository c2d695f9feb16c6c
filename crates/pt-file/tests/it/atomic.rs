//! `save_file`: whole or not at all.

use std::fs;
use std::path::Path;

use pt_file::{Error, MAX_DEPTH, Value, save_file};

use crate::samples::{saved, values};

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn writes_what_save_writes_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    for value in [values(), Value::from("another")] {
        save_file(&path, &value).unwrap();
        assert_eq!(fs::read(&path).unwrap(), saved(&value));
        assert_eq!(names(folder.path()), ["model.pt"]);
    }
}

#[test]
fn an_error_leaves_the_old_file_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    save_file(&path, &Value::from("old")).unwrap();
    let deep = (0..=MAX_DEPTH).fold(Value::None, |inner, _| Value::list([inner]));
    assert!(matches!(save_file(&path, &deep), Err(Error::TooDeep { .. })));
    assert_eq!(fs::read(&path).unwrap(), saved(&Value::from("old")));
    assert_eq!(names(folder.path()), ["model.pt"]);
}

#[test]
fn the_error_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none").join("model.pt");
    let message = save_file(&missing, &Value::None).unwrap_err().to_string();
    assert!(message.starts_with(&missing.display().to_string()), "{message}");
    assert!(save_file("/", &Value::None).unwrap_err().to_string().contains("the path has no file name"));
}

#[cfg(unix)]
#[test]
fn the_file_has_the_permissions_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (ours, plain) = (folder.path().join("model.pt"), folder.path().join("plain"));
    save_file(&ours, &Value::None).unwrap();
    fs::write(&plain, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&plain));
}
