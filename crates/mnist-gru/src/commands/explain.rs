//! `--explain`: the equations, parameters and tensor shapes of the network.

use anyhow::Result;
use lesson_kit::{Explanation, Hyperparameters, Session};
use tch::nn::VarStore;
use tch::{Kind, Tensor};

use crate::data::{CLASSES, SIDE};
use crate::model::MnistNn;

/// In torch's notation. z is 1 - u, if u is the update gate of the lecture.
const EQUATIONS: [&str; 5] = [
    "r_t = σ(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)              reset gate: how much of the past enters the candidate",
    "z_t = σ(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)              update gate: how much of the past remains",
    "n_t = tanh(W_in x_t + b_in + r_t * (W_hn h_{t-1} + b_hn))   candidate",
    "h_t = (1 - z_t) * n_t + z_t * h_{t-1}                       hidden state",
    "outputs = W_fc h_T + b_fc                                   a score for each digit, from h of the last row",
];

/// Prints the network with these `options`, and the shapes of a batch of blank images at each step.
pub fn explain(session: &Session, options: &Hyperparameters, batch_size: i64) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let &Hyperparameters { hidden_size, num_layers, .. } = options;
    session.check_memory(&super::training_memory(options, batch_size), super::SIZES)?;
    let mut model = MnistNn::new(&VarStore::new(session.device()).root(), hidden_size, num_layers)?;
    model.set_backend(session.backend())?;
    let side = SIDE as i64;
    let inputs = Tensor::f_zeros([batch_size, side, side], (Kind::Float, session.device()))?;
    let (h0, out, hidden) = model.recurrent(&inputs)?;
    let steps = [
        ("inputs: images, rows, pixels of a row", inputs.size()),
        ("h0: zeros, for each layer", h0.size()),
        ("out: the last layer's h_t of every row", out.size()),
        ("hidden: every layer's h_t of the last row", hidden.size()),
        ("out[:, -1, :]: the last row's", out.f_select(1, -1)?.size()),
        ("outputs: scores of the digits", model.forward(&inputs)?.size()),
    ];
    Explanation {
        model: format!(
            "mnist-gru: GRU({side}, {hidden_size}, num_layers={num_layers}, batch_first=True), then \
             Linear({hidden_size}, {CLASSES})"
        ),
        equations: &EQUATIONS,
        parameters: &model.named_parameters(),
        steps: &steps.map(|(what, shape)| (what.to_owned(), shape)),
    }
    .print(session)
}
