//! `AnyRecurrent`, and the traits `Recurrent` and `State`.

use recurrent::{
    AnyRecurrent, AnyState, Backend, GruConfig, LstmConfig, LstmState, PythonKind, Recurrent, Result, RnnConfig, State,
};
use tch::nn::VarStore;
use tch::{Device, Tensor, kind::FLOAT_CPU};

use crate::support::seeded;
use crate::support::tensors::assert_same_bits;

const CLASSES: [&str; 3] = ["RNN", "LSTM", "GRU"];

/// A layer with 3 inputs, 5 features and 2 layers.
fn build(class: &str) -> (VarStore, AnyRecurrent) {
    let vs = VarStore::new(Device::Cpu);
    let layer = match class {
        "RNN" => RnnConfig::new(3, 5).num_layers(2).build(vs.root()).unwrap().into(),
        "LSTM" => LstmConfig::new(3, 5).num_layers(2).build(vs.root()).unwrap().into(),
        _ => GruConfig::new(3, 5).num_layers(2).build(vs.root()).unwrap().into(),
    };
    (vs, layer)
}

/// Output of a second forward pass that starts from the detached state of the first one, and the tensors of its state.
fn two_passes<L: Recurrent>(layer: &L, x: &Tensor) -> Result<(Tensor, Vec<Tensor>)> {
    let (_, state) = layer.forward(x, None)?;
    let state = state.detach();
    assert!(state.tensors().iter().all(|tensor| !tensor.requires_grad()));
    let (output, state) = layer.forward(x, Some(&state))?;
    Ok((output, state.tensors().into_iter().map(Tensor::shallow_clone).collect()))
}

#[test]
fn it_computes_what_the_layer_inside_computes() {
    let x = Tensor::ones([4, 2, 3], FLOAT_CPU);
    for class in CLASSES {
        let _seeded = seeded(0);
        let (_vs, any) = build(class);
        let ours = two_passes(&any, &x).unwrap();
        tch::manual_seed(0);
        let vs = VarStore::new(Device::Cpu);
        let typed = match class {
            "RNN" => two_passes(&RnnConfig::new(3, 5).num_layers(2).build(vs.root()).unwrap(), &x),
            "LSTM" => two_passes(&LstmConfig::new(3, 5).num_layers(2).build(vs.root()).unwrap(), &x),
            _ => two_passes(&GruConfig::new(3, 5).num_layers(2).build(vs.root()).unwrap(), &x),
        }
        .unwrap();
        assert_same_bits(&ours.0, &typed.0, class);
        assert_eq!((ours.1.len(), typed.1.len()), (if class == "LSTM" { 2 } else { 1 }, ours.1.len()));
        for (ours, typed) in ours.1.iter().zip(&typed.1) {
            assert_same_bits(ours, typed, class);
        }
    }
}

#[test]
fn repr_names_and_backend_are_those_of_the_layer_inside() {
    let _seeded = seeded(0);
    for class in CLASSES {
        let (vs, mut any) = build(class);
        assert_eq!(any.to_string(), format!("{class}(3, 5, num_layers=2)"));
        assert_eq!(any.named_parameters().count(), vs.variables().len());
        any.set_backend(Backend::Fused).unwrap();
        assert_eq!(Recurrent::backend(&any), Backend::Fused);
        let saved = any.state_dict();
        any.load_state_dict(&saved, true).unwrap();
    }
}

#[test]
fn a_state_of_another_kind_of_layer_is_an_error() {
    let _seeded = seeded(0);
    let x = Tensor::zeros([4, 2, 3], FLOAT_CPU);
    let state = || Tensor::zeros([2, 2, 5], FLOAT_CPU);
    let packed = recurrent::pack_padded_sequence(&x, &[4, 2], false, true).unwrap();
    for class in CLASSES {
        let (_vs, any) = build(class);
        let (wrong, expected, got) = match class {
            "LSTM" => (AnyState { h: state(), c: None }, 2, 1),
            _ => (AnyState { h: state(), c: Some(state()) }, 1, 2),
        };
        let text = format!("{class}: Expected a state of {expected} tensor(s), got {got}");
        let errors = [
            any.forward(&x, Some(&wrong)).map(drop),
            any.forward_packed(&packed, Some(&wrong)).map(drop),
            any.trace(&x, Some(&wrong)).map(drop),
        ];
        for error in errors {
            let error = error.unwrap_err();
            assert_eq!((error.to_string(), error.python_kind()), (text.clone(), PythonKind::TypeError));
        }
    }
}

#[test]
fn a_detached_state_shares_memory_and_has_no_graph() {
    let _seeded = seeded(0);
    let (_vs, any) = build("LSTM");
    let (_, state) = any.forward(&Tensor::ones([4, 2, 3], FLOAT_CPU), None).unwrap();
    let AnyState { h, c } = state.detach();
    assert_eq!(h.data_ptr(), state.h.data_ptr());
    assert!(state.h.requires_grad() && !h.requires_grad() && !c.unwrap().requires_grad());
    let state = LstmState::from((state.h, state.c.unwrap()));
    assert_eq!(State::detach(&state).h.data_ptr(), h.data_ptr());
}
