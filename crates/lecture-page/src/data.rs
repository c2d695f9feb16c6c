//! The sizes of the lessons' data, and functions of several networks.

use anyhow::{Context, Result};
use rnn_runtime::StateDict;

/// Rows of a digit and pixels of a row.
pub const SIDE: usize = 28;
/// The digits, 0 to 9.
pub const CLASSES: usize = 10;
/// The days of a window of prices.
pub const SEQ_LENGTH: usize = 7;
/// The columns of a price file: Open, High, Low, Volume, Close.
pub const COLUMNS: usize = 5;
/// The indices of the prices: all columns except Volume.
pub const PRICES: [usize; 4] = [0, 1, 2, 4];
/// The index of the close, which the network predicts.
pub const CLOSE: usize = 4;

/// Softmax in f64, as the lessons compute their probabilities.
pub fn softmax(scores: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut shares: Vec<f64> = scores.into_iter().collect();
    let largest = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    shares.iter_mut().for_each(|score| *score = (*score - largest).exp());
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    shares
}

/// The shape of a weight.
pub(crate) fn shape<'a>(weights: &'a StateDict, name: &str) -> Result<&'a [usize]> {
    Ok(weights.get(name).with_context(|| format!("the model has no {name}"))?.shape())
}
