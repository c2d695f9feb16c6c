//! `trace`: it equals `forward`, and its gates satisfy torch's equations.

use std::collections::HashMap;

use recurrent::{LstmState, Result, Trace};
use tch::{Kind, Tensor};

use crate::support::layer::{Layer, MODES, Spec, assert_error, in_float64};
use crate::support::tensors::{assert_close, kind, leaf, uniform};
use crate::support::{F64_ROUNDING, JUDGE, seeded};

type Gates = HashMap<&'static str, Tensor>;

/// The output, h and, for an LSTM, c; and the gates of each layer and direction.
pub fn trace(layer: &Layer, x: &Tensor, hx: Option<&[Tensor]>) -> Result<(Vec<Tensor>, Vec<Gates>)> {
    let (layers, bidirectional) = crate::each!(layer, layer => (layer.num_layers(), layer.bidirectional()));
    let directions = if bidirectional { 2 } else { 1 };
    match layer {
        Layer::Rnn(rnn) => {
            let trace = rnn.trace(x, hx.map(|hx| &hx[0]))?;
            Ok((vec![trace.output.shallow_clone(), trace.state.shallow_clone()], gates(&trace, layers, directions)?))
        }
        Layer::Gru(gru) => {
            let trace = gru.trace(x, hx.map(|hx| &hx[0]))?;
            Ok((vec![trace.output.shallow_clone(), trace.state.shallow_clone()], gates(&trace, layers, directions)?))
        }
        Layer::Lstm(lstm) => {
            let hx = hx.map(|hx| LstmState::from((hx[0].shallow_clone(), hx[1].shallow_clone())));
            let trace = lstm.trace(x, hx.as_ref())?;
            let LstmState { h, c } = trace.state.shallow_clone();
            Ok((vec![trace.output.shallow_clone(), h, c], gates(&trace, layers, directions)?))
        }
    }
}

fn gates<S>(trace: &Trace<S>, layers: i64, directions: usize) -> Result<Vec<Gates>> {
    let rows = (0..layers as usize).flat_map(|layer| (0..directions).map(move |direction| (layer, direction)));
    let copy = |(name, gate): (&'static str, &Tensor)| (name, gate.shallow_clone());
    rows.map(|(layer, direction)| Ok(trace.gates(layer, direction)?.map(copy).collect())).collect()
}

/// Every combination of options.
fn specs(dtype: &'static str) -> Vec<Spec> {
    let mut specs = Vec::new();
    for (class, nonlinearity) in MODES {
        for proj_size in if class == "LSTM" { vec![None, Some(2)] } else { vec![None] } {
            for options in 0..8 {
                let [bias, bidirectional, batch_first] = [4, 2, 1].map(|bit| options & bit == 0);
                for num_layers in [1, 3] {
                    let base = Spec { dtype, nonlinearity, proj_size, num_layers, ..Spec::new(class, 3, 4) };
                    specs.push(Spec { bias, bidirectional, batch_first, ..base });
                }
            }
        }
    }
    specs
}

/// An input of 5 steps and a state for it: a batch of 2, or unbatched.
fn sample(spec: &Spec, batched: bool) -> (Tensor, Vec<Tensor>) {
    let kind = kind(spec.dtype);
    let x: &[i64] = match (batched, spec.batch_first) {
        (false, _) => &[5, 3],
        (true, false) => &[5, 2, 3],
        (true, true) => &[2, 5, 3],
    };
    let state = |size| if batched { vec![spec.rows(), 2, size] } else { vec![spec.rows(), size] };
    (uniform(x, kind), spec.state_sizes().into_iter().map(|size| uniform(&state(size), kind)).collect())
}

#[test]
fn output_and_state_equal_forwards() {
    let _seeded = seeded(0);
    for dtype in ["float32", "float64"] {
        for spec in specs(dtype) {
            let (_vs, layer) = spec.build().unwrap();
            let double = in_float64(&spec, &layer);
            for batched in [true, false] {
                let (x, hx) = sample(&spec, batched);
                for hx in [None, Some(&hx[..])] {
                    let (traced, _) = trace(&layer, &x, hx).unwrap();
                    let expected = layer.forward(&x, hx).unwrap();
                    assert_eq!(traced.len(), expected.len());
                    if dtype == "float32" {
                        let hx: Option<Vec<_>> = hx.map(|hx| hx.iter().map(|h| h.to_kind(Kind::Double)).collect());
                        let truth = double.forward(&x.to_kind(Kind::Double), hx.as_deref()).unwrap();
                        JUDGE.assert(&format!("{spec:?}"), &truth, &expected, &traced);
                        continue;
                    }
                    for (traced, expected) in traced.iter().zip(&expected) {
                        assert_close(traced, expected, F64_ROUNDING, &format!("{spec:?}"));
                    }
                }
            }
        }
    }
}

/// The sequence delayed by one step in the reading direction. It starts with the initial state.
fn shifted(sequence: &Tensor, first: &Tensor, reverse: bool) -> Tensor {
    let (steps, first) = (sequence.size()[0], first.unsqueeze(0));
    if reverse {
        Tensor::cat(&[sequence.narrow(0, 1, steps - 1), first], 0)
    } else {
        Tensor::cat(&[first, sequence.narrow(0, 0, steps - 1)], 0)
    }
}

/// The contributions of x and of h to each gate, before the nonlinearity.
fn parts(layer: &Layer, suffix: &str, x: &Tensor, h: &Tensor, count: i64) -> [Vec<Tensor>; 2] {
    ["ih", "hh"].map(|which| {
        let (weight, bias) = (format!("weight_{which}_{suffix}"), format!("bias_{which}_{suffix}"));
        let input = if which == "ih" { x } else { h };
        input.linear(&layer.parameter(&weight), Some(layer.parameter(&bias))).chunk(count, -1)
    })
}

/// Checks each equation on whole sequences of the returned gates.
#[test]
fn gates_satisfy_the_equations() {
    let _seeded = seeded(0);
    let full = |spec: &Spec| spec.bias && spec.bidirectional && !spec.batch_first && spec.num_layers == 3;
    for spec in specs("float64").into_iter().filter(full) {
        let (_vs, layer) = spec.build().unwrap();
        let (mut x, hx) = sample(&spec, true);
        let (traced, gates) = trace(&layer, &x, Some(&hx)).unwrap();
        assert_eq!(gates.len(), spec.rows() as usize);
        for number in 0..spec.num_layers {
            let mut outputs = Vec::new();
            for (direction, suffix) in ["", "_reverse"].iter().enumerate() {
                let row = number * 2 + direction as i64;
                let before =
                    |name: &str, state: &Tensor| shifted(&gates[row as usize][name], &state.get(row), direction == 1);
                let h = before("h", &hx[0]);
                let c = hx.get(1).map(|c| before("c", c));
                let suffix = format!("l{number}{suffix}");
                let expected = equations(&spec, &layer, &suffix, &x, &h, c.as_ref());
                for (name, expected) in expected {
                    assert_close(
                        &gates[row as usize][name],
                        &expected,
                        F64_ROUNDING,
                        &format!("{name} of {suffix}, {spec:?}"),
                    );
                }
                outputs.push(gates[row as usize]["h"].shallow_clone());
            }
            x = Tensor::cat(&outputs, -1);
        }
        assert_close(&traced[0], &x, 0.0, "the output is h of the last layer");
    }
}

/// Each gate, computed by torch's equations from the layer's input and the states of the step before.
fn equations(
    spec: &Spec,
    layer: &Layer,
    suffix: &str,
    x: &Tensor,
    h: &Tensor,
    c: Option<&Tensor>,
) -> Vec<(&'static str, Tensor)> {
    let sum = |parts: &[Vec<Tensor>; 2], i: usize| &parts[0][i] + &parts[1][i];
    match spec.class {
        "RNN" => {
            let a = sum(&parts(layer, suffix, x, h, 1), 0);
            let h = if spec.nonlinearity == Some("relu") { a.relu() } else { a.tanh() };
            vec![("a", a), ("h", h)]
        }
        "LSTM" => {
            let parts = parts(layer, suffix, x, h, 4);
            let (i, f) = (sum(&parts, 0).sigmoid(), sum(&parts, 1).sigmoid());
            let (g, o) = (sum(&parts, 2).tanh(), sum(&parts, 3).sigmoid());
            let c = &f * c.unwrap() + &i * &g;
            let mut h = &o * c.tanh();
            if spec.proj_size.is_some() {
                h = h.matmul(&layer.parameter(&format!("weight_hr_{suffix}")).tr());
            }
            vec![("i", i), ("f", f), ("g", g), ("o", o), ("c", c), ("h", h)]
        }
        _ => {
            let parts = parts(layer, suffix, x, h, 3);
            let (r, z) = (sum(&parts, 0).sigmoid(), sum(&parts, 1).sigmoid());
            let n = (&parts[0][2] + &r * &parts[1][2]).tanh();
            let h = (1.0 - &z) * &n + &z * h;
            vec![("r", r), ("z", z), ("n", n), ("h", h)]
        }
    }
}

#[test]
fn gradients_equal_forwards() {
    let _seeded = seeded(0);
    for spec in specs("float64").into_iter().filter(|spec| spec.bidirectional && spec.num_layers == 3) {
        let (_vs, layer) = spec.build().unwrap();
        let (x, _) = sample(&spec, true);
        let gradients = |run: &dyn Fn(&Tensor) -> Vec<Tensor>| {
            let mut leaves = vec![leaf(&x)];
            let results = run(&leaves[0]);
            leaves.extend(layer.named_parameters().into_iter().map(|(_, parameter)| parameter));
            let squares = results.iter().map(|result| result.square().sum(Kind::Double));
            Tensor::run_backward(&[squares.reduce(|sum, term| sum + term).unwrap()], &leaves, false, false)
        };
        let traced = gradients(&|x| trace(&layer, x, None).unwrap().0);
        let expected = gradients(&|x| layer.forward(x, None).unwrap());
        for (traced, expected) in traced.iter().zip(&expected) {
            assert_close(traced, expected, F64_ROUNDING, &format!("{spec:?}"));
        }
    }
}

/// Also checks that dropout is off.
#[test]
fn gates_have_the_dimension_order_of_the_input() {
    let _seeded = seeded(0);
    for (batch_first, batched, shape) in
        [(false, true, vec![5, 2, 4]), (true, true, vec![2, 5, 4]), (true, false, vec![5, 4])]
    {
        let spec = Spec { batch_first, num_layers: 3, dropout: 1.0, proj_size: Some(2), ..Spec::new("LSTM", 3, 4) };
        let spec = Spec { dtype: "float64", ..spec };
        let (_vs, mut layer) = spec.build().unwrap();
        let (x, _) = sample(&spec, batched);
        let (traced, gates) = trace(&layer, &x, None).unwrap();
        for (name, gate) in gates.iter().flatten() {
            let features = if *name == "h" { 2 } else { 4 };
            assert_eq!(gate.size(), [&shape[..shape.len() - 1], &[features]].concat(), "{name}");
        }
        layer.eval();
        assert_close(&traced[0], &layer.forward(&x, None).unwrap()[0], F64_ROUNDING, "dropout");
    }
}

#[test]
fn trace_returns_the_same_errors_as_forward() {
    let _seeded = seeded(0);
    for class in ["RNN", "LSTM", "GRU"] {
        let spec = Spec::new(class, 3, 4);
        let (_vs, layer) = spec.build().unwrap();
        let (x, hx) = sample(&spec, true);
        let wrong_state = hx.iter().map(|state| state.narrow(1, 0, 1)).collect::<Vec<_>>();
        let empty = Tensor::zeros([0, 2, 3], tch::kind::FLOAT_CPU);
        for (x, hx) in [
            (&x.get(0).get(0), None),
            (&x.narrow(2, 0, 2), None),
            (&x.to_kind(Kind::Double), None),
            (&empty, None),
            (&x, Some(&wrong_state[..])),
            (&x.get(0), Some(&hx)),
        ] {
            let error = layer.forward(x, hx).unwrap_err();
            assert_error(trace(&layer, x, hx), &format!("{:?}", error.python_kind()), &error.to_string());
        }
    }
}

#[test]
fn an_unknown_gate_is_an_error_that_lists_the_gates() {
    let _seeded = seeded(0);
    let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    let gru = recurrent::GruConfig::new(3, 4).num_layers(2).build(vs.root()).unwrap();
    let trace = gru.trace(&uniform(&[5, 3], Kind::Float), None).unwrap();
    assert_eq!(trace.names(), ["r", "z", "n", "h"]);
    assert!(trace.gate("z", 1, 0).is_ok());
    for (name, layer, direction) in [("i", 0, 0), ("z", 2, 0), ("z", 0, 1)] {
        assert!(matches!(trace.gate(name, layer, direction), Err(recurrent::Error::NotTraced { .. })));
    }
    assert!(trace.gate("i", 0, 0).unwrap_err().to_string().contains("r, z, n, h"));
}
