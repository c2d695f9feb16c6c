//! Every layer and option, compared with PyTorch. The error against float64 is compared with PyTorch's own in f32.

use std::collections::BTreeMap;
use std::process::Command;

use ndarray::{Array, Array2, Array3, ArrayD, ArrayView, Axis, Dimension, Ix2, Ix3, ShapeBuilder, stack};
use rnn_runtime::pt_file::{self, Value};
use rnn_runtime::{
    BatchNorm1d, Conv1d, Conv1dOptions, Embedding, LayerNorm, Linear, Options, Rank, StateDict, argmax, log_softmax,
    relu, sigmoid, softmax, tanh,
};

use crate::judge::assert_right;
use crate::layer::{Layer, Results};
use crate::support::{gathered, scattered, workspace};

/// The accepted error of a gate, most of which are between -1 and 1.
const GATE_ERROR: f64 = 4e-6;

/// One case of python.py.
struct Case<'a> {
    value: &'a Value,
    tensors: StateDict,
    name: String,
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn python_every_layer_and_option_has_torchs_results() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.pt");
    let script = workspace().join("crates/rnn-runtime/tests/it/python.py");
    let output = Command::new(workspace().join(".venv/bin/python")).arg(script).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let value = pt_file::load_file(&file).unwrap();
    let mut counts = BTreeMap::new();
    for (number, value) in value.as_slice().unwrap().iter().enumerate() {
        let tensors = StateDict::from_value(value).unwrap();
        let check = value.get("check").and_then(Value::as_str).unwrap();
        let name = format!("case {number}, {check}: {:?}", tensors.prefix("layer"));
        let case = Case { value, tensors, name };
        match check {
            "recurrent" => case.recurrent(),
            "cell" => case.cell(),
            check => case.other(check),
        }
        *counts.entry(check.to_owned()).or_insert(0) += 1;
    }
    assert_eq!(counts["recurrent"], 1600);
    assert_eq!(counts.len(), 13, "{counts:?}");
}

impl Case<'_> {
    fn text(&self, key: &str) -> &str {
        self.value.get(key).and_then(Value::as_str).unwrap()
    }

    fn flag(&self, key: &str) -> bool {
        self.value.get(key).and_then(Value::as_bool).unwrap()
    }

    fn array<D: Dimension>(&self, list: &str, index: usize) -> Array<f32, D> {
        self.tensors.array(&format!("{list}.{index}")).unwrap_or_else(|error| unreachable!("{}: {error}", self.name))
    }

    fn wide(&self, list: &str, index: usize) -> Vec<f64> {
        self.tensors.get(&format!("{list}.{index}")).unwrap().to_vec().unwrap()
    }

    fn count(&self, list: &str) -> usize {
        self.value.get(list).and_then(Value::as_slice).map_or(0, <[_]>::len)
    }

    /// Compares a result with Python's.
    fn check<D: Dimension>(&self, what: &str, index: usize, ours: &Array<f32, D>) {
        let torchs: ArrayD<f32> = self.array("results", index);
        assert_eq!(ours.shape(), torchs.shape(), "{}: {what}", self.name);
        let ours: Vec<f32> = ours.iter().copied().collect();
        let (torchs, _) = torchs.into_raw_vec_and_offset();
        assert_right(&format!("{}: {what}", self.name), &ours, &torchs, &self.wide("truth", index));
    }

    fn recurrent(&self) {
        let batch_first = self.flag("batch_first");
        let layer =
            Layer::new(self.text("mode"), &self.tensors.prefix("layer"), Options::default().batch_first(batch_first));
        let layer = layer.unwrap_or_else(|error| unreachable!("{}: {error}", self.name));
        match self.text("form") {
            "unbatched" => self.unbatched(&layer),
            "lengths" => self.lengths(&layer),
            "transposed" => self.other_strides(&layer),
            _ => self.batched(&layer, batch_first),
        }
    }

    fn states<D: Dimension>(&self) -> Vec<Array<f32, D>> {
        (1..self.count("inputs")).map(|index| self.array("inputs", index)).collect()
    }

    fn check_results<D: Rank>(&self, what: &str, (output, state): &Results<D>) {
        assert_eq!(1 + state.len(), self.count("results"), "{}", self.name);
        self.check(&format!("output{what}"), 0, output);
        state.iter().enumerate().for_each(|(i, state)| self.check(&format!("state {i}{what}"), 1 + i, state));
    }

    fn check_trace<D: Rank>(&self, layer: &Layer, x: ArrayView<'_, f32, D>, state: &[Array<f32, D>]) {
        let (results, gates) = layer.trace(x, state).unwrap();
        self.check_results(" of trace", &results);
        assert_eq!(gates.len(), self.count("gates"), "{}", self.name);
        for (i, gate) in gates.iter().enumerate() {
            let truth = self.wide("gates", i);
            assert_eq!(gate.shape(), self.tensors.get(&format!("gates.{i}")).unwrap().shape(), "{}", self.name);
            let wrong = gate.iter().zip(&truth).find(|(ours, truth)| (f64::from(**ours) - **truth).abs() > GATE_ERROR);
            assert_eq!(wrong, None, "{}: gate {i}", self.name);
        }
    }

    fn unbatched(&self, layer: &Layer) {
        let (x, state): (Array2<f32>, _) = (self.array("inputs", 0), self.states::<Ix2>());
        self.check_results("", &layer.forward(x.view(), &state).unwrap());
        self.check_trace(layer, x.view(), &state);
        if !layer.bidirectional() && !state.is_empty() {
            let mut state = state;
            let steps: Vec<_> = x.outer_iter().map(|x| layer.step::<Ix2>(x, &mut state).unwrap()).collect();
            let steps: Vec<_> = steps.iter().map(|step| step.view()).collect();
            self.check_results(" of step", &(stack(Axis(0), &steps).unwrap(), state));
        }
    }

    fn batched(&self, layer: &Layer, batch_first: bool) {
        let (x, state): (Array3<f32>, _) = (self.array("inputs", 0), self.states::<Ix3>());
        self.check_results("", &layer.forward(x.view(), &state).unwrap());
        self.check_trace(layer, x.view(), &state);
        if !layer.bidirectional() {
            let (time, batch) = if batch_first { (1, 0) } else { (0, 1) };
            let mut state = if state.is_empty() { layer.zero_state(x.shape()[batch]).unwrap() } else { state };
            let steps: Vec<_> = x.axis_iter(Axis(time)).map(|x| layer.step::<Ix3>(x, &mut state).unwrap()).collect();
            let steps: Vec<_> = steps.iter().map(|step| step.view()).collect();
            self.check_results(" of step", &(stack(Axis(time), &steps).unwrap(), state));
        }
    }

    fn lengths(&self, layer: &Layer) {
        let lengths: Vec<i64> =
            self.value.get("lengths").and_then(Value::as_slice).unwrap().iter().map(|n| n.as_int().unwrap()).collect();
        let lengths: Vec<usize> = lengths.into_iter().map(|length| length.try_into().unwrap()).collect();
        let (x, state): (Array3<f32>, _) = (self.array("inputs", 0), self.states::<Ix3>());
        self.check_results("", &layer.forward_lengths(x.view(), &lengths, &state).unwrap());
    }

    /// The same numbers in other memory layouts.
    fn other_strides(&self, layer: &Layer) {
        let (x, state): (Array3<f32>, _) = (self.array("inputs", 0), self.states::<Ix3>());
        let swapped = x.view().permuted_axes([1, 0, 2]).as_standard_layout().into_owned().permuted_axes([1, 0, 2]);
        let state_in_column_order = state.iter().map(|h| {
            let mut copy = Array3::zeros(h.raw_dim().f());
            copy.assign(h);
            copy
        });
        let state_in_column_order: Vec<_> = state_in_column_order.collect();
        self.check_results(" of swapped axes", &layer.forward(swapped.view(), &state_in_column_order).unwrap());
        let large = scattered(x.view());
        self.check_results(" of scattered numbers", &layer.forward(gathered(&large), &state).unwrap());
    }

    fn cell(&self) {
        let layer = Layer::new(self.text("mode"), &self.tensors.prefix("layer"), Options::default()).unwrap();
        let x: Array2<f32> = self.array("inputs", 0);
        let mut state: Vec<Array3<f32>> = self.states::<Ix2>().into_iter().map(|h| h.insert_axis(Axis(0))).collect();
        let output = layer.step::<Ix3>(x.view(), &mut state).unwrap();
        self.check("output", 0, &output);
        for (i, h) in state.into_iter().enumerate() {
            self.check("state", i, &h.remove_axis(Axis(0)));
        }
    }

    fn other(&self, check: &str) {
        let (layer, eps) = (self.tensors.prefix("layer"), self.value.get("eps").and_then(Value::as_float));
        if check == "embedding" {
            let numbers: Vec<i64> = self.tensors.get("inputs.0").unwrap().to_vec().unwrap();
            let indices = ArrayD::from_shape_vec(self.tensors.get("inputs.0").unwrap().shape(), numbers).unwrap();
            return self.check("", 0, &Embedding::from_state_dict(&layer).unwrap().forward(indices.view()).unwrap());
        }
        let x: ArrayD<f32> = self.array("inputs", 0);
        let axis = Axis(self.value.get("axis").and_then(Value::as_int).unwrap_or(0).try_into().unwrap());
        let y = match check {
            "linear" => Linear::from_state_dict(&layer).unwrap().forward(x.view()),
            "conv1d" => Conv1d::from_state_dict(&layer, self.conv1d_options()).unwrap().forward(x.view()),
            "layer-norm" => LayerNorm::from_state_dict(&layer).unwrap().with_eps(eps.unwrap()).forward(x.view()),
            "batch-norm" => BatchNorm1d::from_state_dict(&layer).unwrap().with_eps(eps.unwrap()).forward(x.view()),
            "relu" => relu(x.view()),
            "tanh" => tanh(x.view()),
            "sigmoid" => sigmoid(x.view()),
            "softmax" => softmax(x.view(), axis),
            "log_softmax" => log_softmax(x.view(), axis),
            _ => {
                let ours: Vec<i64> = argmax(x.view(), axis).unwrap().iter().map(|index| *index as i64).collect();
                return assert_eq!(
                    ours,
                    self.tensors.get("results.0").unwrap().to_vec::<i64>().unwrap(),
                    "{}",
                    self.name
                );
            }
        };
        self.check("", 0, &y.unwrap());
    }

    fn conv1d_options(&self) -> Conv1dOptions {
        let size = |key| usize::try_from(self.value.get(key).and_then(Value::as_int).unwrap());
        let [stride, dilation, groups] = ["stride", "dilation", "groups"].map(|key| size(key).unwrap());
        let options = Conv1dOptions::default().stride(stride).dilation(dilation).groups(groups);
        match size("padding") {
            Ok(padding) => options.padding(padding),
            Err(_) => options.padding_same(), // python.py writes -1
        }
    }
}
