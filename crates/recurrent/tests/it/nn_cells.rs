//! Cells: tests from PyTorch's test_nn.py and common_modules.py, and a comparison with the layers.

use recurrent::{Error, GruCell, PythonKind, RnnCell};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor, kind::FLOAT_CPU};

use crate::support::cell::{CELLS, Cell, CellSpec};
use crate::support::gradcheck::gradcheck;
use crate::support::layer::{Spec, assert_error};
use crate::support::tensors::{assert_close, assert_same_bits, kind, uniform};
use crate::support::{F64_ROUNDING, alone, seeded};

fn randn(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, FLOAT_CPU)
}

/// Six steps with the same input, and a backward pass.
fn six_steps(spec: &CellSpec) {
    let _seeded = seeded(0);
    for bias in [true, false] {
        let (_vs, cell) = CellSpec { bias, ..spec.clone() }.build().unwrap();
        let x = randn(&[3, 10]);
        let mut hx: Vec<Tensor> = (0..spec.states()).map(|_| randn(&[3, 20])).collect();
        for _ in 0..6 {
            hx = cell.forward(&x, Some(&hx)).unwrap();
        }
        hx.into_iter().reduce(|sum, state| sum + state).unwrap().sum(Kind::Float).backward();
        for (name, parameter) in cell.named_parameters() {
            assert_eq!(parameter.grad().size(), parameter.size(), "{name} of {spec:?}");
        }
    }
}

#[test]
fn test_RNN_cell() {
    six_steps(&CellSpec::new("RNNCell", 10, 20));
    six_steps(&CellSpec::new("GRUCell", 10, 20));
}

#[test]
fn test_LSTM_cell() {
    six_steps(&CellSpec::new("LSTMCell", 10, 20));
}

#[test]
fn test_RNN_cell_forward_zero_hidden_size() {
    let _seeded = seeded(0);
    for (class, nonlinearity) in CELLS {
        let (_vs, cell) = CellSpec { nonlinearity, ..CellSpec::new(class, 10, 0) }.build().unwrap();
        let hx = [randn(&[3, 0]), randn(&[3, 0])];
        assert_eq!(cell.forward(&randn(&[3, 10]), Some(&hx)).unwrap()[0].size(), [3, 0]);
    }
}

/// Asserts that a call with the state shape `h` fails with `text`. In an LSTM's state, h and c have that shape in turn.
fn fails(spec: &CellSpec, x: &[i64], h: &[i64], text: &str) {
    let (_vs, cell) = spec.build().unwrap();
    for wrong in 0..spec.states() {
        let hx: Vec<Tensor> = (0..spec.states()).map(|i| randn(if i == wrong { h } else { &[3, 20] })).collect();
        let text = text.replace("hidden#", &format!("hidden{wrong}"));
        assert_error(cell.forward(&randn(x), Some(&hx)), "RuntimeError", &text);
    }
}

#[test]
fn test_RNN_cell_no_broadcasting() {
    let _seeded = seeded(0);
    for (class, nonlinearity) in CELLS {
        let spec = CellSpec { nonlinearity, ..CellSpec::new(class, 10, 20) };
        fails(&spec, &[3, 10], &[1, 20], "Input batch size 3 doesn't match hidden# batch size 1");
        fails(&spec, &[3, 10], &[3, 1], "hidden# has inconsistent hidden_size: got 1, expected 20");
        fails(&spec, &[3, 1], &[3, 20], "input has inconsistent input_size: got 1 expected 10");
    }
}

/// test_LSTM_cell_forward_input_size, test_LSTM_cell_forward_hidden_size and `module_error_inputs_torch_nn_.._Cell`.
#[test]
fn module_error_inputs() {
    let _seeded = seeded(0);
    for (class, nonlinearity) in CELLS {
        let spec = CellSpec { nonlinearity, ..CellSpec::new(class, 10, 20) };
        fails(&spec, &[3, 11], &[3, 20], "input has inconsistent input_size: got 11 expected 10");
        fails(&spec, &[3, 10], &[3, 21], "hidden# has inconsistent hidden_size: got 21, expected 20");
        fails(&spec, &[3, 10], &[5, 20], "Input batch size 3 doesn't match hidden# batch size 5");

        let (_vs, cell) = spec.build().unwrap();
        let text = format!("{class}: Expected input to be 1D or 2D, got 3D instead");
        assert_error(cell.forward(&randn(&[1, 3, 10]), None), "ValueError", &text);
        let which = if class == "LSTMCell" { "hx[0]" } else { "hidden" };
        let text = format!("{class}: Expected {which} to be 1D or 2D, got 4D instead");
        let hx = [randn(&[3, 1, 1, 20]), randn(&[3, 20])];
        assert_error(cell.forward(&randn(&[3, 10]), Some(&hx)), "ValueError", &text);
    }
}

#[test]
fn test_lstmcell_backward_only_one_output_grad() {
    let _seeded = seeded(0);
    let (_vs, cell) = CellSpec { dtype: "float64", ..CellSpec::new("LSTMCell", 2, 3) }.build().unwrap();
    for output in 0..2 {
        let x = uniform(&[1, 2], Kind::Double);
        gradcheck("LSTMCell", &[x], |inputs| cell.forward(&inputs[0], None).unwrap()[output].sum(Kind::Double));
    }
}

/// `module_inputs_torch_nn_.._Cell`
#[test]
fn an_unbatched_step_equals_a_batch_of_one() {
    let _seeded = seeded(0);
    for dtype in ["float16", "bfloat16", "float32", "float64"] {
        for (class, nonlinearity) in CELLS {
            let spec = CellSpec { nonlinearity, dtype, ..CellSpec::new(class, 5, 10) };
            let (_vs, cell) = spec.build().unwrap();
            let x = uniform(&[5], kind(dtype));
            let hx: Vec<Tensor> = (0..spec.states()).map(|_| uniform(&[10], kind(dtype))).collect();
            let batch: Vec<Tensor> = hx.iter().map(|state| state.unsqueeze(0)).collect();
            let expected = cell.forward(&x.unsqueeze(0), Some(&batch)).unwrap();
            for (ours, expected) in cell.forward(&x, Some(&hx)).unwrap().iter().zip(expected) {
                assert_same_bits(ours, &expected.squeeze_dim(0), class);
            }
            let zeros: Vec<Tensor> = hx.iter().map(Tensor::zeros_like).collect();
            let given = cell.forward(&x, Some(&zeros)).unwrap();
            for (ours, expected) in cell.forward(&x, None).unwrap().iter().zip(&given) {
                assert_same_bits(ours, expected, class);
            }
        }
    }
}

/// Cell and layer of torch itself differ in the last bits (3e-8 in f32). So this test uses f64 and a tolerance.
#[test]
fn a_loop_over_a_cell_equals_a_layer() {
    let _seeded = seeded(0);
    for (class, nonlinearity) in CELLS {
        let layer_class = class.strip_suffix("Cell").unwrap();
        let spec = Spec { nonlinearity, dtype: "float64", ..Spec::new(layer_class, 3, 4) };
        let (_vs, layer) = spec.build().unwrap();
        let (_other_vs, mut cell) =
            CellSpec { nonlinearity, dtype: "float64", ..CellSpec::new(class, 3, 4) }.build().unwrap();
        let cells_own = |(name, weight): (String, Tensor)| (name.strip_suffix("_l0").unwrap().to_owned(), weight);
        let weights = layer.named_parameters().into_iter().map(cells_own).collect();
        crate::each_cell!(&mut cell, cell => cell.load_state_dict(&weights, true)).unwrap();

        let x = uniform(&[6, 2, 3], Kind::Double);
        let mut state: Option<Vec<Tensor>> = None;
        let step = |x: Tensor| {
            state = Some(cell.forward(&x, state.as_deref()).unwrap());
            state.as_ref().unwrap()[0].shallow_clone()
        };
        let output = Tensor::stack(&x.unbind(0).into_iter().map(step).collect::<Vec<_>>(), 0);
        let expected = layer.forward(&x, None).unwrap();
        assert_close(&output, &expected[0], F64_ROUNDING, class);
        for (ours, expected) in state.unwrap().iter().zip(&expected[1..]) {
            assert_close(ours, &expected.get(0), F64_ROUNDING, class);
        }
    }
}

// repr(torch.nn.RNNCell(3, 5, bias=False, nonlinearity='relu')) and so on
#[test]
fn test_repr() {
    let _alone = alone();
    let relu = Some("relu");
    let cases = [
        (CellSpec::new("RNNCell", 3, 5), "RNNCell(3, 5)"),
        (
            CellSpec { bias: false, nonlinearity: relu, ..CellSpec::new("RNNCell", 3, 5) },
            "RNNCell(3, 5, bias=False, nonlinearity=relu)",
        ),
        (CellSpec::new("LSTMCell", 3, 5), "LSTMCell(3, 5)"),
        (CellSpec { bias: false, ..CellSpec::new("GRUCell", 3, 5) }, "GRUCell(3, 5, bias=False)"),
    ];
    for (spec, expected) in cases {
        let (_vs, cell): (_, Cell) = spec.build().unwrap();
        assert_eq!(crate::each_cell!(&cell, cell => cell.to_string()), expected);
    }
}

#[test]
fn building_twice_on_one_path_is_an_error() {
    let _alone = alone();
    let vs = VarStore::new(Device::Cpu);
    RnnCell::new(vs.root(), 3, 5).unwrap();
    let error = GruCell::new(vs.root(), 3, 5).unwrap_err();
    assert_eq!(error, Error::DuplicateParameter("weight_ih".into()));
    assert_eq!(vs.variables().len(), 4);
}

// torch.nn.RNNCell(3, -1)
#[test]
fn a_negative_size_is_libtorchs_error() {
    let vs = VarStore::new(Device::Cpu);
    let error = RnnCell::new(vs.root(), 3, -1).unwrap_err();
    assert_eq!(error.to_string(), "Trying to create tensor with negative dimension -1: [-1, 3]");
    assert_eq!(error.python_kind(), PythonKind::RuntimeError);
    assert!(vs.variables().is_empty());
}
