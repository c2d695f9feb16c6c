//! The data of the lesson: prices from a file, scaled, cut into windows of seven days, and split into training and test.
//!
//! | module | what it holds |
//! |---|---|
//! | [`prices`] | a price file, read into one row per day |
//! | [`columns`] | the columns of such a file |
//! | [`dates`] | its dates and their order |
//!
//! In the notebook: `min_max_scaler`, the loop that builds `dataX` and `dataY`, and the split.

pub mod columns;
pub mod dates;
pub mod prices;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

pub use columns::{CLOSE, COLUMNS, Row};
pub use dates::Order;
pub use prices::{Prices, SEQ_LENGTH};

/// The smallest number of days for two windows, one for training and one for test. Each window needs a next day.
pub const MIN_DAYS: usize = SEQ_LENGTH + 2;

/// The days whose minimum and maximum scale the prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleOn {
    /// All days, as in the notebook: the test days then influence the scale that training uses
    All,
    /// Only the days that training uses
    Train,
}

impl ScaleOn {
    /// Fits a scaler to these days of `prices`.
    ///
    /// # Errors
    /// If `prices` has fewer than [`MIN_DAYS`] days, a column is constant, or its range is too large for an f64.
    pub fn fit(self, prices: &Prices) -> Result<MinMaxScaler> {
        let days = training_days(prices.rows().len())?;
        MinMaxScaler::fit(match self {
            ScaleOn::All => prices.rows(),
            ScaleOn::Train => &prices.rows()[..days],
        })
    }
}

/// Min-max scaling of every column to 0..1: `(x - min) / (max - min + 1e-7)`, in f64 as NumPy computes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MinMaxScaler {
    min: Row,
    max: Row,
}

impl MinMaxScaler {
    /// Finds the minimum and the maximum of every column.
    ///
    /// # Errors
    /// If a column is constant, or its range is too large for an f64.
    pub fn fit(rows: &[Row]) -> Result<MinMaxScaler> {
        let fold = |start: f64, choose: fn(f64, f64) -> f64| -> Row {
            let column = |column| rows.iter().map(|row| row[column]).fold(start, choose);
            std::array::from_fn(column)
        };
        let (min, max) = (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max));
        for ((name, min), max) in COLUMNS.iter().zip(min).zip(max) {
            ensure!(min < max, "column {name}: every row has {min}, and a constant column cannot be scaled");
            ensure!((max - min).is_finite(), "column {name}: its values, from {min} to {max}, are too far apart");
        }
        Ok(MinMaxScaler { min, max })
    }

    /// Scales a row.
    pub fn transform(&self, row: &Row) -> Row {
        std::array::from_fn(|column| (row[column] - self.min[column]) / self.span(column))
    }

    /// Scales a row for the network: computed in f64, then rounded to f32.
    pub fn transform_f32(&self, row: &Row) -> [f32; COLUMNS.len()] {
        self.transform(row).map(|value| value as f32)
    }

    /// Converts a scaled value of `column` back to its original unit.
    pub fn inverse(&self, column: usize, scaled: f64) -> f64 {
        scaled * self.span(column) + self.min[column]
    }

    /// The original value of a scaled difference of 1 in `column`: `max - min + 1e-7`.
    pub fn span(&self, column: usize) -> f64 {
        self.max[column] - self.min[column] + 1e-7 // the notebook's guard against division by zero
    }

    /// The minimum and the maximum of `column`.
    pub fn range(&self, column: usize) -> (f64, f64) {
        (self.min[column], self.max[column])
    }
}

/// Windows of days and the close after each of them, scaled, float32.
#[derive(Debug)]
pub struct Windows {
    /// The days: (windows, [`SEQ_LENGTH`], columns).
    pub x: Tensor,
    /// The close of the next day: (windows, 1).
    pub y: Tensor,
}

impl Windows {
    fn new(x: &[f32], y: &[f32], device: Device) -> Result<Windows> {
        let x = Tensor::from_slice(x).f_view([-1, SEQ_LENGTH as i64, COLUMNS.len() as i64])?;
        let y = Tensor::from_slice(y).f_view([-1, 1])?;
        Ok(Windows { x: x.f_to_device(device)?, y: y.f_to_device(device)? })
    }

    /// The number of windows.
    pub fn count(&self) -> i64 {
        self.y.size()[0]
    }
}

/// The windows of a series: the first 70 % for training, the rest for test.
#[derive(Debug)]
pub struct Dataset {
    /// The notebook's `trainX` and `trainY`.
    pub train: Windows,
    /// The notebook's `testX` and `testY`: later days, which training does not use.
    pub test: Windows,
}

impl Dataset {
    /// Scales the prices and cuts them into windows, as the notebook does.
    ///
    /// # Errors
    /// If there are fewer than [`MIN_DAYS`] days.
    pub fn new(prices: &Prices, scaler: &MinMaxScaler, device: Device) -> Result<Dataset> {
        let train_size = train_windows(prices.rows().len())?;
        let scaled: Vec<_> = prices.rows().iter().map(|row| scaler.transform_f32(row)).collect();
        let mut data_x = Vec::new();
        let mut data_y = Vec::new();
        for days in scaled.windows(SEQ_LENGTH + 1) {
            data_x.extend_from_slice(days[..SEQ_LENGTH].as_flattened());
            data_y.push(days[SEQ_LENGTH][CLOSE]);
        }
        let (train_x, test_x) = data_x.split_at(train_size * SEQ_LENGTH * COLUMNS.len());
        let (train_y, test_y) = data_y.split_at(train_size);
        Ok(Dataset { train: Windows::new(train_x, train_y, device)?, test: Windows::new(test_x, test_y, device)? })
    }
}

/// The number of training windows of a series of `days` days: 70 %, rounded down.
fn train_windows(days: usize) -> Result<usize> {
    ensure!(
        days >= MIN_DAYS,
        "too few days: {days}; {MIN_DAYS} are needed, for two windows of {SEQ_LENGTH} days and the day after each"
    );
    Ok(((days - SEQ_LENGTH) as f64 * 0.7) as usize)
}

/// The number of days of a series of `days` days that training uses: its windows and the day after the last window.
///
/// # Errors
/// If there are fewer than [`MIN_DAYS`] days.
pub fn training_days(days: usize) -> Result<usize> {
    Ok(train_windows(days)? + SEQ_LENGTH)
}

/// One window of scaled days as a batch: (1, days, columns).
pub fn one_window(days: &[[f32; COLUMNS.len()]], device: Device) -> Result<Tensor> {
    let x = Tensor::from_slice(days.as_flattened()).f_view([1, -1, COLUMNS.len() as i64])?;
    Ok(x.f_to_device(device)?)
}
