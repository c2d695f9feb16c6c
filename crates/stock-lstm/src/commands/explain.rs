//! `--explain`: the equations, parameters and tensor shapes of the network, as on the slides.

use anyhow::Result;
use lesson_kit::{Explanation, Hyperparameters, Session};
use tch::nn::VarStore;

use crate::data::{COLUMNS, Dataset, MinMaxScaler, Prices};
use crate::model::StockRnn;

const EQUATIONS: [&str; 8] = [
    "i_t = σ(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)       input gate: how much of g_t is added to the cell",
    "f_t = σ(W_if x_t + b_if + W_hf h_{t-1} + b_hf)       forget gate: how much of the cell stays",
    "g_t = tanh(W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)    candidate, on the slides C with a tilde",
    "o_t = σ(W_io x_t + b_io + W_ho h_{t-1} + b_ho)       output gate: how much of the cell is visible",
    "c_t = f_t * c_{t-1} + i_t * g_t                      cell; c_0 = 0",
    "h_t = o_t * tanh(c_t)                                hidden state; h_0 = 0",
    "y = h_T W + b                                        the next close, scaled, after the last day",
    "L = mean of (y - close)^2                            the loss",
];

/// Prints the network with these `options`, and the shapes of its batch at each step.
pub fn explain(session: &Session, options: &Hyperparameters, prices: &Prices, scaler: &MinMaxScaler) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let data = Dataset::new(prices, scaler, session.device())?;
    session.check_memory(&super::training_memory(options, &data), super::SIZES)?;
    let batch = data.train;
    let vs = VarStore::new(session.device());
    let mut model = StockRnn::new(&vs.root(), COLUMNS.len() as i64, options.hidden_size, options.num_layers)?;
    model.set_backend(session.backend())?;
    let state = model.zero_state(batch.count())?;
    let outputs = model.trace(&state, &batch.x)?.output;
    let steps = [
        ("x: windows, days, columns", batch.x.size()),
        ("x, transposed: days, windows, columns", batch.x.f_transpose(0, 1)?.size()),
        ("h_0 and c_0, each: layers, windows, hidden", state.h.size()),
        ("outputs, h of every day: days, windows, hidden", outputs.size()),
        ("outputs[-1], h_T: windows, hidden", outputs.f_get(-1)?.size()),
        ("y: windows, 1", model.forward(&state, &batch.x)?.size()),
    ];
    Explanation {
        model: format!(
            "StockRNN: {}, then a linear map to one close; the rows of weight_ih_l0 are in the order i, f, g, o",
            model.rnn()
        ),
        equations: &EQUATIONS,
        parameters: &model.named_parameters(),
        steps: &steps.map(|(what, shape)| (what.to_owned(), shape)),
    }
    .print(session)
}
