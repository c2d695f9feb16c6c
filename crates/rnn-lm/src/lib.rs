//! Lesson 4: a language model reads a text word by word and predicts the next word.
//!
//! The lecture's "RNN as a language model" in Rust. At every step the network computes a probability for each word of
//! its vocabulary.
//!
//! For a corpus x1, .., xT the loss is the mean cross-entropy over all steps, `L = -1/T Σ log ŷ_t[x_(t+1)]`, and the
//! perplexity is `e^L`.
//!
//! | module | content |
//! |---|---|
//! | [`tokens`] | splits a text into words |
//! | [`data`] | the vocabulary, and the text as columns of word numbers |
//! | [`model`] | the network |
//! | [`mod@train`] | the training loop, with truncated back-propagation through time |
//! | [`commands`] | the command line: `eval`, `predict`, `gates`, `compare`, `--explain` |
//! | [`vocabulary_file`] | `vocabulary.json` in the folder of a model |
#![forbid(unsafe_code)]

pub mod commands;
pub mod data;
pub mod model;
pub mod tokens;
pub mod train;
pub mod vocabulary_file;

use lesson_kit::{Defaults, Lesson};

/// The notebook's values.
pub const LESSON: Lesson = Lesson {
    name: "rnn-lm",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 5, lr: 0.006, hidden_size: 128, num_layers: 1, batch_size: Some(20) },
    pictures: &["gates"],
    texts: &[vocabulary_file::NAME],
};
