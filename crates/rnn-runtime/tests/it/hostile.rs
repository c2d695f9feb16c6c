//! Weights and inputs that are damaged or malicious give errors.

use std::sync::Arc;

use ndarray::{Array1, Axis, Ix3, arr0};
use rnn_runtime::pt_file::{DType, Object, StridedView, Tensor, Value};
use rnn_runtime::{
    BatchNorm1d, Conv1d, Conv1dOptions, Embedding, Error, Gru, LayerNorm, Linear, Lstm, Options, Rnn, StateDict, relu,
};

use crate::reference::Network;
use crate::support::state_dict;

/// Tries every layer. Returns the messages of those that cannot be built.
fn build_all(weights: &StateDict) -> Vec<String> {
    let results = [
        Rnn::from_state_dict(weights, Options::default()).map(drop),
        Gru::from_state_dict(weights, Options::default()).map(drop),
        Lstm::from_state_dict(weights, Options::default()).map(drop),
        Linear::from_state_dict(weights).map(drop),
        Embedding::from_state_dict(weights).map(drop),
        Conv1d::from_state_dict(weights, Conv1dOptions::default()).map(drop),
        LayerNorm::from_state_dict(weights).map(drop),
        BatchNorm1d::from_state_dict(weights).map(drop),
    ];
    results.into_iter().filter_map(|result| result.err()).map(|error| error.to_string()).collect()
}

fn of_value(tensors: impl IntoIterator<Item = (&'static str, Tensor)>) -> StateDict {
    StateDict::from_value(&Value::state_dict(tensors)).unwrap()
}

#[test]
fn nan_and_infinity_are_errors() {
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut network = Network::draw("gru", [3, 4, 0], 1, 1, true);
        network.parameters.get_mut("bias_hh_l0").unwrap().1[7] = number;
        let error = Gru::from_state_dict(&network.state_dict(), Options::default()).unwrap_err().to_string();
        assert!(error.contains("\n  bias_hh_l0: element 7 is NaN or infinite\n"), "{error}");
    }
    let weights = of_value([("weight", Tensor::from_slice(&[1e300f64], &[1, 1]).unwrap())]);
    let error = Linear::from_state_dict(&weights).unwrap_err().to_string();
    assert!(error.contains("weight: element 0 is NaN or infinite, or is beyond the range of float32"), "{error}");
}

#[test]
fn wrong_ranks_and_sizes_of_zero_are_errors() {
    for shape in [vec![], vec![0], vec![0, 0], vec![0, 4], vec![12, 0], vec![1; 9], vec![0, 0, 0], vec![1; 3000]] {
        let numbers = vec![0.0; shape.iter().product()];
        let names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0", "weight", "bias"];
        let more = ["weight_ih", "weight_hh", "running_mean", "running_var", "weight_ih_l0_reverse"];
        for some in [&names[..2], &names, &[&names[..], &more].concat(), &more] {
            let weights = state_dict(some.iter().map(|name| (*name, shape.clone(), numbers.clone())));
            let expected = if shape == [1; 9] { 7 } else { 8 }; // a layer norm of nine dimensions is valid
            let expected = if some.contains(&"weight") { expected } else { 8 };
            let messages = build_all(&weights);
            assert!(messages.len() == expected || shape.len() > 9, "{shape:?} {some:?}: {messages:?}");
            assert!(messages.iter().all(|message| message.len() < 10_000), "{shape:?}");
        }
    }
}

#[test]
fn complex_weights_are_errors() {
    let complex = Tensor::from_bytes(DType::C64, &[1, 1], vec![0; 8]).unwrap();
    let error = Linear::from_state_dict(&of_value([("weight", complex)])).unwrap_err().to_string();
    assert!(error.contains("weight: complex64 cannot be converted to float32"), "{error}");
}

#[test]
fn a_huge_view_of_a_small_storage_is_an_error() {
    for shape in [[1 << 30, 1 << 30], [3 << 29, 1 << 29], [1 << 60, 1], [1 << 31, 2], [1 << 13, 1 << 13]] {
        let huge = || {
            let view = StridedView::new(DType::F32, &shape, &[0, 0], 0).unwrap();
            Tensor::new(Arc::new(view), vec![0; 4].into()).unwrap()
        };
        let names = ["weight_ih_l0", "weight_hh_l0", "weight"];
        let messages = build_all(&of_value(names.map(|name| (name, huge()))));
        assert_eq!(messages.len(), 8, "{messages:?}");
        let problem = format!("weight: a view of the shape {shape:?} of a storage with 1 element is too large to copy");
        assert!(messages.iter().any(|message| message.contains(&problem)), "{messages:?}");
    }
}

#[test]
fn absurd_numbers_of_layers_are_errors() {
    for name in ["weight_ih_l4096", "bias_hh_l18446744073709551615", "weight_hh_l99999999999999999999999"] {
        let mut network = Network::draw("gru", [3, 4, 0], 1, 1, true);
        network.parameters.insert(name.to_owned(), (vec![1], vec![0.0]));
        let built = Gru::from_state_dict(&network.state_dict(), Options::default());
        match built {
            Err(error) => assert!(error.to_string().contains("a layer must have a number below 4096"), "{error}"),
            Ok(gru) => assert_eq!(gru.num_layers(), 1, "{name}: no number of 64 bits, so another tensor"),
        }
    }
}

#[test]
fn many_tensors_with_a_long_common_name_are_an_error() {
    let mut object = Object::new("a", "B");
    object.items = (0..70).map(|_| Value::from(Tensor::scalar(0f32))).collect();
    let value = Value::dict([("n".repeat(1 << 20), Value::Object(Box::new(object)))]);
    let error = StateDict::from_value(&value).unwrap_err();
    assert!(matches!(error, Error::NamesTooLong { .. }));
    assert_eq!(
        error.to_string(),
        "the names of the tensors take more than 67108864 bytes; the file is damaged or malicious"
    );
}

#[test]
fn a_huge_input_is_an_error() {
    let network = Network::draw("gru", [1, 4, 0], 1, 1, true);
    let gru = Gru::from_state_dict(&network.state_dict(), Options::default()).unwrap();
    let zero = arr0(0f32);
    let huge = |shape: [usize; 3]| zero.broadcast(shape).unwrap();
    for shape in [[1 << 40, 1, 1], [1, 1 << 40, 1], [1 << 20, 1 << 39, 1]] {
        let x = huge(shape);
        assert!(matches!(gru.forward(x, None), Err(Error::OutOfMemory { .. })), "{shape:?}");
        assert!(matches!(gru.trace(x, None), Err(Error::OutOfMemory { .. })), "{shape:?}");
        let lengths = vec![shape[0]; shape[1].min(2)];
        let result = gru.forward_lengths(x, &lengths, None);
        assert!(matches!(result, Err(Error::OutOfMemory { .. } | Error::LengthsCount { .. })), "{shape:?}");
        assert!(matches!(relu(x), Err(Error::OutOfMemory { .. })), "{shape:?}");
    }
    assert!(matches!(gru.zero_state(1 << 60), Err(Error::OutOfMemory { .. })));
    let conv = state_dict([("weight", vec![1, 1, 1], vec![1.0])]);
    for options in [Conv1dOptions::default().padding(usize::MAX), Conv1dOptions::default().padding(1 << 60)] {
        let conv = Conv1d::from_state_dict(&conv, options).unwrap();
        assert!(matches!(conv.forward(huge([1, 1, 1])), Err(Error::OutOfMemory { .. })));
    }
    let embedding = Embedding::from_state_dict(&state_dict([("weight", vec![1, 8], vec![1.0; 8])])).unwrap();
    let zero = arr0(0);
    assert!(matches!(embedding.forward(zero.broadcast(1 << 59).unwrap()), Err(Error::OutOfMemory { .. })));
}

#[test]
fn nan_in_the_input_is_in_the_output() {
    let network = Network::draw("lstm", [3, 4, 0], 1, 1, true);
    let lstm = Lstm::from_state_dict(&network.state_dict(), Options::default()).unwrap();
    let mut x = ndarray::Array3::zeros(Ix3(2, 2, 3));
    x[[0, 1, 2]] = f32::NAN;
    let (output, _) = lstm.forward(x.view(), None).unwrap();
    assert!(output.index_axis(Axis(1), 1).iter().all(|x| x.is_nan()));
    assert!(output.index_axis(Axis(1), 0).iter().all(|x| x.is_finite()));
    assert!(relu(Array1::from_elem(1, f32::NAN).view()).unwrap()[0].is_nan());
}
