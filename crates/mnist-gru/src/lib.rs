//! Lesson 3: a GRU reads a handwritten digit row by row, as if the 28 rows were 28 words, and says which one it is.
//!
//! The slides' notebook (MNISTNN) in Rust, step by step: [`idx`] reads MNIST's files, [`data`] makes batches of them,
//! [`model`] is the network, [`train`] the training loop, [`evaluate`] its score on digits it has never seen, and
//! [`report`] shows what it gets wrong.
#![forbid(unsafe_code)]

pub mod cli;
pub mod data;
pub mod evaluate;
pub mod idx;
pub mod model;
pub mod report;
pub mod train;

use lesson_kit::{Defaults, Lesson, Tolerances};

/// The notebook's values.
pub const LESSON: Lesson = Lesson {
    name: "mnist-gru",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 2, lr: 0.01, hidden_size: 128, num_layers: 2, batch_size: Some(100) },
    pictures: &[report::CONFUSION, report::MISTAKES],
    tolerances: Tolerances {
        initial_weights: 1e-6,
        losses: 1e-4,
        final_weights: 1e-3,
        predictions: 1e-3,
        scores: 1e-3,
    },
};
