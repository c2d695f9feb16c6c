//! Lesson 2: an LSTM reads seven days of prices and predicts the next close.

use anyhow::{Context, Result, ensure};
use rnn_runtime::ndarray::{Array1, Array2, ArrayView2, ArrayView3, Axis};
use rnn_runtime::pt_file::{Tensor, Value};
use rnn_runtime::{Lstm, Options, StateDict};

use crate::data::{CLOSE, COLUMNS, PRICES, SEQ_LENGTH, shape};

/// The values of one day: Open, High, Low, Volume, Close.
pub type Row = [f64; COLUMNS];

/// Min-max scaling, as in the lesson: `(x - min) / (max - min + 1e-7)`, in f64.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaler {
    /// The smallest value of each column.
    pub min: Row,
    /// The largest value of each column.
    pub max: Row,
}

impl Scaler {
    fn span(&self, column: usize) -> f64 {
        self.max[column] - self.min[column] + 1e-7
    }

    /// Scales a day for the network.
    pub fn transform(&self, row: &Row) -> [f32; COLUMNS] {
        std::array::from_fn(|column| ((row[column] - self.min[column]) / self.span(column)) as f32)
    }

    /// A scaled close in dollars.
    pub fn dollars(&self, close: f32) -> f64 {
        f64::from(close) * self.span(CLOSE) + self.min[CLOSE]
    }
}

/// What the forget gate does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgetGate {
    /// As trained.
    Trained,
    /// f = 0 in every unit on every day: nothing is kept.
    Closed,
    /// f = 1: everything is kept.
    Open,
}

/// A window of seven days in the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Week {
    /// The predicted close in dollars.
    pub close: f64,
    /// i, f, g, o, c, h: (days, units), row by row.
    pub gates: [Vec<f32>; 6],
}

/// The network of stock-lstm: `nn.LSTM`, then `h W + b`.
#[derive(Debug)]
pub struct StockRnn {
    /// As trained, with a closed forget gate, and with an open one.
    lstms: [Lstm; 3],
    w: Array1<f32>,
    b: f32,
}

impl StockRnn {
    /// Reads `model.pt`.
    ///
    /// # Errors
    /// If the file has another model, or several layers.
    pub fn from_bytes(model: &[u8]) -> Result<StockRnn> {
        let weights = StateDict::from_bytes(model)?;
        let rnn = weights.prefix("rnn");
        let lstm = Lstm::from_state_dict(&rnn, Options::default())?;
        let (layers, columns, hidden) = (lstm.num_layers(), lstm.input_size(), lstm.hidden_size());
        ensure!(layers == 1, "the page draws one layer, as on the slides, and this model has {layers}");
        ensure!(columns == COLUMNS, "the model reads {columns} columns, not {COLUMNS}");
        let (w, b): (Array2<f32>, Array1<f32>) = (weights.array("W")?, weights.array("b")?);
        ensure!(w.dim() == (hidden, 1) && b.len() == 1, "W has the shape {:?}", w.shape());
        Ok(StockRnn {
            lstms: [lstm, with_forget_bias(&rnn, -FIXED)?, with_forget_bias(&rnn, FIXED)?],
            w: w.column(0).to_owned(),
            b: b[0],
        })
    }

    /// The number of units.
    pub fn hidden_size(&self) -> usize {
        self.w.len()
    }

    /// The scaled closes after windows, (windows, 7, 5).
    fn closes(&self, windows: ArrayView3<'_, f32>) -> Result<Vec<f32>> {
        let layer = &self.lstms[0];
        let windows = windows.permuted_axes([1, 0, 2]); // (days, batch, columns)
        let (output, _) = layer.forward(windows, None)?;
        let last = output.index_axis(Axis(0), SEQ_LENGTH - 1);
        Ok((last.dot(&self.w) + self.b).to_vec())
    }

    /// The predicted close in dollars after each window of `days`.
    ///
    /// # Errors
    /// If there are fewer than seven days.
    pub fn predict(&self, scaler: &Scaler, days: &[Row]) -> Result<Vec<f64>> {
        ensure!(days.len() >= SEQ_LENGTH, "{} days, and a window has {SEQ_LENGTH}", days.len());
        let scaled: Vec<_> = days.iter().map(|row| scaler.transform(row)).collect();
        let windows: Vec<f32> = scaled.windows(SEQ_LENGTH).flat_map(|window| window.as_flattened()).copied().collect();
        let count = days.len() + 1 - SEQ_LENGTH;
        let closes = self.closes(ArrayView3::from_shape((count, SEQ_LENGTH, COLUMNS), &windows)?)?;
        Ok(closes.into_iter().map(|close| scaler.dollars(close)).collect())
    }

    /// A window of seven days, step by step.
    ///
    /// # Errors
    /// If the window has another number of days.
    pub fn week(&self, scaler: &Scaler, window: &[Row], forget: ForgetGate) -> Result<Week> {
        ensure!(window.len() == SEQ_LENGTH, "{} days, and a window has {SEQ_LENGTH}", window.len());
        let scaled: Vec<f32> = window.iter().flat_map(|row| scaler.transform(row)).collect();
        let x = ArrayView2::from_shape((SEQ_LENGTH, COLUMNS), &scaled)?;
        let lstm = match forget {
            ForgetGate::Trained => &self.lstms[0],
            ForgetGate::Closed => &self.lstms[1],
            ForgetGate::Open => &self.lstms[2],
        };
        let trace = lstm.trace(x, None)?;
        let mut gates: [Vec<f32>; 6] = Default::default();
        for (to, name) in gates.iter_mut().zip(["i", "f", "g", "o", "c", "h"]) {
            to.extend(trace.gate(name, 0, 0)?);
        }
        let close = trace.output.row(SEQ_LENGTH - 1).dot(&self.w) + self.b;
        Ok(Week { close: scaler.dollars(close), gates })
    }

    /// How much the predicted close changes, in dollars, if all prices of one day of the window are `change` dollars higher:
    /// a number for each day.
    ///
    /// # Errors
    /// If the window has another number of days.
    pub fn sensitivity(&self, scaler: &Scaler, window: &[Row], change: f64) -> Result<Vec<f64>> {
        let before = self.predict(scaler, window)?;
        let before = before.first().context("no window")?;
        let changed = |day: usize| -> Result<f64> {
            let mut window = window.to_vec();
            PRICES.into_iter().for_each(|column| window[day][column] += change);
            Ok(self.predict(scaler, &window)?.first().context("no window")? - before)
        };
        (0..window.len()).map(changed).collect()
    }
}

/// A bias so large that the sigmoid is 0 or 1.
const FIXED: f32 = 1e4;

/// The layer with this bias in all rows of the forget gate.
fn with_forget_bias(weights: &StateDict, bias: f32) -> Result<Lstm> {
    let hidden = shape(weights, "weight_hh_l0")?[1];
    let name = "bias_ih_l0";
    let mut biases: Array1<f32> = weights.array(name)?;
    biases.iter_mut().skip(hidden).take(hidden).for_each(|value| *value = bias); // the rows of i, f, g, o
    let changed = Tensor::from_slice(&biases.to_vec(), &[biases.len()])?;
    let tensors = weights.names().filter_map(|found| {
        let tensor = if found == name { Some(&changed) } else { weights.get(found) };
        Some((found, tensor?.clone()))
    });
    Ok(Lstm::from_state_dict(&StateDict::from_value(&Value::state_dict(tensors))?, Options::default())?)
}
