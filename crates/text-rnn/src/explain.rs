//! `--explain`: the network in equations, parameters and shapes, as the slides lay it out.

use anyhow::Result;
use lesson_kit::{Explanation, Session, TrainArgs};
use tch::nn::VarStore;

use crate::data::{SENTENCES, Vocabulary, make_batch};
use crate::model::TextRnn;

const EQUATIONS: [&str; 4] = [
    "h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)    from word to word; h_0 = 0",
    "y = h_T W + b                                        a score for each word, after the last one read",
    "p = softmax(y)                                       its probability",
    "L = mean of -log p[target]                           what training lowers; e^L is the perplexity",
];

/// Prints the network that `args` would train, and what its batch becomes on the way through.
///
/// # Errors
/// If libtorch refuses, or stdout.
pub fn explain(args: &TrainArgs) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let session = Session::start(args)?;
    let vocabulary = Vocabulary::new(&SENTENCES);
    let batch = make_batch(&SENTENCES, &vocabulary, session.device())?;
    let vs = VarStore::new(session.device());
    let mut model = TextRnn::new(&vs.root(), vocabulary.len() as i64, args.hidden_size, args.num_layers)?;
    model.set_backend(args.backend)?;
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
    .print(args)
}
