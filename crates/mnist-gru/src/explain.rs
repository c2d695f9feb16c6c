//! `--explain`: the network in equations, parameters and shapes.

use anyhow::Result;
use lesson_kit::{Explanation, TrainArgs};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::data::{CLASSES, SIDE};
use crate::model::MnistNn;

/// As torch writes them; with a lecture's update gate u, z is 1 - u.
const EQUATIONS: [&str; 5] = [
    "r_t = σ(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)              reset gate: how much of the past the candidate sees",
    "z_t = σ(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)              update gate: how much of the past stays",
    "n_t = tanh(W_in x_t + b_in + r_t * (W_hn h_{t-1} + b_hn))   candidate",
    "h_t = (1 - z_t) * n_t + z_t * h_{t-1}                       hidden state",
    "outputs = W_fc h_T + b_fc                                   a score for each digit, of the last row's h",
];

/// Prints the network that `args` describe; sends a batch of blank images through it for the shapes.
///
/// # Errors
/// If libtorch refuses the sizes, or stdout the text.
pub fn explain(args: &TrainArgs, batch_size: i64) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let vs = VarStore::new(Device::Cpu);
    let mut model = MnistNn::new(&vs.root(), args.hidden_size, args.num_layers)?;
    model.set_backend(args.backend)?;
    let side = SIDE as i64;
    let inputs = Tensor::f_zeros([batch_size, side, side], (Kind::Float, Device::Cpu))?;
    let (h0, out, hidden) = model.recurrent(&inputs)?;
    let steps = [
        ("inputs: images, rows, pixels of a row", inputs.size()),
        ("h0: zeros, for each layer", h0.size()),
        ("out: the last layer's h_t of every row", out.size()),
        ("hidden: every layer's h_t of the last row", hidden.size()),
        ("out[:, -1, :]: the last row's", out.f_select(1, -1)?.size()),
        ("outputs: scores of the digits", model.forward(&inputs)?.size()),
    ];
    let (hidden_size, num_layers) = (args.hidden_size, args.num_layers);
    let explanation = Explanation {
        model: format!(
            "mnist-gru: GRU({side}, {hidden_size}, num_layers={num_layers}, batch_first=True), then \
             Linear({hidden_size}, {CLASSES})"
        ),
        equations: &EQUATIONS,
        parameters: &model.named_parameters(),
        steps: &steps.map(|(what, shape)| (what.to_owned(), shape)),
    };
    explanation.print(args)
}
