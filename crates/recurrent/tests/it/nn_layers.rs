//! From PyTorch's test/test_nn.py: checks, initial states and gradients of the layers.

use tch::{Kind, Tensor, kind::FLOAT_CPU};

use crate::support::gradcheck::{gradcheck, gradgradcheck};
use crate::support::layer::{Layer, Spec, assert_error};
use crate::support::seeded;
use crate::support::tensors::{assert_close, assert_same_bits, leaf, uniform};

const CLASSES: [&str; 3] = ["RNN", "LSTM", "GRU"];

fn randn(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, FLOAT_CPU)
}

/// A state of zeros with these shapes: h, and c for an LSTM.
fn state(class: &str, h: [i64; 3], c: [i64; 3]) -> Vec<Tensor> {
    let shapes = if class == "LSTM" { vec![h, c] } else { vec![h] };
    shapes.into_iter().map(|shape| Tensor::zeros(shape, FLOAT_CPU)).collect()
}

#[test]
fn test_rnn_args_check() {
    let _seeded = seeded(0);
    for class in CLASSES {
        let (_vs, layer) = Spec { num_layers: 2, ..Spec::new(class, 3, 5) }.build().unwrap();
        let forward = |x: [i64; 3], h, c| layer.forward(&randn(&x), Some(&state(class, h, c)));
        let ok = [2, 4, 5];
        assert!(forward([6, 4, 3], ok, ok).is_ok());

        let hidden = if class == "LSTM" { "hidden[0]" } else { "hidden" };
        let size = |expected, got: [i64; 3]| format!("Expected {hidden} size {expected}, got {got:?}");
        let fails = |x, h, c, text: &str| assert_error(forward(x, h, c), "RuntimeError", text);
        // wrong: the batch of the input, of the state; the features of the input, of the state; the rows of the state
        fails([6, 7, 3], ok, ok, &size("(2, 7, 5)", ok));
        fails([6, 4, 3], [2, 7, 5], [2, 7, 5], &size("(2, 4, 5)", [2, 7, 5]));
        fails([6, 4, 7], ok, ok, "input.size(-1) must be equal to input_size. Expected 3, got 7");
        fails([6, 4, 3], [2, 4, 7], [2, 4, 7], &size("(2, 4, 5)", [2, 4, 7]));
        fails([6, 4, 3], [7, 4, 5], [7, 4, 5], &size("(2, 4, 5)", [7, 4, 5]));
        if class == "LSTM" {
            fails([6, 4, 3], [2, 7, 5], ok, "Expected hidden[0] size (2, 4, 5), got [2, 7, 5]");
            fails([6, 4, 3], ok, [2, 7, 5], "Expected hidden[1] size (2, 4, 5), got [2, 7, 5]");
            fails([6, 4, 3], ok, [2, 4, 7], "Expected hidden[1] size (2, 4, 5), got [2, 4, 7]");
            fails([6, 4, 3], ok, [7, 4, 5], "Expected hidden[1] size (2, 4, 5), got [7, 4, 5]");
        }
    }
}

#[test]
fn test_projections_lstm_args_check() {
    let _seeded = seeded(0);
    let (_vs, lstm) = Spec { num_layers: 2, proj_size: Some(2), ..Spec::new("LSTM", 3, 5) }.build().unwrap();
    let forward = |x: [i64; 3], h, c| lstm.forward(&randn(&x), Some(&state("LSTM", h, c)));
    let (x, h, c) = ([6, 4, 3], [2, 4, 2], [2, 4, 5]);
    assert!(forward(x, h, c).is_ok());
    let cases = [
        ([6, 7, 3], h, c, "Expected hidden[0] size (2, 7, 2), got [2, 4, 2]"),
        ([6, 4, 7], h, c, "input.size(-1) must be equal to input_size. Expected 3, got 7"),
        (x, [2, 7, 2], c, "Expected hidden[0] size (2, 4, 2), got [2, 7, 2]"),
        (x, h, [2, 7, 5], "Expected hidden[1] size (2, 4, 5), got [2, 7, 5]"),
        (x, [2, 4, 5], c, "Expected hidden[0] size (2, 4, 2), got [2, 4, 5]"), // hidden_size instead of proj_size
        (x, h, [2, 4, 2], "Expected hidden[1] size (2, 4, 5), got [2, 4, 2]"), // proj_size instead of hidden_size
        (x, [5, 4, 2], c, "Expected hidden[0] size (2, 4, 2), got [5, 4, 2]"),
        (x, [7, 4, 2], c, "Expected hidden[0] size (2, 4, 2), got [7, 4, 2]"),
        (x, h, [7, 4, 5], "Expected hidden[1] size (2, 4, 5), got [7, 4, 5]"),
    ];
    for (x, h, c, text) in cases {
        assert_error(forward(x, h, c), "RuntimeError", text);
    }
}

#[test]
fn test_rnn_initial_hidden_state() {
    let _seeded = seeded(0);
    for class in CLASSES {
        let spec = Spec { num_layers: 2, ..Spec::new(class, 30, 20) };
        zeros_are_the_default(&spec, [2, 32, 20], [2, 32, 20]);
    }
}

#[test]
fn test_projections_lstm_initial_hidden_state() {
    let _seeded = seeded(0);
    for bidirectional in [false, true] {
        let spec = Spec { num_layers: 2, bidirectional, proj_size: Some(10), ..Spec::new("LSTM", 30, 20) };
        zeros_are_the_default(&spec, [spec.rows(), 32, 10], [spec.rows(), 32, 20]);
    }
}

fn zeros_are_the_default(spec: &Spec, h: [i64; 3], c: [i64; 3]) {
    let (_vs, layer) = spec.build().unwrap();
    let x = randn(&[10, 32, 30]);
    let given = layer.forward(&x, Some(&state(spec.class, h, c))).unwrap();
    let default = layer.forward(&x, None).unwrap();
    for (given, default) in given.iter().zip(&default) {
        assert_same_bits(given, default, &format!("{spec:?}"));
    }
}

// The name is PyTorch's; the checks are the same on the CPU.
#[test]
fn test_cudnn_forward_exception() {
    let _seeded = seeded(0);
    let layers = [
        (Spec::new("LSTM", 10, 20), "Expected hidden[0] size (1, 2, 20), got [1, 2, 19]"),
        (
            Spec { proj_size: Some(10), ..Spec::new("LSTM", 10, 20) },
            "Expected hidden[0] size (1, 2, 10), got [1, 2, 19]",
        ),
        (Spec::new("GRU", 10, 20), "Expected hidden size (1, 2, 20), got [1, 2, 19]"),
        (Spec::new("RNN", 10, 20), "Expected hidden size (1, 2, 20), got [1, 2, 19]"),
    ];
    for (spec, text) in layers {
        let (_vs, layer) = Spec { batch_first: true, ..spec.clone() }.build().unwrap();
        let wrong = state(spec.class, [1, 2, 19], [1, 2, 19]);
        assert_error(layer.forward(&randn(&[2, 3, 10]), Some(&wrong)), "RuntimeError", text);
        let text = "input.size(-1) must be equal to input_size. Expected 10, got 3";
        assert_error(layer.forward(&randn(&[2, 3, 3]), None), "RuntimeError", text);
    }
}

#[test]
fn test_error_RNN_seq_len_zero() {
    let _seeded = seeded(0);
    for class in CLASSES {
        for bidirectional in [true, false] {
            let (_vs, layer) = Spec { bidirectional, ..Spec::new(class, 5, 6) }.build().unwrap();
            let empty = Tensor::ones([0, 10, 5], FLOAT_CPU);
            let text = "Expected sequence length to be larger than 0 in RNN";
            assert_error(layer.forward(&empty, None), "RuntimeError", text);
        }
    }
}

#[test]
fn test_RNN_input_size_zero() {
    let _seeded = seeded(0);
    for class in CLASSES {
        let (_vs, layer) = Spec::new(class, 3, 4).build().unwrap();
        let results = layer.forward(&Tensor::zeros([5, 0, 3], FLOAT_CPU), None).unwrap();
        assert_eq!((results[0].size(), results[1].size()), (vec![5, 0, 4], vec![1, 0, 4]));
        results[0].sum(Kind::Float).backward();
        for (name, parameter) in layer.named_parameters() {
            assert_eq!(parameter.grad().size(), parameter.size(), "{class} {name}");
        }
    }
}

#[test]
fn test_rnn_retain_variables() {
    let _seeded = seeded(0);
    for dtype in ["float32", "float64"] {
        for class in CLASSES {
            let (_vs, layer) = Spec { num_layers: 2, dtype, ..Spec::new(class, 10, 20) }.build().unwrap();
            let kind = crate::support::tensors::kind(dtype);
            let x = leaf(&uniform(&[5, 6, 10], kind));
            let output = &layer.forward(&x, None).unwrap()[0];
            let mut leaves = vec![x];
            leaves.extend(layer.named_parameters().into_iter().map(|(_, parameter)| parameter));
            let gradients = || Tensor::run_backward(&[output.sum(kind)], &leaves, true, false);
            let first = gradients();
            for _ in 0..4 {
                for (again, first) in gradients().iter().zip(&first) {
                    assert_same_bits(again, first, class);
                }
            }
        }
    }
}

#[test]
fn test_LSTM_grad_and_gradgrad() {
    for proj_size in [None, Some(2)] {
        grad_and_gradgrad(&Spec { proj_size, dtype: "float64", ..Spec::new("LSTM", 4, 4) });
    }
}

#[test]
fn test_GRU_grad_and_gradgrad() {
    grad_and_gradgrad(&Spec { dtype: "float64", ..Spec::new("GRU", 4, 4) });
}

#[test]
fn test_RNN_grad_and_gradgrad() {
    grad_and_gradgrad(&Spec { dtype: "float64", ..Spec::new("RNN", 4, 4) });
}

/// Derivatives with respect to the input, with and without biases.
fn grad_and_gradgrad(spec: &Spec) {
    let _seeded = seeded(0);
    for bias in [true, false] {
        let (_vs, layer): (_, Layer) = Spec { bias, ..spec.clone() }.build().unwrap();
        let f = |inputs: &[Tensor]| layer.forward(&inputs[0], None).unwrap()[0].square().sum(Kind::Double);
        let x = uniform(&[1, 3, 4], Kind::Double);
        gradcheck(spec.class, std::slice::from_ref(&x), f);
        gradgradcheck(spec.class, &[x], f);
    }
}

/// Compares second derivatives in f32, where libtorch may use oneDNN, with those in f64, where it never does. libtorch's rounding
/// errors here are 1e-6 to 1e-5 of the largest value.
#[test]
fn test_LSTM_differentiable_backward_using_oneDNN() {
    let _seeded = seeded(0);
    let spec = Spec { num_layers: 20, batch_first: true, ..Spec::new("LSTM", 3, 3) };
    let (_vs, mut layer) = spec.build().unwrap();
    let x = uniform(&[10, 12, 3], Kind::Float);
    let mut second_derivatives = |kind: Kind| {
        crate::each!(&mut layer, layer => layer.to_kind(kind)).unwrap();
        let x = leaf(&x.to_kind(kind));
        let loss = layer.forward(&x, None).unwrap()[0].square().sum(kind);
        let first = Tensor::run_backward(&[loss], &[&x], true, true).remove(0);
        let mut leaves = vec![x];
        leaves.extend(layer.named_parameters().into_iter().map(|(_, parameter)| parameter));
        Tensor::run_backward(&[first.square().sum(kind)], &leaves, false, false)
    };
    let (single, double) = (second_derivatives(Kind::Float), second_derivatives(Kind::Double));
    for (single, double) in single.iter().zip(&double) {
        let scale = double.abs().max().double_value(&[]); // after twenty layers the gradient is small
        assert_close(&(single.to_kind(Kind::Double) / scale), &(double / scale), 1e-3, "second derivative");
    }
}
