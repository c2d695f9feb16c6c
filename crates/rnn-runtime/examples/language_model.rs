//! Lesson 4 without libtorch: the next words of a text, by the model that `cargo run -p rnn-lm` trains.
//!
//! `cargo run --release -p rnn-runtime --example language_model -- models/rnn-lm "the white whale"`

use std::error::Error;
use std::path::Path;

use rnn_runtime::ndarray::{Array1, Axis};
use rnn_runtime::{Embedding, Gru, Linear, Lstm, Options, Rnn, StateDict, softmax};
use serde_json::{Value, from_str};

/// The words of a model, in the order of their numbers. Number 0 is any other word.
pub fn vocabulary(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let content: Value = from_str(&std::fs::read_to_string(folder.join("vocabulary.json"))?)?;
    Ok(serde_json::from_value(content["words"].clone())?)
}

/// The probability of each word of the vocabulary after `tokens`.
pub fn next_word(weights: &StateDict, vocabulary: &[String], tokens: &[&str]) -> Result<Vec<f32>, Box<dyn Error>> {
    let embedding = Embedding::from_state_dict(&weights.prefix("embedding"))?;
    let decoder = Linear::from_state_dict(&weights.prefix("decoder"))?;
    let number = |token: &&str| vocabulary.iter().position(|word| word == token).unwrap_or(0);
    let x = embedding.forward(tokens.iter().map(number).collect::<Array1<usize>>().view())?;
    let (rnn, options) = (weights.prefix("rnn"), Options::default());
    let gates =
        rnn.get("weight_hh_l0").and_then(|weight| weight.shape().first()?.checked_div(embedding.embedding_dim()));
    let output = match gates {
        Some(1) => Rnn::from_state_dict(&rnn, options)?.forward(x.view(), None)?.0,
        Some(3) => Gru::from_state_dict(&rnn, options)?.forward(x.view(), None)?.0,
        _ => Lstm::from_state_dict(&rnn, options)?.forward(x.view(), None)?.0,
    };
    let last = output.index_axis(Axis(0), tokens.len() - 1);
    Ok(softmax(decoder.forward(last)?.view(), Axis(0))?.to_vec())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, text] = &arguments[..] else { return Err("usage: language_model RUN_FOLDER TEXT".into()) };
    let folder = Path::new(folder);
    let words = vocabulary(folder)?;
    let text = text.to_lowercase(); // spaces separate words and punctuation: "the clock , the students"
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let probabilities = next_word(&StateDict::open(folder.join("model.pt"))?, &words, &tokens)?;
    let mut named: Vec<(&String, f32)> = words.iter().zip(probabilities).collect();
    named.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    named.iter().take(10).for_each(|(word, share)| println!("{word:<12} {:6.2} %", 100.0 * share));
    Ok(())
}
