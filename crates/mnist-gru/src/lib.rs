//! Lesson 3: a GRU reads a handwritten digit row by row, as if the 28 rows were 28 words, and says which one it is.
//!
//! The slides' notebook (MNISTNN) in Rust, step by step: [`idx`] reads MNIST's files, [`data`] makes batches of them,
//! [`model`] is the network, [`train`] the training loop, [`evaluate`] its score on digits it has never seen, and
//! [`report`] shows what it gets wrong. [`predict`] asks it about a digit of one's own, which [`image`] and [`normalise`]
//! make one of MNIST's; [`gates`] shows what goes on in it meanwhile, and [`explain`] how it is built.
#![forbid(unsafe_code)]

pub mod cli;
pub mod data;
pub mod evaluate;
pub mod explain;
pub mod gates;
pub mod idx;
pub mod image;
pub mod input;
pub mod model;
pub mod normalise;
pub mod predict;
pub mod report;
pub mod train;
pub mod trained;

use lesson_kit::{Defaults, FirstLosses, Lesson};

/// The notebook's values.
pub const LESSON: Lesson = Lesson {
    name: "mnist-gru",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 2, lr: 0.01, hidden_size: 128, num_layers: 2, batch_size: Some(100) },
    pictures: &[report::CONFUSION, report::MISTAKES, gates::GATES],
    // Measured with ATEN_CPU_CAPABILITY=default and avx2 beside AVX-512 (docs/parity.md); the weights and the confusion
    // matrix that 1200 steps lead to are others altogether.
    tolerances: &[
        ("initial weights", 1e-5),
        ("batch order", 0.0),
        ("losses/batch", 0.25),
        ("losses/epoch", 0.05),
        ("predictions", 0.15),
        ("scores/test_loss", 0.6),
        ("scores/test_accuracy", 0.05),
    ],
    fused_losses: Some(FirstLosses { of: "batch", count: 20, within: 1e-4 }),
};
