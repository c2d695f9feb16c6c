//! Min-max scaling: every column between 0 and 1.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::windows::train_windows;
use super::{COLUMNS, Prices, Row, SEQ_LENGTH};

/// What the notebook adds to the denominator, against division by zero.
const EPSILON: f64 = 1e-7;

/// Whose extremes scale the days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleOn {
    /// All days', as in the notebook: the test days have a hand in the scale on which the network is trained.
    All,
    /// Those of the days that training sees.
    Train,
}

impl ScaleOn {
    /// The scaler for these days.
    ///
    /// # Errors
    /// If they are too few to train on, or as [`MinMaxScaler::fit`].
    pub fn fit(self, prices: &Prices) -> Result<MinMaxScaler> {
        let rows = prices.rows();
        let days = training_days(rows.len())?;
        MinMaxScaler::fit(match self {
            ScaleOn::All => rows,
            ScaleOn::Train => &rows[..days],
        })
    }
}

/// How many of `days` training sees: those of its windows, and the one after the last of them.
///
/// # Errors
/// If they are too few to train on.
pub fn training_days(days: usize) -> Result<usize> {
    Ok(train_windows(days)? + SEQ_LENGTH)
}

/// `(x - min) / (max - min + 1e-7)` for each column, in f64 as NumPy computes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MinMaxScaler {
    min: Row,
    max: Row,
}

impl MinMaxScaler {
    /// Takes the extremes of `rows`, whose values are finite.
    ///
    /// # Errors
    /// If a column is constant, which leaves nothing to scale, or its span is no finite number.
    pub fn fit(rows: &[Row]) -> Result<MinMaxScaler> {
        let fold = |start: f64, choose: fn(f64, f64) -> f64| {
            rows.iter().fold([start; COLUMNS.len()], |extreme, row| {
                std::array::from_fn(|column| choose(extreme[column], row[column]))
            })
        };
        let (min, max) = (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max));
        for ((name, min), max) in COLUMNS.iter().zip(min).zip(max) {
            ensure!(min < max, "column {name}: every row has {min}, and a constant column cannot be scaled");
            ensure!((max - min).is_finite(), "column {name}: its values, from {min} to {max}, are too far apart");
        }
        Ok(MinMaxScaler { min, max })
    }

    /// The scaled row.
    pub fn transform(&self, row: &Row) -> Row {
        std::array::from_fn(|column| (row[column] - self.min[column]) / self.span(column))
    }

    /// The same as the network gets it: computed in f64, as NumPy does, and only then rounded.
    pub fn transform_f32(&self, row: &Row) -> [f32; COLUMNS.len()] {
        self.transform(row).map(|value| value as f32)
    }

    /// The value of `column` that `scaled` stands for.
    pub fn inverse(&self, column: usize, scaled: f64) -> f64 {
        scaled * self.span(column) + self.min[column]
    }

    /// How much of `column` a scaled 1 is: what a difference is multiplied by.
    pub fn span(&self, column: usize) -> f64 {
        self.max[column] - self.min[column] + EPSILON
    }

    /// The least and the greatest value of `column`, which become 0 and 1.
    pub fn range(&self, column: usize) -> (f64, f64) {
        (self.min[column], self.max[column])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{CLOSE, Order};

    // cd notebooks-ref && ../.venv/bin/python -c "from stock_lstm import *; prices = load_prices();
    //   print(min_max_scaler(prices)[[0, 365, 731]].tolist(), np.ptp(prices[:, 4]) + 1e-7)"
    #[test]
    fn the_committed_series_scales_to_numpys_figures() {
        let prices = Prices::read(&test_support::workspace().join("data/goog.csv"), Order::OldestFirst).unwrap();
        let scaler = ScaleOn::All.fit(&prices).unwrap();
        let numpy = [
            [0.3573666856433782, 0.35072478935624857, 0.35865541634222764, 0.08718387390031393, 0.3564108095484086],
            [0.2569007329199977, 0.2581659829046651, 0.25092542181520827, 0.13254568751386864, 0.2589136414426578],
            [0.9795634755771101, 0.9950093510588602, 0.9867174738740562, 0.09543017487598301, 0.9982199684453801],
        ];
        for (row, numpy) in [0, 365, 731].into_iter().zip(numpy) {
            assert_eq!(scaler.transform(&prices.rows()[row]), numpy, "row {row}");
        }
        assert_eq!(scaler.span(CLOSE), 370.78000010000005);
        assert!((scaler.inverse(CLOSE, numpy[2][CLOSE]) - 806.19).abs() < 1e-9);
    }

    // cd notebooks-ref && ../.venv/bin/python -c "from stock_lstm import *; prices = load_prices()[:514]
    //   print(prices[:, 4].min(), prices[:, 4].max(), len(dataX[:507]) + 7)"
    #[test]
    fn the_training_part_is_scaled_on_what_training_sees() {
        let prices = Prices::read(&test_support::workspace().join("data/goog.csv"), Order::OldestFirst).unwrap();
        assert_eq!(training_days(prices.rows().len()).unwrap(), 514);
        assert_eq!(ScaleOn::Train.fit(&prices).unwrap().range(CLOSE), (436.07, 668.28));
        assert_eq!(ScaleOn::All.fit(&prices).unwrap().range(CLOSE), (436.07, 806.85));
    }

    #[test]
    fn a_constant_column_is_an_error() {
        let rows = [[1.0, 2.0, 3.0, 0.0, 5.0], [2.0, 3.0, 4.0, 0.0, 6.0]];
        let message = MinMaxScaler::fit(&rows).unwrap_err().to_string();
        assert_eq!(message, "column Volume: every row has 0, and a constant column cannot be scaled");
    }

    #[test]
    fn a_span_beyond_f64_is_an_error() {
        let rows = [[1.0, 2.0, -1e308, 0.0, 5.0], [2.0, 3.0, 1e308, 1.0, 6.0]];
        let message = MinMaxScaler::fit(&rows).unwrap_err().to_string();
        assert!(message.starts_with("column Low: its values, from -1"), "{message}");
    }
}
