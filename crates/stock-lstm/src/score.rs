//! The errors of a forecast: how far the predicted closes are from the true ones.

use anyhow::Result;
use tch::{Device, Tensor};

use crate::train::mse_loss;

/// The errors of one forecast, in scaled units; [`Score::figures`] has them in dollars too.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Mean squared error.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// The share of days with the right direction, up or down, among the days on which the close changed. `None` if the
    /// forecast or the close never changes.
    pub direction_accuracy: Option<f64>,
    /// The value of a scaled 1 in dollars.
    dollars: f64,
}

impl Score {
    /// Compares `forecast` with `truth`.
    ///
    /// Both are scaled closes, (windows, 1). So is `yesterday`, the last close that each forecast could use. A scaled 1 is
    /// `dollars` dollars.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn new(forecast: &Tensor, truth: &Tensor, yesterday: &Tensor, dollars: f64) -> Result<Score> {
        let mse = f64::try_from(&mse_loss(forecast, truth)?)?; // in float32, as in the notebook
        let [forecast, truth, yesterday] = [values(forecast)?, values(truth)?, values(yesterday)?];
        let mae = forecast.iter().zip(&truth).map(|(forecast, truth)| (forecast - truth).abs()).sum::<f64>();
        let direction_accuracy = direction_accuracy(&changes(&forecast, &yesterday), &changes(&truth, &yesterday));
        Ok(Score { mse, mae: mae / truth.len() as f64, direction_accuracy, dollars })
    }

    /// Root mean squared error, in the unit of the closes. Large errors count more than in the mean absolute error.
    pub fn rmse(&self) -> f64 {
        self.mse.sqrt()
    }

    /// MSE in squared dollars, RMSE and MAE in dollars.
    pub fn in_dollars(&self) -> [f64; 3] {
        [self.mse * self.dollars * self.dollars, self.rmse() * self.dollars, self.mae * self.dollars]
    }

    /// All errors with their names in `summary.json`.
    pub fn figures(&self) -> [(&'static str, Option<f64>); 7] {
        let [mse, rmse, mae] = self.in_dollars();
        [
            ("mse", Some(self.mse)),
            ("rmse", Some(self.rmse())),
            ("mae", Some(self.mae)),
            ("mse_squared_dollars", Some(mse)),
            ("rmse_dollars", Some(rmse)),
            ("mae_dollars", Some(mae)),
            ("direction_accuracy", self.direction_accuracy),
        ]
    }
}

/// The share of rises among the days on which the close changed: the direction accuracy of predicting a rise every day.
/// `None` if the close never changes.
pub fn share_of_rises(truth: &Tensor, yesterday: &Tensor) -> Result<Option<f64>> {
    let changes = changes(&values(truth)?, &values(yesterday)?);
    Ok(direction_accuracy(&vec![1.0; changes.len()], &changes))
}

fn changes(closes: &[f64], yesterday: &[f64]) -> Vec<f64> {
    closes.iter().zip(yesterday).map(|(close, before)| close - before).collect()
}

fn direction_accuracy(forecast: &[f64], truth: &[f64]) -> Option<f64> {
    let changed: Vec<_> = forecast.iter().zip(truth).filter(|(_, truth)| **truth != 0.0).collect();
    let right = changed.iter().filter(|(forecast, truth)| **forecast * **truth > 0.0).count();
    let forecasts_a_change = forecast.iter().any(|change| *change != 0.0);
    (forecasts_a_change && !changed.is_empty()).then(|| right as f64 / changed.len() as f64)
}

/// The float32 values as f64, without rounding.
fn values(closes: &Tensor) -> Result<Vec<f64>> {
    Ok(Vec::<f32>::try_from(&closes.f_to_device(Device::Cpu)?.f_view([-1])?)?.into_iter().map(f64::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[f32]) -> Tensor {
        Tensor::from_slice(values).view([-1, 1])
    }

    // .venv/bin/python -c "import numpy as np; t, f, y = np.array([[1, 2, 4, 4], [2, 3, 2, 5], [2, 1, 4, 5.]])
    //   e = f - t; print((e**2).mean(), abs(e).mean(), (np.sign(f - y) == np.sign(t - y))[t != y].mean(), ((t > y)[t != y]).mean())"
    #[test]
    fn the_errors_equal_those_of_numpy() {
        let truth = column(&[1.0, 2.0, 4.0, 4.0]);
        let yesterday = column(&[2.0, 1.0, 4.0, 5.0]);
        let score = Score::new(&column(&[2.0, 3.0, 2.0, 5.0]), &truth, &yesterday, 10.0).unwrap();
        assert_eq!((score.mse, score.mae, score.direction_accuracy), (1.75, 1.25, Some(1.0 / 3.0)));
        assert_eq!(score.in_dollars(), [175.0, 1.75f64.sqrt() * 10.0, 12.5]);
        assert_eq!(share_of_rises(&truth, &yesterday).unwrap(), Some(1.0 / 3.0));
    }

    #[test]
    fn a_constant_forecast_or_close_has_no_direction_accuracy() {
        let (truth, yesterday) = (column(&[1.0, 3.0]), column(&[2.0, 2.0]));
        assert_eq!(Score::new(&yesterday, &truth, &yesterday, 1.0).unwrap().direction_accuracy, None);
        let still = Score::new(&truth, &yesterday, &yesterday, 1.0).unwrap();
        assert_eq!(still.direction_accuracy, None, "the closes did not move");
        assert_eq!(share_of_rises(&yesterday, &yesterday).unwrap(), None);
    }
}
