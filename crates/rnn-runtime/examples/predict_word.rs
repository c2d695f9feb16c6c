//! Lesson 1 without libtorch: the word after two words, by the model that `cargo run -p text-rnn` trains.
//!
//! `cargo run --release -p rnn-runtime --example predict_word -- models/text-rnn/model.pt i like`

use std::error::Error;

use rnn_runtime::ndarray::{Array1, Array2, Axis};
use rnn_runtime::{Options, Rnn, StateDict, softmax};

/// The sentences of the lesson.
const SENTENCES: &str = "i like dog i love coffe i hate milk you like cat you love milk you hate coffe";

/// The words of the vocabulary, in the order of their numbers, and the probability that each comes after `words`.
pub fn probabilities(weights: &StateDict, words: &[&str]) -> Result<Vec<(&'static str, f32)>, Box<dyn Error>> {
    let rnn = Rnn::from_state_dict(&weights.prefix("rnn"), Options::default())?;
    let (w, b): (Array2<f32>, Array1<f32>) = (weights.array("W")?, weights.array("b")?);
    let mut vocabulary = Vec::new();
    for word in SENTENCES.split(' ') {
        if !vocabulary.contains(&word) {
            vocabulary.push(word);
        }
    }
    let mut x = Array2::zeros((words.len(), vocabulary.len())); // a one-hot vector for each word
    for (mut one_hot, word) in x.outer_iter_mut().zip(words) {
        let number = vocabulary.iter().position(|known| known == word);
        one_hot[number.ok_or(format!("choose from the words {}", vocabulary.join(", ")))?] = 1.0;
    }
    let (output, _h) = rnn.forward(x.view(), None)?;
    let last = output.index_axis(Axis(0), words.len() - 1); // the hidden state after the last word
    let shares = softmax((last.dot(&w) + b).view(), Axis(0))?;
    Ok(vocabulary.into_iter().zip(shares).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, words @ ..] = &arguments[..] else { return Err("usage: predict_word MODEL.pt WORDS".into()) };
    let words: Vec<&str> = words.iter().flat_map(|argument| argument.split_whitespace()).collect();
    let mut probabilities = probabilities(&StateDict::open(model)?, &words)?;
    probabilities.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    probabilities.iter().for_each(|(word, share)| println!("{word:<6} {:8.4} %", 100.0 * share));
    Ok(())
}
