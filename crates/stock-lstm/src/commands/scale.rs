//! The scale of the prices with which a model was trained.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use lesson_kit::SavedModel;
use serde::Deserialize;

use crate::LESSON;
use crate::data::{CLOSE, MinMaxScaler, Prices, ScaleOn, training_days};

/// The scaler of `saved`, from the `config.json` beside the file. If there is none (weights from Python), or if `typed` is given,
/// a scaler is fitted to `prices`: on all days, as in the notebook, unless `typed` is something else.
///
/// # Errors
/// If the file cannot be read, or the prices cannot be scaled.
pub fn of_model(saved: &SavedModel, typed: Option<ScaleOn>, prices: &Prices) -> Result<MinMaxScaler> {
    let trained = if typed.is_none() { read(&saved.path().with_file_name("config.json"))? } else { None };
    let fit = || typed.unwrap_or(ScaleOn::All).fit(prices).context("the prices cannot be scaled");
    trained.map_or_else(fit, Ok)
}

/// The part of `config.json` that is read here.
#[derive(Deserialize)]
struct Config {
    lesson: Option<String>,
    scaler: Option<MinMaxScaler>,
}

fn read(config: &Path) -> Result<Option<MinMaxScaler>> {
    let text = match fs::read(config) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| config.display().to_string())?,
    };
    let config: Config = serde_json::from_slice(&text).with_context(|| config.display().to_string())?;
    Ok(config.scaler.filter(|_| config.lesson.as_deref() == Some(LESSON.name)))
}

/// The effect of `--scale-on train`, in one line.
pub fn describe(prices: &Prices, scaler: &MinMaxScaler) -> Result<String> {
    let days = training_days(prices.rows().len())?;
    let (low, high) = scaler.range(CLOSE);
    let closes = prices.rows().iter().map(|row| row[CLOSE]);
    let (lowest, highest) = (closes.clone().fold(low, f64::min), closes.fold(high, f64::max));
    Ok(format!(
        "Scaled on the {days} training days alone, closes {low:.2} to {high:.2}: the notebook scales on all {}, {lowest:.2} \
         to {highest:.2}, so that its training uses prices of the future",
        prices.rows().len()
    ))
}
