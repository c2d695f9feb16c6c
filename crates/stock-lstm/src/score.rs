//! How far forecasts are from the closes that came.

use anyhow::Result;
use tch::{Device, Tensor};

use crate::train::mse_loss;

/// The figures of one forecast, in scaled units; [`Score::figures`] has them in dollars as well.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Mean squared error.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Of the days on which the close moved, the share whose direction was forecast; `None` for a forecast that never
    /// moves, or closes that never do.
    pub direction_accuracy: Option<f64>,
    /// What a scaled 1 is in dollars.
    dollars: f64,
}

impl Score {
    /// Compares `forecast` with `truth`, both (windows, 1) and scaled; `yesterday` is the close before each. A scaled 1
    /// is `dollars`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn new(forecast: &Tensor, truth: &Tensor, yesterday: &Tensor, dollars: f64) -> Result<Score> {
        let mse = f64::try_from(&mse_loss(forecast, truth)?)?; // in float32, as the notebook
        let [forecast, truth, yesterday] = [values(forecast)?, values(truth)?, values(yesterday)?];
        let mae = forecast.iter().zip(&truth).map(|(forecast, truth)| (forecast - truth).abs()).sum::<f64>();
        let direction_accuracy = direction_accuracy(&changes(&forecast, &yesterday), &changes(&truth, &yesterday));
        Ok(Score { mse, mae: mae / truth.len() as f64, direction_accuracy, dollars })
    }

    /// Root of the mean squared error: an error of a usual size, large ones counting more.
    pub fn rmse(&self) -> f64 {
        self.mse.sqrt()
    }

    /// MSE, RMSE and MAE in (squared) dollars.
    pub fn in_dollars(&self) -> [f64; 3] {
        [self.mse * self.dollars * self.dollars, self.rmse() * self.dollars, self.mae * self.dollars]
    }

    /// All figures with their names.
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

/// The share of the days on which the close rose, of those on which it moved: the direction accuracy of who says "up"
/// every day.
///
/// # Errors
/// If libtorch refuses.
pub fn share_of_rises(truth: &Tensor, yesterday: &Tensor) -> Result<Option<f64>> {
    let changes = changes(&values(truth)?, &values(yesterday)?);
    Ok(direction_accuracy(&vec![1.0; changes.len()], &changes))
}

fn changes(closes: &[f64], yesterday: &[f64]) -> Vec<f64> {
    closes.iter().zip(yesterday).map(|(close, before)| close - before).collect()
}

fn direction_accuracy(forecast: &[f64], truth: &[f64]) -> Option<f64> {
    let moved: Vec<_> = forecast.iter().zip(truth).filter(|(_, truth)| **truth != 0.0).collect();
    let right = moved.iter().filter(|(forecast, truth)| **forecast * **truth > 0.0).count();
    let says_something = forecast.iter().any(|change| *change != 0.0);
    (says_something && !moved.is_empty()).then(|| right as f64 / moved.len() as f64)
}

/// float32 numbers, exactly.
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
    fn figures_are_numpys() {
        let truth = column(&[1.0, 2.0, 4.0, 4.0]);
        let yesterday = column(&[2.0, 1.0, 4.0, 5.0]);
        let score = Score::new(&column(&[2.0, 3.0, 2.0, 5.0]), &truth, &yesterday, 10.0).unwrap();
        assert_eq!((score.mse, score.mae, score.direction_accuracy), (1.75, 1.25, Some(1.0 / 3.0)));
        assert_eq!(score.in_dollars(), [175.0, 1.75f64.sqrt() * 10.0, 12.5]);
        assert_eq!(share_of_rises(&truth, &yesterday).unwrap(), Some(1.0 / 3.0));
    }

    #[test]
    fn who_never_moves_has_no_direction() {
        let (truth, yesterday) = (column(&[1.0, 3.0]), column(&[2.0, 2.0]));
        assert_eq!(Score::new(&yesterday, &truth, &yesterday, 1.0).unwrap().direction_accuracy, None);
        let still = Score::new(&truth, &yesterday, &yesterday, 1.0).unwrap();
        assert_eq!(still.direction_accuracy, None, "the closes did not move");
        assert_eq!(share_of_rises(&yesterday, &yesterday).unwrap(), None);
    }
}
