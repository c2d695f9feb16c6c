//! What the lesson prints after training, and `eval`.

use anyhow::Result;

use crate::data::{CLOSE, MinMaxScaler, Prices, training_days};
use crate::evaluate::Evaluation;
use crate::score::Score;

/// The table of scores, and what is to be thought of them.
pub fn lines(scores: &Evaluation) -> Vec<String> {
    let head = format!(
        "{:<24}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>11}",
        "Test score", "MSE", "RMSE", "MAE", "MSE, $^2", "RMSE, $", "MAE, $", "direction"
    );
    let rows = [
        row("LSTM", &scores.test),
        row("yesterday's close", &scores.persistence),
        row("yesterday's change again", &scores.trend),
    ];
    let rises = scores.share_of_rises.map(|share| {
        format!("The close rose on {:.1} % of the test days: \"up\" every day has that direction right.", 100.0 * share)
    });
    [head].into_iter().chain(rows).chain([String::new(), verdict(scores)]).chain(rises).collect()
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

/// The network beside the naive forecast that is hardest to beat.
fn verdict(scores: &Evaluation) -> String {
    let naive = [("yesterday's close", &scores.persistence), ("yesterday's change again", &scores.trend)];
    let (name, best) = if naive[1].1.mse < naive[0].1.mse { naive[1] } else { naive[0] };
    let percent = 100.0 * (scores.test.rmse() / best.rmse() - 1.0);
    match percent {
        percent if percent < 0.0 => format!("The LSTM's RMSE is {:.1} % below that of {name}.", -percent),
        percent => format!("The LSTM's RMSE is {percent:.1} % above that of {name}: no use as a forecast."),
    }
}

/// What `--scale-on train` changes.
///
/// # Errors
/// If the days are too few to train on.
pub fn scaled_on_train(prices: &Prices, scaler: &MinMaxScaler) -> Result<String> {
    let days = training_days(prices.rows().len())?;
    let (low, high) = scaler.range(CLOSE);
    let closes = prices.rows().iter().map(|row| row[CLOSE]);
    let (lowest, highest) = (closes.clone().fold(low, f64::min), closes.fold(high, f64::max));
    Ok(format!(
        "Scaled on the {days} training days alone, closes {low:.2} to {high:.2}: the notebook scales on all {}, {lowest:.2} \
         to {highest:.2}, which lets the future's prices into training",
        prices.rows().len()
    ))
}
