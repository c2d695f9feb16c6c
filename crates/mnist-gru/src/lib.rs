//! Lesson 3: a GRU reads a handwritten digit row by row, as if the 28 rows were 28 words, and classifies it.
//!
//! The slides' notebook (MNISTNN) in Rust:
//!
//! | module | content |
//! |---|---|
//! | [`data`] | MNIST's files, and batches of them |
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
    name: "mnist-gru",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 2, lr: 0.01, hidden_size: 128, num_layers: 2, batch_size: Some(100) },
    pictures: &[commands::pictures::CONFUSION, commands::pictures::MISTAKES, "gates"],
    texts: &[],
};
