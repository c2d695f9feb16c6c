//! Trained weights and the scale on which they were trained, from a run folder.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use lesson_kit::{EvalArgs, SavedModel};
use serde::Deserialize;
use tch::Device;
use tch::nn::VarStore;

use crate::LESSON;
use crate::data::{COLUMNS, MinMaxScaler, Prices, ScaleOn};
use crate::model::StockRnn;

/// Which weights to use. The kit's option of this name does not say where they are, and the scale lies beside them.
#[derive(Args, Debug, Clone)]
pub struct ModelArg {
    /// Trained weights: model.pt, best.pt, checkpoint.pt or safetensors, written here or in Python [default:
    /// models/stock-lstm/model.pt]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

impl ModelArg {
    /// Where the weights are.
    pub fn path(&self) -> PathBuf {
        path_or_default(self.model.as_deref())
    }

    /// Reads the file.
    ///
    /// # Errors
    /// As [`EvalArgs::model`].
    pub fn read(&self) -> Result<SavedModel> {
        EvalArgs { file: self.model.clone() }.model(&LESSON)
    }
}

/// `model`, or where training leaves it.
pub fn path_or_default(model: Option<&Path>) -> PathBuf {
    model.map_or_else(|| PathBuf::from(LESSON.default_out()).join("model.pt"), Path::to_owned)
}

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

/// The scale on which the weights at `model` were trained, as the `config.json` beside them has it. If there is none
/// (weights from Python), or `typed` asks for it, the scale is made from `prices`: of all days, as the notebook does,
/// unless `typed` says otherwise.
///
/// # Errors
/// If the file cannot be read, or the prices not be scaled.
pub fn scaler(model: &Path, typed: Option<ScaleOn>, prices: &Prices) -> Result<MinMaxScaler> {
    let trained_on = if typed.is_none() { of_run(&model.with_file_name("config.json"))? } else { None };
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
