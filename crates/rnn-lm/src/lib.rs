//! The lecture's "RNN as a language model": a network reads a text word by word and says at every step how likely each
//! word of its vocabulary is to come next.
//!
//! For a corpus x1, .., xT the loss is the mean cross-entropy over all steps, `L = -1/T Σ log ŷ_t[x_(t+1)]`, and the
//! perplexity is `e^L`. Step by step: [`tokens`] cuts a text into words, [`data`] numbers them and lays them out in
//! columns, [`model`] is the network, [`train`] the training loop with truncated back-propagation through time,
//! [`evaluate`] the perplexity on text that it has not seen, and [`predict`] has it go on with a sentence.
#![forbid(unsafe_code)]

pub mod cli;
pub mod data;
pub mod evaluate;
pub mod explain;
pub mod model;
pub mod predict;
pub mod tokens;
pub mod train;
pub mod trained;

use lesson_kit::{Defaults, FirstLosses, Lesson};

/// The notebook's values.
pub const LESSON: Lesson = Lesson {
    name: "rnn-lm",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 5, lr: 0.006, hidden_size: 128, num_layers: 1, batch_size: Some(20) },
    pictures: &[],
    // Measured with ATEN_CPU_CAPABILITY=default and avx2 beside AVX-512, and three to ten times that: initial weights 3e-7,
    // batch losses 5e-3, epoch and validation losses 2e-4, words 2 of 10, scores 3e-2, perplexities 1e-3. The
    // final weights are up to a third of the largest one apart: 1425 steps lead to another place that is as good.
    tolerances: &[
        ("initial weights", 1e-5),
        ("losses/batch", 0.03),
        ("losses/epoch", 1e-3),
        ("losses/valid", 1e-3),
        ("predictions/words", 0.6),
        ("predictions/scores", 0.15),
        ("scores", 5e-3),
    ],
    fused_losses: Some(FirstLosses { of: "batch", count: 20, within: 1e-4 }),
};
