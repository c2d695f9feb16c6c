//! The scale of the prices that a model was trained with.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use lesson_kit::SavedModel;
use serde::Deserialize;

use crate::LESSON;
use crate::data::{CLOSE, MinMaxScaler, Prices, ScaleOn, training_days};

/// The scaler that `saved` was trained with, from `config.json` in the folder of the model.
///
/// If `typed` is given, or the folder has no scaler (weights from Python), a scaler is fitted to `prices`: on the days
/// of `typed`, by default on all days, as in the notebook.
///
/// # Errors
/// If `config.json` exists and cannot be read, or the prices cannot be scaled.
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
        "Scaled on the {days} training days only, closes {low:.2} to {high:.2}; the notebook scales on all {} days, \
         closes {lowest:.2} to {highest:.2}, so its training uses the range of the test prices",
        prices.rows().len()
    ))
}
