//! `state_dict`, `load_state_dict` and `to_kind`: names, messages, and which memory is kept.

use recurrent::{Error, IncompatibleKeys, Lstm, PythonKind, StateDict};
use tch::nn::{OptimizerConfig, VarStore};
use tch::{Device, Kind, Tensor, kind::FLOAT_CPU};

use crate::support::layer::{Spec, assert_error};
use crate::support::tensors::{assert_close, assert_same_bits, bytes};
use crate::support::{F64_ROUNDING, seeded};

fn zeros(shape: &[i64]) -> Tensor {
    Tensor::zeros(shape, FLOAT_CPU)
}

fn dict<const N: usize>(entries: [(&str, Tensor); N]) -> StateDict {
    entries.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect()
}

/// LSTM(2, 3) in a new store.
fn lstm() -> (VarStore, Lstm) {
    let vs = VarStore::new(Device::Cpu);
    let lstm = Lstm::new(vs.root(), 2, 3).unwrap();
    (vs, lstm)
}

fn bits(lstm: &Lstm) -> Vec<Vec<u8>> {
    lstm.named_parameters().map(|(_, parameter)| bytes(parameter)).collect()
}

#[test]
fn names_are_torchs_and_storage_is_shared() {
    let _seeded = seeded(0);
    let (_vs, lstm) = lstm();
    let state_dict = lstm.state_dict();
    let names: Vec<&str> = state_dict.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]);
    for ((_, saved), (_, parameter)) in state_dict.iter().zip(lstm.named_parameters()) {
        assert_eq!((saved.data_ptr(), saved.requires_grad()), (parameter.data_ptr(), false));
    }
}

#[test]
fn a_loaded_layer_computes_the_same() {
    let _seeded = seeded(0);
    for class in ["RNN", "LSTM", "GRU"] {
        let spec = Spec { num_layers: 2, bidirectional: true, ..Spec::new(class, 3, 4) };
        let ((_vs, from), (_other_vs, mut to)) = (spec.build().unwrap(), spec.build().unwrap());
        let saved = crate::each!(&from, layer => layer.state_dict());
        let keys = crate::each!(&mut to, layer => layer.load_state_dict(&saved, true)).unwrap();
        assert_eq!(keys, IncompatibleKeys::default());
        let x = Tensor::rand([5, 2, 3], FLOAT_CPU);
        for (a, b) in from.forward(&x, None).unwrap().iter().zip(&to.forward(&x, None).unwrap()) {
            assert_same_bits(a, b, class);
        }
    }
}

/// ```python
/// lstm = torch.nn.LSTM(2, 3)
/// lstm.load_state_dict({"weight_ih_l0": torch.zeros(3, 3), "foo": torch.zeros(1), "bias_hh_l0": torch.zeros(1),
///                       "bar.baz": torch.zeros(())})
/// ```
#[test]
fn all_problems_are_in_one_message() {
    let _seeded = seeded(0);
    let (_vs, mut lstm) = lstm();
    let faulty = dict([
        ("weight_ih_l0", zeros(&[3, 3])),
        ("foo", zeros(&[1])),
        ("bias_hh_l0", zeros(&[1])),
        ("bar.baz", zeros(&[])),
    ]);
    let sizes = "\tsize mismatch for weight_ih_l0: copying a param with shape torch.Size([3, 3]) from checkpoint, the \
                 shape in current model is torch.Size([12, 2]).\n\
                 \tsize mismatch for bias_hh_l0: copying a param with shape torch.Size([1]) from checkpoint, the shape \
                 in current model is torch.Size([12]).";
    let keys = "\tMissing key(s) in state_dict: \"weight_hh_l0\", \"bias_ih_l0\". \n\
                \tUnexpected key(s) in state_dict: \"foo\", \"bar.baz\". \n";
    let head = "Error(s) in loading state_dict for LSTM:\n";
    let before = bits(&lstm);
    assert_error(lstm.load_state_dict(&faulty, true), "RuntimeError", &format!("{head}{keys}{sizes}"));
    // Without `strict`, shapes are still checked.
    assert_error(lstm.load_state_dict(&faulty, false), "RuntimeError", &format!("{head}{sizes}"));
    assert!(bits(&lstm) == before, "an error changes nothing (torch loads what fits)");
}

// torch.nn.LSTM(2, 3).load_state_dict({"weight_ih_l0": torch.ones(12, 2), "foo": torch.zeros(1)}, strict=False)
#[test]
fn without_strict_matching_names_are_loaded_and_the_others_returned() {
    let _seeded = seeded(0);
    let (_vs, mut lstm) = lstm();
    let before = bits(&lstm);
    let partial = dict([("foo", zeros(&[1])), ("weight_ih_l0", Tensor::ones([12, 2], FLOAT_CPU))]);
    let keys = lstm.load_state_dict(&partial, false).unwrap();
    assert_eq!(keys.missing_keys, ["weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]);
    assert_eq!(keys.unexpected_keys, ["foo"]);
    assert_same_bits(&lstm.state_dict().get("weight_ih_l0").unwrap().copy(), partial.get("weight_ih_l0").unwrap(), "");
    assert!(bits(&lstm)[1..] == before[1..]);
}

#[test]
fn a_shape_that_would_broadcast_is_rejected() {
    let _seeded = seeded(0);
    let (_vs, mut lstm) = lstm();
    for shape in [&[][..], &[1], &[1, 1], &[12, 1], &[1, 2], &[1, 12, 2], &[2, 12], &[24]] {
        let error = lstm.load_state_dict(&dict([("weight_ih_l0", zeros(shape))]), false).unwrap_err();
        assert_eq!(error.python_kind(), PythonKind::RuntimeError);
        assert!(error.to_string().contains(&format!("with shape torch.Size({shape:?}) from checkpoint")), "{error}");
    }
}

#[test]
fn parameters_keep_their_dtype_and_memory() {
    let _seeded = seeded(0);
    let (vs, mut lstm) = lstm();
    let addresses: Vec<_> = lstm.named_parameters().map(|(_, parameter)| parameter.data_ptr()).collect();
    let saved: StateDict = lstm
        .named_parameters()
        .map(|(name, parameter)| (name.to_owned(), parameter.rand_like().to_kind(Kind::Double) / 3.0))
        .collect();
    lstm.load_state_dict(&saved, true).unwrap();
    for ((name, parameter), address) in lstm.named_parameters().zip(addresses) {
        assert_eq!((parameter.kind(), parameter.data_ptr()), (Kind::Float, address), "{name}");
        assert!(parameter.requires_grad() && parameter.is_leaf(), "{name}");
        assert_same_bits(&parameter.detach(), &saved.get(name).unwrap().to_kind(Kind::Float), name);
        assert_same_bits(&vs.variables()[name].detach(), &parameter.detach(), name);
    }
}

/// An LSTM that was saved before torch 1.8 has no proj_size. Its parameters are the same.
#[test]
fn test_save_lstm_compatibility() {
    let _seeded = seeded(0);
    let ((_vs, from), (_other_vs, _)) = (lstm(), lstm());
    let spec = Spec { proj_size: Some(0), ..Spec::new("LSTM", 2, 3) };
    let (_third_vs, mut to) = spec.build().unwrap();
    crate::each!(&mut to, layer => layer.load_state_dict(&from.state_dict(), true)).unwrap();
    let x = Tensor::rand([2, 3, 2], FLOAT_CPU);
    let (expected, _) = from.forward(&x, None).unwrap();
    assert_same_bits(&to.forward(&x, None).unwrap()[0], &expected, "");
}

#[test]
fn several_layers_load_by_prefix() {
    let _seeded = seeded(0);
    let ((_vs, encoder), (_other_vs, decoder)) = (lstm(), lstm());
    let mut model = StateDict::new();
    model.insert_module("encoder", encoder.state_dict());
    model.insert_module("encoder_2", decoder.state_dict());
    assert_eq!(model.iter().map(|(name, _)| name).nth(4), Some("encoder_2.weight_ih_l0"));
    let (_third_vs, mut copy) = lstm();
    copy.load_state_dict(&model.module("encoder_2"), true).unwrap();
    assert!(bits(&copy) == bits(&decoder));
    copy.load_state_dict(&model.module("encoder"), true).unwrap();
    assert!(bits(&copy) == bits(&encoder));
    assert!(model.module("enc").is_empty());
}

// torch.nn.LSTM(2, 3).double()
#[test]
fn to_kind_converts_the_parameters_of_layer_store_and_optimizer() {
    let _seeded = seeded(0);
    let (vs, mut lstm) = lstm();
    let mut sgd = tch::nn::Sgd::default().build(&vs, 0.1).unwrap();
    let before: Vec<Tensor> = lstm.named_parameters().map(|(_, parameter)| parameter.detach().copy()).collect();
    lstm.to_kind(Kind::Double).unwrap();
    for ((name, parameter), before) in lstm.named_parameters().zip(&before) {
        assert_same_bits(&parameter.detach(), &before.to_kind(Kind::Double), name);
        assert_eq!(vs.variables()[name].kind(), Kind::Double, "{name}");
        assert!(parameter.requires_grad() && parameter.is_leaf(), "{name}");
    }
    let x = Tensor::rand([4, 2, 2], tch::kind::DOUBLE_CPU);
    let (output, state) = lstm.forward(&x, None).unwrap();
    assert_eq!((output.kind(), state.h.kind(), state.c.kind()), (Kind::Double, Kind::Double, Kind::Double));
    sgd.backward_step(&output.sum(Kind::Double));
    for ((name, parameter), before) in lstm.named_parameters().zip(&before) {
        let expected = before.to_kind(Kind::Double) - parameter.grad() * 0.1;
        assert_close(&parameter.detach(), &expected, F64_ROUNDING, name);
    }
    assert_eq!(lstm.to_kind(Kind::Int64).unwrap_err(), Error::NotFloat(Kind::Int64));
    assert_eq!(lstm.named_parameters().next().unwrap().1.kind(), Kind::Double);
}

#[test]
fn to_kind_converts_the_gradients_too() {
    let _seeded = seeded(0);
    let (_vs, mut lstm) = lstm();
    let backward = |lstm: &Lstm, kind| {
        let (output, _) = lstm.forward(&Tensor::ones([4, 2, 2], (kind, Device::Cpu)), None).unwrap();
        output.sum(kind).backward();
    };
    backward(&lstm, Kind::Float);
    let before: Vec<Tensor> = lstm.named_parameters().map(|(_, parameter)| parameter.grad().copy()).collect();
    lstm.to_kind(Kind::Double).unwrap();
    for ((name, parameter), before) in lstm.named_parameters().zip(&before) {
        assert_same_bits(&parameter.grad(), &before.to_kind(Kind::Double), name);
    }
    // The next backward pass adds to the converted gradients.
    let (_vs, mut apart) = self::lstm();
    apart.to_kind(Kind::Double).unwrap();
    tch::no_grad(|| {
        for ((_, copy), (_, parameter)) in apart.named_parameters().zip(lstm.named_parameters()) {
            copy.shallow_clone().copy_(parameter);
        }
    });
    backward(&apart, Kind::Double);
    backward(&lstm, Kind::Double);
    for (((name, parameter), before), (_, apart)) in lstm.named_parameters().zip(&before).zip(apart.named_parameters())
    {
        let sum = before.to_kind(Kind::Double) + apart.grad();
        assert_close(&parameter.grad(), &sum, F64_ROUNDING, name);
    }
    // A parameter without a gradient still has none.
    let (_vs, mut fresh) = self::lstm();
    fresh.to_kind(Kind::Double).unwrap();
    assert!(fresh.named_parameters().all(|(_, parameter)| !parameter.grad().defined()));
}

#[test]
fn moving_to_the_same_device_and_kind_changes_nothing() {
    let _seeded = seeded(0);
    let (_vs, mut lstm) = lstm();
    let addresses = |lstm: &Lstm| lstm.named_parameters().map(|(_, weight)| weight.data_ptr()).collect::<Vec<_>>();
    let before = (addresses(&lstm), bits(&lstm));
    lstm.to(Device::Cpu).unwrap();
    lstm.to_kind(Kind::Float).unwrap();
    lstm.flatten_parameters().unwrap();
    assert!((addresses(&lstm), bits(&lstm)) == before);
}

#[test]
fn an_unavailable_device_leaves_the_layer_unchanged() {
    let _seeded = seeded(0);
    let (_vs, mut lstm) = lstm();
    let before = bits(&lstm);
    if !tch::Cuda::is_available() {
        assert!(lstm.to(Device::Cuda(0)).is_err());
        assert!(bits(&lstm) == before);
        assert!(lstm.named_parameters().all(|(_, parameter)| parameter.device() == Device::Cpu));
    }
}
