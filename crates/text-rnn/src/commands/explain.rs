//! `--explain`: the equations, parameters and tensor shapes of the network, as on the slides.

use anyhow::Result;
use lesson_kit::{Explanation, Hyperparameters, Session};
use tch::nn::VarStore;

use crate::data::{SENTENCES, Vocabulary, make_batch};
use crate::model::TextRnn;

const EQUATIONS: [&str; 4] = [
    "h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)    for each word; h_0 = 0",
    "y = h_T W + b                                        a score for each word, after the last input word",
    "p = softmax(y)                                       its probability",
    "L = mean of -log p[target]                           the loss; e^L is the perplexity",
];

/// Prints the network with these `options`, and the shapes of its batch at each step.
pub fn explain(session: &Session, options: &Hyperparameters) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let vocabulary = Vocabulary::new(&SENTENCES);
    let batch = make_batch(&SENTENCES, &vocabulary, session.device())?;
    session.check_memory(&super::training_memory(options, &vocabulary), super::SIZES)?;
    let vs = VarStore::new(session.device());
    let mut model = TextRnn::new(&vs.root(), vocabulary.len() as i64, options.hidden_size, options.num_layers)?;
    model.set_backend(session.backend())?;
    let hidden = model.zero_hidden(batch.target.size()[0])?;
    let outputs = model.trace(&hidden, &batch.input)?.output;
    let steps = [
        ("x: sentences, words, one-hot", batch.input.size()),
        ("x, transposed: words, sentences, one-hot", batch.input.f_transpose(0, 1)?.size()),
        ("h_0: layers, sentences, hidden", hidden.size()),
        ("outputs, h of every word: words, sentences, hidden", outputs.size()),
        ("outputs[-1], h_T: sentences, hidden", outputs.f_get(-1)?.size()),
        ("y: sentences, words of the vocabulary", model.forward(&hidden, &batch.input)?.size()),
        ("target: sentences", batch.target.size()),
    ];
    Explanation {
        model: format!("TextRNN: {}, then a linear map to the {} words", model.rnn(), vocabulary.len()),
        equations: &EQUATIONS,
        parameters: &model.named_parameters(),
        steps: &steps.map(|(what, shape)| (what.to_owned(), shape)),
    }
    .print(session)
}
