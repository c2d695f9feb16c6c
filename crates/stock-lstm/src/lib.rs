//! Lesson 2: an LSTM reads a week of a stock's prices and predicts the next close.
//!
//! The slides' notebook (StockRNN) in Rust:
//!
//! | module | content |
//! |---|---|
//! | [`data`] | reads and scales the series, and cuts it into windows |
//! | [`model`] | the network |
//! | [`mod@train`] | the training loop |
//! | [`commands`] | the command line: `eval`, `predict`, `gates`, `compare`, `--explain` |
#![forbid(unsafe_code)]

pub mod commands;
pub mod data;
pub mod model;
pub mod train;

use lesson_kit::{Defaults, Lesson};

/// The picture of true and predicted closes.
pub const PREDICTIONS: &str = "predictions";

/// The notebook's values.
pub const LESSON: Lesson = Lesson {
    name: "stock-lstm",
    version: env!("CARGO_PKG_VERSION"),
    defaults: Defaults { epochs: 500, lr: 0.01, hidden_size: 10, num_layers: 1, batch_size: None },
    pictures: &[PREDICTIONS, "gates"],
    texts: &[],
};
