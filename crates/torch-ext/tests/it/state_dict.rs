//! Files of a `state_dict`, also from and to Python.

use std::fs;

use tch::{Device, Kind, Tensor};
use torch_ext::{Error, Format, StateDict};

/// A tensor of every kind that a file can hold, one tensor without dimensions and one without elements.
fn every_kind() -> StateDict {
    let kinds = [
        ("f32", Kind::Float),
        ("f64", Kind::Double),
        ("f16", Kind::Half),
        ("bf16", Kind::BFloat16),
        ("i64", Kind::Int64),
        ("i32", Kind::Int),
        ("i16", Kind::Int16),
        ("i8", Kind::Int8),
        ("u8", Kind::Uint8),
        ("bool", Kind::Bool),
    ];
    let tensor = |kind| Tensor::arange(6, (Kind::Int64, Device::Cpu)).reshape([2, 3]).to_kind(kind);
    let mut state_dict: StateDict =
        kinds.map(|(name, kind)| (format!("layer.{name}"), tensor(kind))).into_iter().collect();
    state_dict.insert("scalar", Tensor::from(0.5f32));
    state_dict.insert("empty", Tensor::zeros([0, 3], tch::kind::FLOAT_CPU));
    state_dict
}

fn assert_equal(ours: &StateDict, theirs: &StateDict) {
    assert_eq!(ours.len(), theirs.len());
    for (name, tensor) in ours.iter() {
        let other = theirs.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!((tensor.kind(), tensor.size(), tensor), (other.kind(), other.size(), other), "{name}");
    }
}

#[test]
fn both_formats_return_the_saved_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let state_dict = every_kind();
    for format in [Format::Pt, Format::Safetensors] {
        // The content tells the format, not the name.
        let path = folder.path().join("model.bin");
        state_dict.save_as(&path, format).unwrap();
        assert_equal(&StateDict::load(&path).unwrap(), &state_dict);
    }
    let path = folder.path().join("model.pt");
    state_dict.save(&path).unwrap();
    let names = |state_dict: &StateDict| state_dict.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&StateDict::load(&path).unwrap()), names(&state_dict), "a .pt file keeps the order");
}

#[test]
fn an_error_lists_a_limited_number_of_names() {
    let zero = || Tensor::zeros([1], tch::kind::FLOAT_CPU);
    let saved: StateDict = (0..30_000).map(|index| (format!("t{index:05}"), zero())).collect();
    let started = std::time::Instant::now();
    let error = saved.load_into("Model", [], true).unwrap_err().to_string();
    assert!(error.contains(r#"Unexpected key(s) in state_dict: "t00000", "t00001", "#), "{error}");
    assert!(error.ends_with(r#""t00099", and 29900 more. "#) && error.len() < 2000, "{error}");
    assert!(started.elapsed().as_secs() < 20, "quadratic time");

    let long: StateDict = [("é".repeat(900_000), zero())].into_iter().collect();
    let error = long.load_into("Model", [], true).unwrap_err().to_string();
    assert!(error.ends_with(r#"éé...". "#) && error.chars().count() < 400, "{error}");

    let pair = Tensor::zeros([2], tch::kind::FLOAT_CPU);
    let names: Vec<String> = saved.iter().take(102).map(|(name, _)| name.to_owned()).collect();
    let error = saved.load_into("Model", names.iter().map(|name| (name.as_str(), &pair)), false).unwrap_err();
    assert!(error.to_string().ends_with("and 2 more size mismatches."), "{error}");
    assert_eq!(error.to_string().matches("size mismatch for").count(), 100);
}

#[test]
fn a_tensor_of_too_many_dimensions_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let dims = |count: usize| {
        let header = format!(r#"{{"t":{{"dtype":"F32","shape":[{}1],"data_offsets":[0,4]}}}}"#, "1,".repeat(count - 1));
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 4]].concat()
    };
    fs::write(&path, dims(64)).unwrap();
    assert_eq!(StateDict::load(&path).unwrap().len(), 1);
    fs::write(&path, dims(300_000)).unwrap();
    let error = StateDict::load(&path).unwrap_err().to_string();
    assert!(error.ends_with("a tensor of 300000 dimensions; at most 64 are supported"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_fifo_is_an_error_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let error = StateDict::load(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: not a regular file but a FIFO (pipe); ", path.display())), "{error}");
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn python_reads_and_writes_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let state_dict = every_kind();
    let path = |name: &str| folder.path().join(name);
    state_dict.save(path("rust.pt")).unwrap();
    state_dict.save_as(path("rust.safetensors"), Format::Safetensors).unwrap();
    // The format of safetensors: the length of a JSON header, the header, the tensors' bytes at "data_offsets".
    let program = r#"
import json, sys, torch
folder = sys.argv[1]
state = torch.load(f"{folder}/rust.pt", weights_only=True)
assert type(state).__name__ == "OrderedDict" and state._metadata == {"": {"version": 1}, "layer": {"version": 1}}
dtypes = {"F32": torch.float32, "F64": torch.float64, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
          "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool}
data = open(f"{folder}/rust.safetensors", "rb").read()
length = int.from_bytes(data[:8], "little")
header = json.loads(data[8 : 8 + length])
assert header.pop("__metadata__") == {"format": "pt"}
assert sorted(header) == sorted(state)
for name, entry in header.items():
    begin, end = entry["data_offsets"]
    raw = data[8 + length + begin : 8 + length + end]
    tensor = torch.frombuffer(bytearray(raw), dtype=dtypes[entry["dtype"]]) if raw else torch.empty(0)
    assert torch.equal(tensor.view(entry["shape"]), state[name]) and tensor.dtype == state[name].dtype, name
torch.save(state, f"{folder}/python.pt")
torch.save(dict(state), f"{folder}/plain.pt")
"#;
    test_support::run_python(program, &[folder.path().to_str().unwrap()]);
    for name in ["python.pt", "plain.pt"] {
        assert_equal(&StateDict::load(path(name)).unwrap(), &state_dict);
    }
}

#[test]
fn a_file_without_a_state_dict_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let error = || match StateDict::load(&path).unwrap_err() {
        Error::File(message) => message.replace(&path.display().to_string(), "FILE"),
        other => panic!("{other:?}"),
    };
    assert_eq!(error(), "FILE: No such file or directory (os error 2)");
    let nested = pt_file::Value::dict([("model", pt_file::Value::dict([("w", 1)])), ("epoch", 3.into())]);
    pt_file::save_file(&path, &nested).unwrap();
    assert_eq!(error(), "FILE: not a state_dict, which has tensors by name: [\"model\"] is of type dict");
    pt_file::save_file(&path, &pt_file::Value::Int(1)).unwrap();
    assert_eq!(error(), "FILE: not a state_dict, which has tensors by name: it is of type int");

    let safetensors = |header: &str, data: &[u8]| {
        let length = (header.len() as u64).to_le_bytes();
        fs::write(&path, [&length[..], header.as_bytes(), data].concat()).unwrap();
    };
    safetensors(r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, &[0; 4]);
    assert!(error().starts_with("FILE: broken safetensors: "), "{}", error());
    safetensors(r#"{"w":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}"#, &[0; 8]);
    assert_eq!(error(), "FILE: w: tch has no kind for the dtype uint64");
}

#[test]
fn names_from_a_file_are_escaped_in_messages() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    let evil = "w\u{1b}[2J\nerror: forged\u{202e}";
    let saved: StateDict = [(evil.to_owned(), Tensor::from_slice(&[1f32]))].into_iter().collect();
    saved.save(&path).unwrap();
    let (loaded, one, two) =
        (StateDict::load(&path).unwrap(), Tensor::from_slice(&[1f32]), Tensor::from_slice(&[1f32, 2.0]));
    let escaped = r"w\u001b[2J\nerror: forged\u202e";
    let message = loaded.load_into("Model", [("가중치", &one)], true).unwrap_err().to_string();
    let expected =
        format!("Missing key(s) in state_dict: \"가중치\". \n\tUnexpected key(s) in state_dict: \"{escaped}\". ");
    assert!(message.ends_with(&expected), "{message}");
    let message = loaded.load_into("Model", [(evil, &two)], true).unwrap_err().to_string();
    assert!(message.contains(&format!("size mismatch for {escaped}: copying a param")), "{message}");
}
