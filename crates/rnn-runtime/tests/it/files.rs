//! Files of every kind, and the names of their tensors.

use ndarray::{Array1, Array2, ArrayD};
use rnn_runtime::pt_file::{self, DType, Object, Tensor, Value};
use rnn_runtime::{Error, Gru, Lstm, Options, StateDict};

use crate::reference::Network;
use crate::support::workspace;

fn sample(name: &str) -> StateDict {
    StateDict::open(workspace().join("crates/pt-file/tests/samples").join(name)).unwrap()
}

/// A state dict as a value.
fn value(network: &Network) -> Value {
    let tensors = network.parameters.iter();
    Value::state_dict(tensors.map(|(name, (shape, numbers))| (name, Tensor::from_slice(numbers, shape).unwrap())))
}

fn names(weights: &StateDict) -> Vec<&str> {
    weights.names().collect()
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "no files")]
fn whole_modules_and_legacy_files_build_layers() {
    let gru = sample("module_gru_zip.pt");
    let name = gru.names().find_map(|name| name.strip_suffix("weight_ih_l0")).unwrap().to_owned();
    Gru::from_state_dict(&gru.prefix(&name), Options::default()).unwrap();
    let lstm = sample("module_lstm_legacy.pt");
    let name = lstm.names().find_map(|name| name.strip_suffix("weight_ih_l0")).unwrap().to_owned();
    Lstm::from_state_dict(&lstm.prefix(&name), Options::default()).unwrap();
    let script = sample("script_linear.pt");
    assert!(script.names().any(|name| name.ends_with("weight")), "{script:?}");
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "no files")]
fn a_file_is_read_from_its_path_and_from_its_bytes() {
    let network = Network::draw("gru", [3, 4, 0], 1, 1, true);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    pt_file::save_file(&path, &value(&network)).unwrap();
    let from_path = StateDict::open(&path).unwrap();
    let from_bytes = StateDict::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(names(&from_path), ["bias_hh_l0", "bias_ih_l0", "weight_hh_l0", "weight_ih_l0"]);
    assert_eq!(format!("{from_path:?}"), format!("{from_bytes:?}"));
    assert!(format!("{from_path:?}").starts_with(r#"{"bias_hh_l0": [12], "#));
    let error = StateDict::open(folder.path().join("absent.pt")).unwrap_err();
    assert!(matches!(error, Error::File(pt_file::Error::File { .. })));
    assert!(error.to_string().contains("absent.pt: "), "{error}");
    assert!(matches!(StateDict::from_bytes(b"not a checkpoint"), Err(Error::File(_))));
}

#[test]
fn a_safetensors_file_is_read() {
    let header = br#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let numbers = [1.5f32, -2.0].map(f32::to_le_bytes);
    let file = [&(header.len() as u64).to_le_bytes()[..], &header[..], numbers.as_flattened()].concat();
    let w: Array1<f32> = StateDict::from_bytes(&file).unwrap().array("w").unwrap();
    assert_eq!(w.to_vec(), [1.5, -2.0]);
}

#[test]
fn nested_values_have_dotted_names() {
    let tensor = || Value::from(Tensor::scalar(1f32));
    let state = || Value::state_dict([("fc.weight", Tensor::scalar(1f32))]);
    let mut object = Object::new("trainer", "Trainer");
    object.state = Some(Value::dict([("network", state()), ("step", 3.into())]));
    let checkpoint = Value::dict([
        ("model", state()),
        ("epoch", 3.into()),
        ("stages", Value::list([state(), tensor()])),
        ("ema", Value::Tuple(vec![tensor()])),
        ("trainer", Value::Object(Box::new(object))),
    ]);
    let weights = StateDict::from_value(&checkpoint).unwrap();
    let expected = ["model.fc.weight", "stages.0.fc.weight", "stages.1", "ema.0", "trainer.network.fc.weight"];
    assert_eq!(names(&weights), expected);
    assert_eq!(names(&weights.prefix("stages.0")), ["fc.weight"]);
    assert_eq!(names(&weights.prefix("stages").prefix("0.")), ["fc.weight"]);
    assert_eq!((weights.len(), weights.is_empty(), weights.prefix("absent").is_empty()), (5, false, true));
    assert!(weights.get("model.fc.weight").is_some() && weights.prefix("model").get("fc.weight").is_some());
    assert!(weights.prefix("model").get("model.fc.weight").is_none());
    let numbered = Value::dict([(7, tensor())]);
    assert_eq!(names(&StateDict::from_value(&numbered).unwrap()), ["7"]);
}

#[test]
fn prefixes_of_wrappers_are_removed_where_they_are() {
    let state = ["module._orig_mod.gru.w", "module.fc.w", "epochs"].map(|name| (name, Tensor::scalar(1f32)));
    let weights = StateDict::from_value(&Value::state_dict(state)).unwrap();
    let without = weights.without_prefix("module.").without_prefix("_orig_mod");
    assert_eq!(names(&without), ["gru.w", "fc.w", "epochs"]);
    let nested = Value::dict([("model", Value::state_dict([("module.fc.w", Tensor::scalar(1f32))]))]);
    let nested = StateDict::from_value(&nested).unwrap();
    assert_eq!(names(&nested.prefix("model").without_prefix("module")), ["fc.w"]);
    assert_eq!(names(&nested.prefix("model").without_prefix("module").prefix("fc")), ["w"]);
    assert_eq!(names(&weights.without_prefix("")), names(&weights));
}

#[test]
fn weights_of_any_real_dtype_are_converted() {
    let bytes = |dtype, bytes: &[u8]| Tensor::from_bytes(dtype, &[2], bytes.to_vec()).unwrap();
    let tensors = [
        ("f16", bytes(DType::F16, &[0x00, 0x3c, 0x00, 0xc0])),
        ("bf16", bytes(DType::BF16, &[0x80, 0x3f, 0x00, 0xc0])),
        ("f64", Tensor::from_slice(&[1f64, -2.0], &[2]).unwrap()),
        ("i64", Tensor::from_slice(&[1i64, -2], &[2]).unwrap()),
    ];
    let weights = StateDict::from_value(&Value::state_dict(tensors)).unwrap();
    for name in ["f16", "bf16", "f64", "i64"] {
        let array: Array1<f32> = weights.array(name).unwrap();
        assert_eq!(array.to_vec(), [1.0, -2.0], "{name}");
    }
    let dynamic: ArrayD<f32> = weights.array("f64").unwrap();
    assert_eq!(dynamic.shape(), [2]);
    let wrong = weights.array::<ndarray::Ix2>("f64").map(|array: Array2<f32>| array).unwrap_err().to_string();
    assert!(
        wrong.starts_with(
            "array: 1 tensor of the file cannot be used\n  f64: expected 2 dimensions, found the shape [2]"
        ),
        "{wrong}"
    );
}

#[test]
fn other_tensors_are_no_error() {
    let network = Network::draw("gru", [3, 4, 0], 2, 2, true);
    let Value::Dict(mut state) = value(&network) else { unreachable!() };
    for extra in ["weight_ih_l0_mask", "weight_ih_l01", "weight_ih_lx", "weight_xx_l9", "step", "fc.weight_ih_l7"] {
        state.insert(extra, Tensor::scalar(f32::NAN));
    }
    let gru = Gru::from_state_dict(&StateDict::from_value(&Value::Dict(state)).unwrap(), Options::default()).unwrap();
    assert_eq!((gru.num_layers(), gru.bidirectional()), (2, true));
}
