//! The scale of the prices that a model was trained with.

use anyhow::{Context, Result};
use lesson_kit::SavedModel;

use crate::data::{CLOSE, MinMaxScaler, Prices, ScaleOn, training_days};

/// The scaler that `saved` was trained with, or a scaler that is fitted on the days of `typed`.
///
/// # Errors
/// If `typed` is not given and the options of the training are not known, or the prices cannot be scaled.
pub fn of_model(saved: &SavedModel, typed: Option<ScaleOn>, prices: &Prices) -> Result<MinMaxScaler> {
    if let Some(days) = typed {
        return days.fit(prices).context("the prices cannot be scaled");
    }
    let scaler = saved.config().and_then(|config| Ok(serde_json::from_value(config["scaler"].clone())?));
    scaler.with_context(|| {
        format!(
            "{}: it is not known how the prices were scaled in training; add --scale-on all, the notebook's scale, or \
             --scale-on train",
            saved.path().display()
        )
    })
}

/// The effect of `--scale-on train`, in one line.
pub fn describe(prices: &Prices, scaler: &MinMaxScaler) -> Result<String> {
    let days = training_days(prices.rows().len())?;
    let (low, high) = scaler.range(CLOSE);
    let closes = prices.rows().iter().map(|row| row[CLOSE]);
    let (lowest, highest) = (closes.clone().fold(low, f64::min), closes.fold(high, f64::max));
    Ok(format!(
        "Scaled on the {days} training days only, closes {low:.2} to {high:.2}; the notebook scales on all {} days, \
         closes {lowest:.2} to {highest:.2}, so its training uses the range of the test prices",
        prices.rows().len()
    ))
}
