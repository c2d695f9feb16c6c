//! Results and gradients for all combinations of options, input form and dtype. fixtures/make.py is the same in Python.

use std::collections::HashMap;

use recurrent::pack_padded_sequence;
use tch::{Kind, Tensor};
use torch_ext::rng;

use crate::support::layer::{Layer, Spec, in_float64};
use crate::support::python::ask;
use crate::support::tensors::{assert_close, assert_same_bits, kind, leaf, uniform};
use crate::support::{F64_ROUNDING, JUDGE, alone};

const INPUT: i64 = 3;
const HIDDEN: i64 = 3;
const PROJ: i64 = 2;
const STEPS: i64 = 4;
const BATCH: i64 = 3;

/// Mode of make.py, class, nonlinearity, projection.
const MODES: [(&str, &str, Option<&str>, Option<i64>); 5] = [
    ("rnn-tanh", "RNN", Some("tanh"), None),
    ("rnn-relu", "RNN", Some("relu"), None),
    ("gru", "GRU", None, None),
    ("lstm", "LSTM", None, None),
    ("lstm-proj", "LSTM", None, Some(PROJ)),
];

/// The form of the input: a tensor, or packed with these lengths.
#[derive(Clone, Copy)]
enum Form {
    Batched,
    Unbatched,
    Packed { lengths: [i64; 3], enforce_sorted: bool },
}

const FORMS: [(&str, Form); 4] = [
    ("batched", Form::Batched),
    ("unbatched", Form::Unbatched),
    ("packed-sorted", Form::Packed { lengths: [4, 2, 1], enforce_sorted: true }),
    ("packed-unsorted", Form::Packed { lengths: [1, 4, 2], enforce_sorted: false }),
];

struct Case {
    name: String,
    spec: Spec,
    form: Form,
}

/// All combinations, in make.py's order. The position of a case is its seed.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (mode, class, nonlinearity, proj_size) in MODES {
        // In the order of itertools.product: the rightmost changes fastest, and True comes first.
        for options in 0..8 {
            let [bias, bidirectional, batch_first] = [4, 2, 1].map(|bit| options & bit == 0);
            for num_layers in [1, 2, 3] {
                for (form_name, form) in FORMS {
                    for (suffix, dtype) in [("f32", "float32"), ("f64", "float64")] {
                        let word = |on: bool, word: &'static str| if on { word } else { "" };
                        let name = format!(
                            "{mode}{}{}{} {num_layers} {form_name} {suffix}",
                            word(bias, " bias"),
                            word(bidirectional, " bidirectional"),
                            word(batch_first, " batch_first"),
                        );
                        let base = Spec { dtype, nonlinearity, proj_size, ..Spec::new(class, INPUT, HIDDEN) };
                        cases.push(Case {
                            name,
                            form,
                            spec: Spec { bias, bidirectional, batch_first, num_layers, ..base },
                        });
                    }
                }
            }
        }
    }
    cases
}

impl Case {
    fn input_shape(&self) -> Vec<i64> {
        match (self.form, self.spec.batch_first) {
            (Form::Unbatched, _) => vec![STEPS, INPUT],
            (_, true) => vec![BATCH, STEPS, INPUT],
            (_, false) => vec![STEPS, BATCH, INPUT],
        }
    }

    fn state_shapes(&self) -> Vec<Vec<i64>> {
        let rows = self.spec.rows();
        let shape =
            |size| if matches!(self.form, Form::Unbatched) { vec![rows, size] } else { vec![rows, BATCH, size] };
        self.spec.state_sizes().into_iter().map(shape).collect()
    }

    fn forward(&self, layer: &Layer, x: &Tensor, hx: &[Tensor]) -> Vec<Tensor> {
        match self.form {
            Form::Batched | Form::Unbatched => layer.forward(x, Some(hx)).unwrap(),
            Form::Packed { lengths, enforce_sorted } => {
                let packed = pack_padded_sequence(x, &lengths, self.spec.batch_first, enforce_sorted).unwrap();
                let (output, mut results) = layer.forward_packed(&packed, Some(hx)).unwrap();
                results.insert(0, output.data);
                results
            }
        }
    }

    /// Results by name, in make.py's order.
    fn run(&self, seed: i64) -> Vec<(String, Tensor)> {
        tch::manual_seed(seed);
        let kind = kind(self.spec.dtype);
        let (_vs, layer) = self.spec.build().unwrap();
        let x = uniform(&self.input_shape(), kind);
        let hx: Vec<Tensor> = self.state_shapes().iter().map(|shape| uniform(shape, kind)).collect();
        self.results(&layer, &x, &hx, |result| uniform(&result.size(), kind))
    }

    /// Draws the same numbers as `run` and computes with them in float64.
    fn run_in_float64(&self, seed: i64) -> Vec<(String, Tensor)> {
        tch::manual_seed(seed);
        let (_vs, layer) = self.spec.build().unwrap();
        let random = |shape: &[i64]| uniform(shape, kind(self.spec.dtype)).to_kind(Kind::Double);
        let x = random(&self.input_shape());
        let hx: Vec<Tensor> = self.state_shapes().iter().map(|shape| random(shape)).collect();
        let generator = rng::get_state().unwrap();
        let double = in_float64(&self.spec, &layer); // draws weights and replaces them
        rng::set_state(&generator).unwrap();
        self.results(&double, &x, &hx, |result| random(&result.size()))
    }

    fn results(
        &self,
        layer: &Layer,
        x: &Tensor,
        hx: &[Tensor],
        weight: impl Fn(&Tensor) -> Tensor,
    ) -> Vec<(String, Tensor)> {
        let x = leaf(x);
        let hx: Vec<Tensor> = hx.iter().map(leaf).collect();
        let results = self.forward(layer, &x, &hx);
        let weights: Vec<Tensor> = results.iter().map(weight).collect();
        let sums = results.iter().zip(&weights).map(|(result, weight)| (result * weight).sum(result.kind()));
        sums.reduce(|sum, term| sum + term).unwrap().backward();

        let names = ["output", "h", "c"].map(str::to_owned);
        let mut named: Vec<_> = names.into_iter().zip(results).collect();
        let states = ["h0", "c0"].map(str::to_owned).into_iter().zip(hx);
        let leaves = std::iter::once(("x".to_owned(), x)).chain(states).chain(layer.named_parameters());
        named.extend(leaves.map(|(name, leaf)| (format!("gradient of {name}"), leaf.grad())));
        named
    }
}

/// Runs every case and passes its tensors and those of the reference to `check`.
fn compare(reference: &HashMap<String, Tensor>, check: impl Fn(i64, &Case, &[(String, Tensor)], &[Tensor])) {
    let cases = cases();
    assert_eq!((cases.len(), reference.len()), (960, 960));
    for (seed, case) in (0..).zip(&cases) {
        let expected = &reference[&case.name];
        let ours = case.run(seed);
        let sizes: Vec<i64> = ours.iter().map(|(_, tensor)| tensor.numel() as i64).collect();
        assert_eq!(sizes.iter().sum::<i64>(), expected.numel() as i64, "{}", case.name);
        let parts = expected.split_with_sizes(sizes, 0).into_iter().zip(&ours);
        let parts: Vec<Tensor> = parts.map(|(part, (_, ours))| part.reshape(ours.size())).collect();
        check(seed, case, &ours, &parts);
    }
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn outputs_states_and_gradients_equal_pythons_to_the_bit() {
    let _alone = alone();
    let reply = ask("import make\nreply(None, make.grid())", &());
    compare(&reply.tensors, |_, case, ours, pythons| {
        for ((name, ours), pythons) in ours.iter().zip(pythons) {
            assert_same_bits(ours, pythons, &format!("{}: {name}", case.name));
        }
    });
}

/// The committed results come from another CPU, where libtorch rounds differently. Even weights and inputs of the same seed can
/// differ in the last bit.
#[test]
fn outputs_states_and_gradients_equal_the_committed_ones_up_to_rounding() {
    let _alone = alone();
    let file = test_support::workspace().join("crates/recurrent/fixtures/grid.safetensors");
    let reference = Tensor::read_safetensors(file).unwrap().into_iter().collect();
    compare(&reference, |seed, case, ours, committed| {
        if case.spec.dtype == "float64" {
            for ((name, ours), committed) in ours.iter().zip(committed) {
                assert_close(ours, committed, F64_ROUNDING, &format!("{}: {name}", case.name));
            }
            return;
        }
        let truth = case.run_in_float64(seed);
        let tensors = |named: &[(String, Tensor)]| named.iter().map(|(_, tensor)| tensor.shallow_clone()).collect();
        let (truth, ours): (Vec<_>, Vec<_>) = (tensors(&truth), tensors(ours));
        let results = 1 + case.spec.state_sizes().len();
        for (name, kind) in [("results", 0..results), ("gradients", results..ours.len())] {
            let what = format!("{}: {name}", case.name);
            JUDGE.assert(&what, &truth[kind.clone()], &committed[kind.clone()], &ours[kind]);
        }
    });
}
