//! Lesson 1: an RNN reads the first two words of a sentence and says the third.
//!
//! The slides' notebook (TextRNN) in Rust, step by step: [`data`] makes one-hot vectors of six sentences, [`model`] is
//! the network, [`train`] the training loop, [`evaluate`] what the network says afterwards.
#![forbid(unsafe_code)]

pub mod cli;
pub mod data;
pub mod evaluate;
pub mod explain;
pub mod gates;
pub mod model;
pub mod predict;
mod report;
pub mod train;
pub mod trained;

use lesson_kit::{Defaults, FirstLosses, Lesson};

/// The picture of the hidden units.
pub const GATES: &str = "gates";

/// The notebook's values.
pub const LESSON: Lesson = Lesson {
    name: "text-rnn",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 500, lr: 0.01, hidden_size: 5, num_layers: 1, batch_size: None },
    pictures: &[GATES],
    tolerances: Lesson::SMOOTH,
    fused_losses: Some(FirstLosses { of: "epoch", count: 500, within: 1e-4 }),
};
