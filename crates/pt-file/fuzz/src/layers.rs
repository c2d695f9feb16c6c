//! Builds every layer of rnn-runtime from a state dict, and runs those that can be built.

use std::sync::Arc;

use pt_file::{DType, StridedView, Tensor, Value};
use rnn_runtime::ndarray::{Array2, Array3, ArrayD, Axis};
use rnn_runtime::{
    BatchNorm1d, Conv1d, Conv1dOptions, Embedding, Gru, LayerNorm, Linear, Lstm, Options, Rnn, StateDict, softmax,
};

/// Tries every layer at every prefix of the names, at most 100.
pub fn build_and_run(weights: &StateDict) {
    let mut prefixes: Vec<&str> = weights.names().filter_map(|name| Some(name.rsplit_once('.')?.0)).collect();
    prefixes.push("");
    prefixes.dedup();
    prefixes.iter().take(100).for_each(|prefix| build(&weights.prefix(prefix)));
}

/// The largest layer that is run.
const MAX_SIZE: usize = 64;

macro_rules! run_recurrent {
    ($Layer:ident, $weights:expr) => {
        match $Layer::from_state_dict($weights, Options::default()) {
            Err(error) => assert!(error.to_string().len() < 100_000),
            Ok(layer) if layer.input_size().max(layer.hidden_size()) > MAX_SIZE || layer.num_layers() > 8 => (),
            Ok(layer) => {
                let x = Array3::ones((3, 2, layer.input_size()));
                layer.forward(x.view(), None).expect("the shape fits");
                layer.trace(x.view(), None).expect("the shape fits");
                let (_, mut state) = layer.forward_lengths(x.view(), &[2, 3], None).expect("the lengths fit");
                let step = layer.step(x.index_axis(Axis(0), 0), &mut state);
                assert_eq!(step.is_err(), layer.bidirectional());
            }
        }
    };
}

fn build(weights: &StateDict) {
    run_recurrent!(Rnn, weights);
    run_recurrent!(Gru, weights);
    run_recurrent!(Lstm, weights);
    if let Ok(linear) = Linear::from_state_dict(weights) {
        if linear.in_features() <= MAX_SIZE {
            linear.forward(Array2::ones((2, linear.in_features())).view()).expect("the shape fits");
        }
    }
    if let Ok(embedding) = Embedding::from_state_dict(weights) {
        let rows = embedding.forward(Array2::<usize>::zeros((2, 2)).view()).expect("row 0 exists");
        let _ = softmax(rows.view(), Axis(2));
    }
    for options in [Conv1dOptions::default().padding(5).dilation(2), Conv1dOptions::default().padding_same().groups(2)] {
        if let Ok(conv) = Conv1d::from_state_dict(weights, options) {
            let _ = conv.forward(Array3::ones((2, 4, 9)).view());
        }
    }
    if let Ok(norm) = LayerNorm::from_state_dict(weights) {
        let _ = norm.forward(Array2::ones((3, 4)).view());
    }
    if let Ok(norm) = BatchNorm1d::from_state_dict(weights) {
        let _ = norm.forward(Array2::ones((3, 4)).view());
    }
    let _ = weights.array::<rnn_runtime::ndarray::IxDyn>("weight").map(|array: ArrayD<f32>| array.len());
}

/// The names that layers read, and one with a large number.
const NAMES: [&str; 16] = [
    "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0", "weight_ih_l0_reverse",
    "weight_hh_l0_reverse", "weight_ih_l1", "weight_hh_l1", "weight_ih", "weight_hh", "weight", "bias", "running_mean",
    "running_var", "bias_ih_l3000",
];

/// Sizes that fit each other in many ways, zero and huge ones.
const SIZES: [usize; 16] = [0, 1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 1 << 12, 1 << 20, 1 << 31, 1 << 40, 1 << 60];

/// Tensors that the bytes describe: each name, dtype, shape, and the bits of its only number, which a view repeats.
pub fn described_by(bytes: &[u8]) -> StateDict {
    let tensor = |bytes: &[u8]| {
        let (name, kind, number) = (NAMES[usize::from(bytes[0] % 16)], bytes[1], &bytes[4..8]);
        let rank = usize::from(kind % 5);
        let nibbles = bytes[2..4].iter().flat_map(|byte| [byte % 16, byte / 16]);
        let shape: Vec<usize> = nibbles.take(rank).map(|size| SIZES[usize::from(size)]).collect();
        let dtype = [DType::F32, DType::F16, DType::I32, DType::C64][usize::from(kind / 5 % 4)];
        let strides = vec![0; shape.len()];
        let view = StridedView::new(dtype, &shape, &strides, 0).ok()?;
        let storage = number.repeat(2)[..dtype.size()].to_vec();
        Some((name, Tensor::new(Arc::new(view), storage.into()).ok()?))
    };
    let tensors = bytes.chunks_exact(8).filter_map(tensor);
    StateDict::from_value(&Value::state_dict(tensors)).expect("the names are short")
}
