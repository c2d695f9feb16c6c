//! `save_file` and `save_safetensors_file` write atomically.

use std::fs;
use std::path::Path;

use pt_file::{DType, Error, MAX_DEPTH, Tensor, Value, save_file, save_safetensors_file};

use crate::samples::{saved, shared, values};

fn file_names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn it_writes_the_bytes_of_save_and_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    for value in [values(), Value::from("another")] {
        save_file(&path, &value).unwrap();
        assert_eq!(fs::read(&path).unwrap(), saved(&value));
        assert_eq!(file_names(folder.path()), ["model.pt"]);
    }
}

#[test]
fn a_safetensors_file_has_the_tensors_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save_safetensors_file(&path, shared().as_dict().unwrap()).unwrap();
    let loaded = pt_file::load_file(&path).unwrap();
    let (saved, loaded) = (shared(), loaded.as_dict().unwrap().clone());
    assert_eq!(loaded.len(), saved.as_dict().unwrap().len());
    for (name, tensor) in saved.as_dict().unwrap().iter() {
        let (ours, theirs) = (tensor.as_tensor().unwrap(), loaded.get(name.clone()).unwrap().as_tensor().unwrap());
        assert_eq!(ours.to_bytes().unwrap(), theirs.to_bytes().unwrap(), "{name}");
        assert!(ours.shape() == theirs.shape() && theirs.view().is_contiguous());
    }
    assert_eq!(file_names(folder.path()), ["model.safetensors"]);
}

#[test]
fn a_safetensors_file_holds_only_named_tensors_of_its_dtypes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let message = |value: Value| save_safetensors_file(&path, value.as_dict().unwrap()).unwrap_err().to_string();
    let complex = Tensor::from_bytes(DType::C128, &[1], vec![0; 16]).unwrap();
    for (value, what) in [
        (Value::dict([("a", 1)]), r#"at ["a"]: a value of type int"#),
        (Value::dict([(1, Tensor::scalar(0f32))]), "at [1]: a key that is no string"),
        (Value::dict([("a", complex)]), r#"at ["a"]: a tensor of dtype complex128"#),
    ] {
        assert_eq!(message(value), format!("{what}, which a safetensors file cannot hold; save it as .pt"));
    }
    assert!(file_names(folder.path()).is_empty());
}

#[test]
fn an_error_leaves_the_old_file_and_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    save_file(&path, &Value::from("old")).unwrap();
    let deep = (0..=MAX_DEPTH).fold(Value::None, |inner, _| Value::list([inner]));
    assert!(matches!(save_file(&path, &deep), Err(Error::TooDeep { .. })));
    assert_eq!(fs::read(&path).unwrap(), saved(&Value::from("old")));
    assert_eq!(file_names(folder.path()), ["model.pt"]);
}

#[test]
fn an_error_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none").join("model.pt");
    let message = save_file(&missing, &Value::None).unwrap_err().to_string();
    assert!(message.starts_with(&missing.display().to_string()), "{message}");
    assert!(save_file("/", &Value::None).unwrap_err().to_string().contains("the path has no file name"));
}
