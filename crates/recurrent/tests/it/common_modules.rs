//! From PyTorch's torch/testing/_internal/common_modules.py, with the checks of test_modules.py.

use recurrent::pack_padded_sequence;
use tch::{Kind, Tensor};

use crate::support::gradcheck::{gradcheck, gradgradcheck};
use crate::support::layer::{Layer, MODES, Spec, assert_error};
use crate::support::tensors::{assert_close, assert_same_bits, kind, leaf, uniform};
use crate::support::{F64_ROUNDING, seeded};

/// A layer with an input and an optional state.
struct Sample {
    spec: Spec,
    x: Tensor,
    hx: Option<Vec<Tensor>>,
}

/// `module_inputs_torch_nn_RNN_GRU` and `_LSTM`: unbatched input, without and with a state.
fn samples(dtype: &'static str) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (class, nonlinearity) in MODES {
        for proj_size in if class == "LSTM" { vec![Some(0), Some(2)] } else { vec![None] } {
            for options in 0..8 {
                let [bias, batch_first, bidirectional] = [4, 2, 1].map(|bit| options & bit != 0);
                let base =
                    Spec { dtype, nonlinearity, proj_size, bias, batch_first, bidirectional, ..Spec::new(class, 2, 3) };
                let spec = Spec { num_layers: 2, ..base };
                let state = |size| uniform(&[spec.rows(), size], kind(dtype));
                let hx = spec.state_sizes().into_iter().map(state).collect();
                samples.push(Sample { x: uniform(&[2, 2], kind(dtype)), hx: None, spec: spec.clone() });
                samples.push(Sample { x: uniform(&[3, 2], kind(dtype)), hx: Some(hx), spec });
            }
        }
    }
    samples
}

/// `no_batch_dim_reference_rnn_gru` and `_lstm`: an unbatched sequence equals a batch of one.
#[test]
fn test_forward() {
    let _seeded = seeded(0);
    for dtype in ["float32", "float64"] {
        for Sample { spec, x, hx } in samples(dtype) {
            for train in [true, false] {
                let (_vs, mut layer) = spec.build().unwrap();
                if !train {
                    layer.eval();
                }
                let batch_dim = if spec.batch_first { 0 } else { 1 };
                let batched: Option<Vec<Tensor>> = hx.as_ref().map(|hx| hx.iter().map(|h| h.unsqueeze(1)).collect());
                let expected = layer.forward(&x.unsqueeze(batch_dim), batched.as_deref()).unwrap();
                let ours = layer.forward(&x, hx.as_deref()).unwrap();
                for (i, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
                    let expected = expected.squeeze_dim(if i == 0 { batch_dim } else { 1 });
                    assert_same_bits(ours, &expected, &format!("{spec:?}"));
                }
            }
        }
    }
}

/// Packed input runs. With equal lengths the results equal those of the padded batch.
#[test]
fn test_forward_packed() {
    let _seeded = seeded(0);
    for Sample { spec, .. } in samples("float64") {
        let (_vs, layer) = spec.build().unwrap();
        for (batch, lengths) in [(2, &[5, 3][..]), (5, &[5, 3, 3, 2, 2]), (2, &[5, 5])] {
            let x = uniform(&[5, batch, 2], Kind::Double);
            let packed = pack_padded_sequence(&x, lengths, false, true).unwrap();
            let (output, state) = layer.forward_packed(&packed, None).unwrap();
            assert_eq!(output.data.size(), [lengths.iter().sum::<i64>(), spec.directions() * spec.output_size()]);
            if lengths == [5, 5] && !spec.batch_first {
                let expected = layer.forward(&x, None).unwrap();
                assert_close(&output.data.view_as(&expected[0]), &expected[0], F64_ROUNDING, &format!("{spec:?}"));
                assert_close(&state[0], &expected[1], F64_ROUNDING, &format!("{spec:?}"));
            }
        }
    }
}

/// The same numbers, with a gap after each one in memory.
fn spaced(tensor: &Tensor) -> Tensor {
    let spaced = tensor.repeat_interleave_self_int(2, -1, None).slice(-1, None, None, 2);
    assert!(tensor.numel() < 2 || !spaced.is_contiguous());
    spaced
}

#[test]
fn test_non_contiguous_tensors() {
    let _seeded = seeded(0);
    for Sample { spec, x, hx } in samples("float64") {
        let (_vs, layer) = spec.build().unwrap();
        let parameters: Vec<Tensor> = layer.named_parameters().into_iter().map(|(_, parameter)| parameter).collect();
        let hx = hx.unwrap_or_default();
        let run = |lay_out: fn(&Tensor) -> Tensor| {
            let mut inputs: Vec<Tensor> = std::iter::once(&x).chain(&hx).map(leaf).collect();
            let given: Vec<Tensor> = inputs.iter().map(lay_out).collect();
            let results = layer.forward(&given[0], given.get(1..).filter(|hx| !hx.is_empty())).unwrap();
            let weight = |result: &Tensor| lay_out(&Tensor::ones_like(result).cumsum(-1, Kind::Double));
            let sums = results.iter().map(|result| (result * weight(result)).sum(Kind::Double));
            inputs.extend(parameters.iter().map(Tensor::shallow_clone));
            let loss = sums.reduce(|sum, term| sum + term).unwrap();
            let gradients = Tensor::run_backward(&[loss], &inputs, false, false);
            results.into_iter().map(|result| result.detach()).chain(gradients).collect::<Vec<_>>()
        };
        for (ours, expected) in run(spaced).iter().zip(&run(Tensor::shallow_clone)) {
            assert_close(ours, expected, F64_ROUNDING, &format!("{spec:?}"));
        }
    }
}

/// Derivatives with respect to input and state.
#[test]
fn test_grad_and_gradgrad() {
    let _seeded = seeded(0);
    for Sample { spec, x, hx } in
        samples("float64").into_iter().filter(|sample| sample.spec.bias && sample.hx.is_some())
    {
        let (_vs, layer): (_, Layer) = spec.build().unwrap();
        let inputs: Vec<Tensor> = std::iter::once(x).chain(hx.unwrap_or_default()).collect();
        let f = |inputs: &[Tensor]| {
            let squares = layer.forward(&inputs[0], Some(&inputs[1..])).unwrap();
            squares.iter().map(|result| result.square().sum(Kind::Double)).reduce(|sum, term| sum + term).unwrap()
        };
        gradcheck(&format!("{spec:?}"), &inputs, f);
        gradgradcheck(&format!("{spec:?}"), &inputs, f);
    }
}

/// Parameters and output have the requested dtype.
#[test]
fn test_factory_kwargs() {
    let _seeded = seeded(0);
    for dtype in ["float16", "bfloat16", "float32", "float64"] {
        for Sample { spec, x, hx } in samples(dtype) {
            let (_vs, layer) = spec.build().unwrap();
            assert!(layer.named_parameters().iter().all(|(_, parameter)| parameter.kind() == kind(dtype)));
            for result in layer.forward(&x, hx.as_deref()).unwrap() {
                assert_eq!(result.kind(), kind(dtype), "{spec:?}");
            }
        }
    }
}

/// `module_error_inputs_torch_nn_RNN_GRU`, without the cases that Rust's compiler rejects.
#[test]
fn test_errors() {
    let _seeded = seeded(0);
    for class in ["RNN", "LSTM", "GRU"] {
        let fails = |spec: Spec, text| assert_error(spec.build(), "ValueError", text);
        fails(Spec::new(class, 10, 0), "hidden_size must be greater than zero");
        fails(Spec { num_layers: 0, ..Spec::new(class, 10, 10) }, "num_layers must be greater than zero");
        fails(Spec::new(class, 0, 10), "input_size must be greater than zero");
        fails(Spec::new(class, -1, 10), "input_size must be greater than zero");
        for (dtype, other) in [("float32", "float64"), ("float64", "float32"), ("float32", "int64")] {
            let (_vs, layer) = Spec { dtype, ..Spec::new(class, 3, 5) }.build().unwrap();
            let text = format!(
                "RNN input dtype (torch.{other}) does not match weight dtype (torch.{dtype}). Convert input: \
                 input.to(torch.{dtype}), or convert model: model.to(torch.{other})"
            );
            let x = Tensor::ones([2, 4, 3], (kind(other), tch::Device::Cpu));
            assert_error(layer.forward(&x, None), "ValueError", &text);
            let packed = pack_padded_sequence(&x, &[2, 2, 1, 1], false, true).unwrap();
            assert_error(layer.forward_packed(&packed, None), "ValueError", &text);
        }
    }
}
