//! What the trained network is worth on the days that it has not seen.

use std::fmt;

use anyhow::Result;
use lesson_kit::compare::Results;
use lesson_kit::plot::{Line, LineChart};
use serde::Serialize;
use tch::{Device, Tensor};

use crate::data::{CLOSE, Dataset, MinMaxScaler};
use crate::model::StockRnn;
use crate::train::mse_loss;

/// The figures of `summary.json`; those of the test windows are about the next day's close.
///
/// The notebook prints its `F.mse_loss` as "RMSE"; here each has its own name. Dollars stand for the currency of the
/// file. Persistence is to say of every day that it closes as the day before did: a network that is not below its
/// figures has learned nothing of use.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Windows to train on.
    pub train_windows: i64,
    /// Windows to test with.
    pub test_windows: i64,
    /// Mean squared error of the network, in scaled units: 1 is the range of the closes in the file.
    pub test_mse: f64,
    /// Its root.
    pub test_rmse: f64,
    /// The same in squared dollars.
    pub test_mse_squared_dollars: f64,
    /// The same in dollars.
    pub test_rmse_dollars: f64,
    /// Mean squared error of persistence, in scaled units.
    pub persistence_mse: f64,
    /// Its root.
    pub persistence_rmse: f64,
    /// The same in squared dollars.
    pub persistence_mse_squared_dollars: f64,
    /// The same in dollars.
    pub persistence_rmse_dollars: f64,
}

impl Evaluation {
    /// What the notebook has beside it; `predicted` are the closes that are scored.
    ///
    /// # Errors
    /// If libtorch cannot copy a tensor.
    pub fn compared(&self, predicted: &Tensor, results: &mut Results) -> Result<()> {
        results.add("predictions", "closes", predicted)?;
        // They are float32 numbers, as the notebook's.
        results.add("scores", "test_mse", &Tensor::from(self.test_mse as f32))?;
        results.add("scores", "persistence_mse", &Tensor::from(self.persistence_mse as f32))
    }
}

/// What the network says of the test windows, scaled: (windows, 1).
///
/// # Errors
/// If libtorch refuses.
pub fn predict(model: &StockRnn, data: &Dataset) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    model.forward(&model.zero_state(data.test.count())?, &data.test.x)
}

/// Scores `predicted`, and persistence beside it.
///
/// # Errors
/// If libtorch refuses.
pub fn evaluate(predicted: &Tensor, data: &Dataset, scaler: &MinMaxScaler) -> Result<Evaluation> {
    let yesterday = data.test.x.f_select(1, -1)?.f_narrow(1, CLOSE as i64, 1)?;
    let test_mse = f64::try_from(&mse_loss(predicted, &data.test.y)?)?;
    let persistence_mse = f64::try_from(&mse_loss(&yesterday, &data.test.y)?)?;
    let dollars = scaler.span(CLOSE);
    Ok(Evaluation {
        train_windows: data.train.count(),
        test_windows: data.test.count(),
        test_mse,
        test_rmse: test_mse.sqrt(),
        test_mse_squared_dollars: test_mse * dollars * dollars,
        test_rmse_dollars: test_mse.sqrt() * dollars,
        persistence_mse,
        persistence_rmse: persistence_mse.sqrt(),
        persistence_mse_squared_dollars: persistence_mse * dollars * dollars,
        persistence_rmse_dollars: persistence_mse.sqrt() * dollars,
    })
}

/// The picture of true and predicted closes over the test period, in dollars.
///
/// # Errors
/// If libtorch refuses.
pub fn chart(predicted: &Tensor, data: &Dataset, scaler: &MinMaxScaler) -> Result<LineChart> {
    let line = |label: &str, closes: &Tensor| -> Result<Line> {
        let closes = Vec::<f32>::try_from(&closes.f_to_device(Device::Cpu)?.f_view([-1])?)?;
        let dollars = closes.iter().map(|&close| scaler.inverse(CLOSE, f64::from(close)));
        Ok(Line::new(label, (1..).map(f64::from).zip(dollars).collect()))
    };
    Ok(LineChart::new("stock-lstm: closes of the test period", "trading day", "dollars")
        .line(line("true", &data.test.y)?)
        .line(line("predicted", predicted)?))
}

/// The table of scores that the lesson prints.
impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["MSE, scaled", "RMSE, scaled", "MSE, dollars^2", "RMSE, dollars"];
        write!(f, "{:<17}", "Test score")?;
        head.iter().try_for_each(|name| write!(f, "  {name:>14}"))?;
        let rows = [
            ("LSTM", self.test_mse, self.test_rmse, self.test_mse_squared_dollars, self.test_rmse_dollars),
            (
                "yesterday's close",
                self.persistence_mse,
                self.persistence_rmse,
                self.persistence_mse_squared_dollars,
                self.persistence_rmse_dollars,
            ),
        ];
        rows.iter().try_for_each(|(name, mse, rmse, mse_dollars, rmse_dollars)| {
            write!(f, "\n{name:<17}  {mse:>14.6}  {rmse:>14.6}  {mse_dollars:>14.2}  {rmse_dollars:>14.2}")
        })
    }
}
