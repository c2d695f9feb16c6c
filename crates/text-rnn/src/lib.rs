//! Lesson 1: an RNN reads the first two words of a sentence and predicts the third.
//!
//! The slides' notebook (TextRNN) in Rust:
//!
//! | module | content |
//! |---|---|
//! | [`data`] | one-hot vectors of six sentences |
//! | [`model`] | the network |
//! | [`mod@train`] | the training loop |
//! | [`commands`] | the command line: `eval`, `predict`, `gates`, `compare`, `--explain` |
#![forbid(unsafe_code)]

pub mod commands;
pub mod data;
pub mod model;
pub mod train;

use lesson_kit::{Defaults, Lesson};

/// The notebook's values.
pub const LESSON: Lesson = Lesson {
    name: "text-rnn",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 500, lr: 0.01, hidden_size: 5, num_layers: 1, batch_size: None },
    pictures: &["gates"],
    texts: &[],
};
