//! The score of a trained network on days that training does not use.

use anyhow::Result;
use lesson_kit::Evaluation;
use lesson_kit::plot::{Line, LineChart, Stack};
use serde::ser::{Serialize, SerializeMap, Serializer};
use tch::{Device, Tensor};

use super::score::{Score, share_of_rises};
use crate::data::dates::date_ticks;
use crate::data::{CLOSE, Dataset, MinMaxScaler, Prices};
use crate::model::StockRnn;

/// The scores on the test windows; `summary.json` has all of [`Score::figures`] under `test_`, `persistence_` and `trend_`.
///
/// The notebook prints its `F.mse_loss` as "RMSE"; here each has its own name. "Dollars" is the currency of the
/// file. A network that is not better than the two naive forecasts has learned nothing useful.
#[derive(Debug)]
pub struct Scores {
    /// Number of windows for training.
    pub train_windows: i64,
    /// Number of windows for test.
    pub test_windows: i64,
    /// The network.
    pub test: Score,
    /// Naive forecast: every day closes like the day before.
    pub persistence: Score,
    /// Naive forecast: every day changes like the day before.
    pub trend: Score,
    /// The share of test days whose close rose, among those whose close changed.
    pub share_of_rises: Option<f64>,
    /// The predicted closes, scaled: (windows, 1).
    predicted: Tensor,
}

impl Serialize for Scores {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("train_windows", &self.train_windows)?;
        map.serialize_entry("test_windows", &self.test_windows)?;
        for (who, score) in [("test", &self.test), ("persistence", &self.persistence), ("trend", &self.trend)] {
            for (name, figure) in score.figures() {
                map.serialize_entry(&format!("{who}_{name}"), &figure)?;
            }
        }
        map.serialize_entry("share_of_rises", &self.share_of_rises)?;
        map.end()
    }
}

/// The predicted closes of the test windows, scaled: (windows, 1).
pub fn predict(model: &StockRnn, data: &Dataset) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    model.forward(&model.zero_state(data.test.count())?, &data.test.x)
}

/// Scores `predicted` and the two naive forecasts.
pub fn evaluate(predicted: Tensor, data: &Dataset, scaler: &MinMaxScaler) -> Result<Scores> {
    let truth = &data.test.y;
    let close = |day: i64| data.test.x.f_select(1, day)?.f_narrow(1, CLOSE as i64, 1);
    let (yesterday, before) = (close(-1)?, close(-2)?);
    let same_change = yesterday.f_add(&yesterday.f_sub(&before)?)?;
    let score = |forecast: &Tensor| Score::new(forecast, truth, &yesterday, scaler.span(CLOSE));
    Ok(Scores {
        train_windows: data.train.count(),
        test_windows: data.test.count(),
        test: score(&predicted)?,
        persistence: score(&yesterday)?,
        trend: score(&same_change)?,
        share_of_rises: share_of_rises(truth, &yesterday)?,
        predicted,
    })
}

impl Evaluation for Scores {
    /// The table of scores, and a comparison with the naive forecasts.
    fn lines(&self) -> Vec<String> {
        let heading = format!(
            "{:<24}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>11}",
            "Test score", "MSE", "RMSE", "MAE", "MSE, $^2", "RMSE, $", "MAE, $", "direction"
        );
        let mut lines = vec![
            heading,
            row("LSTM", &self.test),
            row("yesterday's close", &self.persistence),
            row("yesterday's change again", &self.trend),
            String::new(),
            self.verdict(),
        ];
        lines.extend(self.share_of_rises.map(|share| {
            format!(
                "The close rose on {:.1} % of the test days: predicting \"up\" every day has that accuracy.",
                100.0 * share
            )
        }));
        lines
    }

    fn tensors(&self) -> Result<Vec<(&'static str, &'static str, Tensor)>> {
        Ok(vec![
            ("predictions", "closes", self.predicted.shallow_clone()),
            // The notebook computes them in float32.
            ("scores", "test_mse", Tensor::from(self.test.mse as f32)),
            ("scores", "persistence_mse", Tensor::from(self.persistence.mse as f32)),
        ])
    }
}

impl Scores {
    /// Compares the network with the better one of the naive forecasts.
    fn verdict(&self) -> String {
        let naive = [("yesterday's close", &self.persistence), ("yesterday's change again", &self.trend)];
        let (name, best) = if naive[1].1.mse < naive[0].1.mse { naive[1] } else { naive[0] };
        match 100.0 * (self.test.rmse() / best.rmse() - 1.0) {
            percent if percent < 0.0 => format!("The LSTM's RMSE is {:.1} % below that of {name}.", -percent),
            percent => {
                format!("The LSTM's RMSE is {percent:.1} % above that of {name}: it is not useful as a forecast.")
            }
        }
    }
}

fn row(name: &str, score: &Score) -> String {
    let [mse, rmse, mae] = score.in_dollars();
    let direction = score.direction_accuracy.map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share));
    format!(
        "{name:<24}{:>10.6}{:>10.6}{:>10.6}{mse:>10.2}{rmse:>10.2}{mae:>10.2}{direction:>11}",
        score.mse,
        score.rmse(),
        score.mae
    )
}

/// The number of days in the chart of the last days.
const LAST_DAYS: usize = 40;

/// The picture of true and predicted closes in dollars, and of yesterday's close: over the test period, and over its last
/// days, where the lines are far enough apart to be compared.
pub fn charts(predicted: &Tensor, data: &Dataset, prices: &Prices, scaler: &MinMaxScaler) -> Result<Stack> {
    let dollars = |closes: &Tensor| -> Result<Vec<f64>> {
        let closes = Vec::<f32>::try_from(&closes.f_to_device(Device::Cpu)?.f_reshape([-1])?)?;
        Ok(closes.iter().map(|&close| scaler.inverse(CLOSE, f64::from(close))).collect())
    };
    let yesterday = data.test.x.f_select(1, -1)?.f_select(1, CLOSE as i64)?;
    let lines = [
        ("true", dollars(&data.test.y)?),
        ("predicted", dollars(predicted)?),
        ("yesterday's close", dollars(&yesterday)?),
    ];
    let count = data.test.count() as usize;
    let chart = |title: &str, height: u32, shown: usize| {
        let first = count.saturating_sub(shown);
        let dates = prices.dates().get(prices.rows().len() - count + first..).unwrap_or_default();
        let x_label = if dates.is_empty() { "test day" } else { "date" };
        let mut chart = LineChart::new(title, x_label, "dollars").height(height);
        if !dates.is_empty() {
            let place = |(index, label)| ((first + index + 1) as f64, label);
            chart = chart.x_ticks(date_ticks(dates).into_iter().map(place).collect());
        }
        lines.iter().fold(chart, |chart, (label, closes)| {
            let points = closes.iter().enumerate().skip(first).map(|(day, &close)| ((day + 1) as f64, close));
            chart.line(Line::new(*label, points.collect()))
        })
    };
    let whole = chart("stock-lstm: closes of the test period", 420, count);
    if count <= LAST_DAYS {
        return Ok(Stack(vec![whole]));
    }
    Ok(Stack(vec![whole, chart(&format!("the last {LAST_DAYS} days"), 360, LAST_DAYS)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Order, ScaleOn};

    // .venv/bin/python -c "import numpy as np; lines = [l for l in open('data/goog.csv') if l[0].isdigit()][::-1]
    //   x = np.array([[float(v) for v in l.split(',')[1:]] for l in lines]); span = np.ptp(x, 0) + 1e-7
    //   s = ((x - x.min(0)) / span).astype('float32')[:, 4].astype('float64'); t, y, b = s[514:], s[513:-1], s[512:-2]
    //   for f in (y, 2*y - b, (y + b) / 2): e = f - t; print((e**2).mean(), abs(e).mean(), abs(e).mean() * span[4],
    //     (np.sign(f - y) == np.sign(t - y)).mean(), (t > y).mean())"  # t != y everywhere
    #[test]
    fn the_committed_series_scores_as_in_numpy() {
        let prices = Prices::read(&test_support::workspace().join("data/goog.csv"), Order::OldestFirst).unwrap();
        let scaler = ScaleOn::All.fit(&prices).unwrap();
        let data = Dataset::new(&prices, &scaler, Device::Cpu).unwrap();
        // The mean of the last two closes replaces a network.
        let half_way = data.test.x.narrow(1, 5, 2).narrow(2, CLOSE as i64, 1).mean_dim(1, false, tch::Kind::Float);
        let scores = evaluate(half_way, &data, &scaler).unwrap();
        for (score, [mse, mae, mae_dollars, direction]) in [
            (
                &scores.persistence,
                [0.000_621_932_250_494_494, 0.017_577_443_374_406_306, 6.517_364_456_120_093, f64::NAN],
            ),
            (
                &scores.trend,
                [
                    0.001_202_605_740_831_077_3,
                    0.025_644_497_997_170_196,
                    9.508_466_969_955_217,
                    0.495_412_844_036_697_2,
                ],
            ),
            (
                &scores.test,
                [
                    0.000_797_728_124_095_012_1,
                    0.020_355_811_564_747_348,
                    7.547_527_814_012_604,
                    0.504_587_155_963_302_7,
                ],
            ),
        ] {
            let close = |one: f64, other: f64| assert!((one / other - 1.0).abs() < 1e-6, "{one} is not {other}");
            close(score.mse, mse);
            close(score.mae, mae);
            close(score.in_dollars()[2], mae_dollars);
            match score.direction_accuracy {
                Some(share) => close(share, direction),
                None => assert!(direction.is_nan()),
            }
        }
        assert_eq!(scores.share_of_rises, Some(118.0 / 218.0));
    }
}
