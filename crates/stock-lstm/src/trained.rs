//! Trained weights and the scale on which they were trained, from a run folder.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use lesson_kit::SavedModel;
use serde::Deserialize;
use tch::Device;
use tch::nn::VarStore;

use crate::LESSON;
use crate::data::{COLUMNS, MinMaxScaler, Prices, ScaleOn};
use crate::model::StockRnn;

/// The network with the saved weights; its sizes are theirs.
///
/// # Errors
/// If the file holds another model.
pub fn load(saved: &SavedModel, device: Device) -> Result<StockRnn> {
    let vs = VarStore::new(device);
    let (hidden_size, num_layers) = saved.recurrent_sizes("rnn")?;
    let model = StockRnn::new(&vs.root(), COLUMNS.len() as i64, hidden_size, num_layers)?;
    saved.load_into(&model.named_parameters())?;
    Ok(model)
}

/// The scale on which `saved` was trained, as the `config.json` beside the file has it. If there is none
/// (weights from Python), or `typed` asks for it, the scale is made from `prices`: of all days, as the notebook does,
/// unless `typed` says otherwise.
///
/// # Errors
/// If the file cannot be read, or the prices not be scaled.
pub fn scaler(saved: &SavedModel, typed: Option<ScaleOn>, prices: &Prices) -> Result<MinMaxScaler> {
    let trained_on = if typed.is_none() { of_run(&saved.path().with_file_name("config.json"))? } else { None };
    let fit = || typed.unwrap_or(ScaleOn::All).fit(prices).context("the prices cannot be scaled");
    trained_on.map_or_else(fit, Ok)
}

/// What this lesson reads of `config.json`.
#[derive(Deserialize)]
struct Config {
    lesson: Option<String>,
    scaler: Option<MinMaxScaler>,
}

fn of_run(config: &Path) -> Result<Option<MinMaxScaler>> {
    let text = match fs::read(config) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| config.display().to_string())?,
    };
    let config: Config = serde_json::from_slice(&text).with_context(|| config.display().to_string())?;
    Ok(config.scaler.filter(|_| config.lesson.as_deref() == Some(LESSON.name)))
}
