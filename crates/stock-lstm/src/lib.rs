//! Lesson 2: an LSTM reads a week of a stock's prices and says the next close.
//!
//! The slides' notebook (StockRNN) in Rust, step by step: [`data`] reads, scales and cuts the series into windows,
//! [`model`] is the network, [`train`] the training loop, [`evaluate`] what the network is worth on days it never saw.
#![forbid(unsafe_code)]

pub mod cli;
pub mod data;
pub mod evaluate;
pub mod explain;
pub mod gates;
pub mod model;
pub mod predict;
mod report;
pub mod score;
pub mod train;
pub mod trained;

use lesson_kit::{Defaults, FirstLosses, Lesson};

/// The picture of true and predicted closes.
pub const PREDICTIONS: &str = "predictions";

/// The picture of the gates.
pub const GATES: &str = "gates";

/// The notebook's values.
pub const LESSON: Lesson = Lesson {
    name: "stock-lstm",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 500, lr: 0.01, hidden_size: 10, num_layers: 1, batch_size: None },
    pictures: &[PREDICTIONS, GATES],
    tolerances: Lesson::SMOOTH,
    fused_losses: Some(FirstLosses { of: "epoch", count: 500, within: 1e-4 }),
};
