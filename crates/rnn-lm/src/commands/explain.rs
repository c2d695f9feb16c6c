//! `--explain`: the equations, parameters and tensor shapes of the network.

use anyhow::Result;
use lesson_kit::{Explanation, Session};
use tch::Tensor;

use crate::model::{LanguageModel, LayerKind};

const EMBEDDING: &str = "e_t = E[x_t]                                            the word's row of the embedding";
const RNN: [&str; 1] = ["h_t = tanh(W_ih e_t + b_ih + W_hh h_{t-1} + b_hh)       hidden state"];
const LSTM: [&str; 6] = [
    "i_t = σ(W_ii e_t + b_ii + W_hi h_{t-1} + b_hi)          input gate",
    "f_t = σ(W_if e_t + b_if + W_hf h_{t-1} + b_hf)          forget gate",
    "g_t = tanh(W_ig e_t + b_ig + W_hg h_{t-1} + b_hg)       candidate",
    "o_t = σ(W_io e_t + b_io + W_ho h_{t-1} + b_ho)          output gate",
    "c_t = f_t * c_{t-1} + i_t * g_t                         cell state",
    "h_t = o_t * tanh(c_t)                                   hidden state",
];
const GRU: [&str; 4] = [
    "r_t = σ(W_ir e_t + b_ir + W_hr h_{t-1} + b_hr)          reset gate",
    "z_t = σ(W_iz e_t + b_iz + W_hz h_{t-1} + b_hz)          update gate",
    "n_t = tanh(W_in e_t + b_in + r_t * (W_hn h_{t-1} + b_hn))",
    "h_t = (1 - z_t) * n_t + z_t * h_{t-1}                   hidden state",
];
const OUTPUT: [&str; 3] = [
    "ŷ_t = softmax(W_dec h_t + b_dec)                        the probability of each word as the next word",
    "L = -1/T Σ_t log ŷ_t[x_{t+1}]                           the mean cross-entropy over all steps",
    "perplexity = e^L",
];

/// Prints the network, and the shapes of one piece of the corpus, (steps, columns), at each step.
pub fn explain(
    session: &Session,
    kind: LayerKind,
    model: &LanguageModel,
    words: &Tensor,
    targets: &Tensor,
) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let (embedded, output, _state) = model.recurrent(words, None)?;
    let (scores, _state) = model.forward(words, None)?;
    let steps = [
        ("x: steps, columns", words.size()),
        ("e: steps, columns, hidden", embedded.size()),
        ("h of every step: steps, columns, hidden", output.size()),
        ("scores: steps * columns, words of the vocabulary", scores.size()),
        ("targets, the next words: steps * columns", targets.size()),
    ];
    let recurrent: &[&str] = match kind {
        LayerKind::Rnn => &RNN,
        LayerKind::Lstm => &LSTM,
        LayerKind::Gru => &GRU,
    };
    Explanation {
        model: format!("rnn-lm: {model}"),
        equations: &[&[EMBEDDING], recurrent, &OUTPUT].concat(),
        parameters: &model.named_parameters(),
        steps: &steps.map(|(what, shape)| (what.to_owned(), shape)),
    }
    .print(session)
}
