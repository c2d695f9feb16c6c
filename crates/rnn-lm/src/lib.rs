//! The lecture's "RNN as a language model": a network reads a text word by word and says at every step how likely each
//! word of its vocabulary is to come next.
//!
//! For a corpus x1, .., xT the loss is the mean cross-entropy over all steps, `L = -1/T Σ log ŷ_t[x_(t+1)]`, and the
//! perplexity is `e^L`. Step by step: [`tokens`] cuts a text into words, [`corpus`] numbers them and lays them out in
//! columns, [`model`] is the network, [`train`] the training loop with truncated back-propagation through time,
//! [`evaluate`] the perplexity on text that it has not seen, and [`predict`] has it go on with a sentence.
#![forbid(unsafe_code)]

mod bars;
pub mod cli;
pub mod corpus;
pub mod evaluate;
pub mod model;
pub mod predict;
pub mod random;
pub mod tokens;
pub mod train;
pub mod trained;

use lesson_kit::{Defaults, Lesson};

/// The notebook's values.
pub const LESSON: Lesson = Lesson {
    name: "rnn-lm",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 5, lr: 0.006, hidden_size: 128, num_layers: 1, batch_size: Some(20) },
    pictures: &[],
    tolerances: &[],
};
