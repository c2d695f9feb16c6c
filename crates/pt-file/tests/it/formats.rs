//! Files of every kind that PyTorch reads: our values are equal to Python's. See `tests/generate`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use pt_file::{Dict, Key, Tensor, Value};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::workspace::workspace;

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn values_of_every_format_are_those_of_python() {
    let folder = tempfile::tempdir().unwrap();
    let script = workspace().join("crates/pt-file/tests/generate/generate.py");
    let mut command = Command::new(workspace().join(".venv/bin/python"));
    let output = command.arg("-W").arg("ignore").arg(script).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = compare(folder.path());
    assert!(files >= 280, "{files} files");
}

/// A selection of those files, for a machine without Python.
#[test]
fn values_of_committed_files_are_those_of_python() {
    assert!(compare(Path::new("tests/samples")) > 30);
}

/// The same for files in the folder that this variable names, with descriptions of `tests/generate/describe.py`.
#[test]
fn files_of_a_folder_are_those_of_python() {
    if let Some(folder) = std::env::var_os("PT_FILE_FORMATS") {
        compare(folder.as_ref());
    }
}

/// Compares each file with its description. Returns their number.
fn compare(folder: &Path) -> usize {
    let (mut files, mut faults) = (0, BTreeMap::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(description) = fs::read(path.with_extension("json")) else { continue };
        if path.extension().is_some_and(|extension| extension == "json") {
            continue;
        }
        files += 1;
        let description: Json = serde_json::from_slice(&description).unwrap();
        if let Err(fault) = compare_file(&path, &description) {
            faults.insert(path.file_name().unwrap().to_string_lossy().into_owned(), fault);
        }
    }
    let lines: Vec<_> = faults.iter().map(|(name, fault)| format!("{name}: {fault}")).collect();
    assert!(faults.is_empty(), "{} of {files} files differ:\n{}", faults.len(), lines.join("\n"));
    files
}

fn compare_file(path: &Path, description: &Json) -> Result<(), String> {
    let value = pt_file::load_file(path).map_err(|error| error.to_string())?;
    match description.get("state_dict") {
        Some(expected) => {
            let state = value.state_dict_at("").map_err(|error| error.to_string())?;
            let expected = expected["entries"].as_array().unwrap();
            let entries: Vec<Json> = state.iter().map(|(key, value)| json!([key_json(key), describe(value)])).collect();
            difference(&Json::from(entries), &Json::from(expected.clone()), "state_dict")
        }
        None => difference(&describe(&value), &description["value"], "value"),
    }
}

/// The first difference between two descriptions.
fn difference(ours: &Json, theirs: &Json, at: &str) -> Result<(), String> {
    match (ours, theirs) {
        (Json::Object(a), Json::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                let get = |map: &serde_json::Map<String, Json>| map.get(key).cloned().unwrap_or_default();
                difference(&get(a), &get(b), &format!("{at}.{key}"))?;
            }
            Ok(())
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().try_for_each(|(index, (a, b))| difference(a, b, &format!("{at}[{index}]")))
        }
        _ if ours == theirs => Ok(()),
        _ => Err(format!("at {at}: {:.300} is not {:.300}", ours.to_string(), theirs.to_string())),
    }
}

/// The description of `tests/generate/describe.py`.
fn describe(value: &Value) -> Json {
    let all = |items: &[Value]| items.iter().map(describe).collect::<Vec<_>>();
    let kind = value.type_name();
    match value {
        Value::Bool(value) => json!({"type": kind, "value": value}),
        Value::Int(value) => json!({"type": kind, "value": value.to_string()}),
        Value::BigInt(value) => json!({"type": kind, "value": value.to_string()}),
        Value::Float(value) => json!({"type": kind, "value": python_hex(*value)}),
        Value::Complex(re, im) => json!({"type": kind, "value": [python_hex(*re), python_hex(*im)]}),
        Value::Str(value) => json!({"type": kind, "value": value}),
        Value::Bytes(value) | Value::ByteArray(value) => json!({"type": kind, "value": hex(value)}),
        Value::List(items) | Value::Tuple(items) => json!({"type": kind, "items": all(items)}),
        Value::Set(items) | Value::FrozenSet(items) => {
            let mut items = all(items);
            items.sort_by_cached_key(python_str);
            json!({"type": kind, "items": items})
        }
        Value::Dict(dict) => describe_dict(dict, kind),
        Value::Tensor(tensor) => describe_tensor(tensor),
        Value::Global(global) => json!({"type": kind, "value": global.to_string()}),
        Value::Object(object) => {
            let entries: Vec<_> =
                object.entries.iter().map(|(key, value)| json!([describe(key), describe(value)])).collect();
            json!({
                "type": kind, "class": format!("{}.{}", object.module, object.name), "args": all(&object.args),
                "state": object.state.as_ref().map(describe), "items": all(&object.items), "entries": entries,
            })
        }
        _ => json!({"type": kind}),
    }
}

fn describe_dict(dict: &Dict, kind: &str) -> Json {
    let entries: Vec<Json> = dict.iter().map(|(key, value)| json!([key_json(key), describe(value)])).collect();
    let mut described = json!({"type": kind, "entries": entries});
    if let Some(metadata) = dict.metadata() {
        let kind = if metadata.is_ordered() { "OrderedDict" } else { "dict" };
        described["metadata"] = describe_dict(metadata, kind);
    }
    described
}

fn describe_tensor(tensor: &Tensor) -> Json {
    let bytes = tensor.to_bytes().unwrap();
    let digest = hex(&Sha256::digest(&bytes));
    json!({"type": "Tensor", "dtype": tensor.dtype().name(), "shape": tensor.shape(), "sha256": digest})
}

fn key_json(key: &Key) -> Json {
    let value = match key {
        Key::Str(key) => Value::Str(key.clone()),
        Key::Int(key) => Value::Int(*key),
        Key::None => Value::None,
        Key::Bool(key) => Value::Bool(*key),
        Key::Float(key) => Value::Float(key.get()),
        Key::Bytes(key) => Value::Bytes(key.clone()),
        Key::Tuple(keys) => {
            return json!({"type": "tuple", "items": keys.iter().map(key_json).collect::<Vec<_>>()});
        }
        other => unreachable!("{other}"),
    };
    describe(&value)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Python's `float.hex()`.
fn python_hex(value: f64) -> String {
    let sign = if value.is_sign_negative() && !value.is_nan() { "-" } else { "" };
    let (bits, fraction) = (value.to_bits(), value.to_bits() & ((1 << 52) - 1));
    match (bits >> 52) & 0x7ff {
        0x7ff if fraction != 0 => "nan".to_owned(),
        0x7ff => format!("{sign}inf"),
        0 if fraction == 0 => format!("{sign}0x0.0p+0"),
        0 => format!("{sign}0x0.{fraction:013x}p-1022"),
        power => format!("{sign}0x1.{fraction:013x}p{:+}", power as i64 - 1023),
    }
}

/// Only the order matters: the items of a set are sorted by their text on both sides.
fn python_str(item: &Json) -> String {
    item["value"].to_string().trim_matches('"').to_owned()
}
