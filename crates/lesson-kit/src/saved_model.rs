//! Reads a model from a file: `model.pt`, `best.pt`, safetensors or `checkpoint.pt`, written by Rust or Python.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pt_file::Value;
use serde_json::Value as Json;
use tch::Tensor;
use torch_ext::{Format, StateDict};

use crate::Lesson;
use crate::checkpoint::to_json;
use crate::file_names::CONFIG;

/// A `state_dict`, and its file.
#[derive(Debug)]
pub struct SavedModel {
    path: PathBuf,
    lesson: &'static str,
    state_dict: StateDict,
    /// The options in a checkpoint.
    config: Option<Json>,
}

impl SavedModel {
    /// Reads a `state_dict`, or a checkpoint with a `state_dict` as its entry `model`. The content of the file determines which,
    /// not its name.
    ///
    /// # Errors
    /// If the file cannot be read, is unsafe or broken, has no `state_dict`, or is a checkpoint of another lesson.
    pub fn read(path: &Path, lesson: &Lesson) -> Result<SavedModel> {
        let saved = |state_dict, config| SavedModel { path: path.to_owned(), lesson: lesson.name, state_dict, config };
        if Format::of(path)? == Format::Safetensors {
            return Ok(saved(StateDict::load(path)?, None));
        }
        let file = || path.display().to_string();
        let value = pt_file::load_file(path).with_context(file)?;
        if let Some(other) = value.get("lesson").and_then(Value::as_str).filter(|&name| name != lesson.name) {
            bail!("{} is a checkpoint of {other}, not of {}", path.display(), lesson.name);
        }
        let model = value.get("model").filter(|model| model.as_dict().is_some()).unwrap_or(&value);
        let config = value.get("config").map(to_json);
        Ok(saved(StateDict::from_value(model).with_context(file)?, config))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The options of the run that trained the model: those in a checkpoint, or `config.json` in the folder of the model.
    ///
    /// # Errors
    /// If the file is missing or broken, or is from a run of another lesson.
    pub fn config(&self) -> Result<Json> {
        if let Some(config) = &self.config {
            return Ok(config.clone());
        }
        let path = self.path.with_file_name(CONFIG);
        let file = || path.display().to_string();
        let config: Json = serde_json::from_slice(&fs::read(&path).with_context(file)?).with_context(file)?;
        match config["lesson"].as_str() {
            Some(name) if name == self.lesson => Ok(config),
            Some(other) => bail!("{} is from a run of {other:?}, not of {}", path.display(), self.lesson),
            None => bail!("{} has no entry \"lesson\"", path.display()),
        }
    }

    /// The tensors.
    pub fn state_dict(&self) -> &StateDict {
        &self.state_dict
    }

    /// Hidden size and number of layers of the recurrent layer `module`, from the shapes of its weights.
    ///
    /// # Errors
    /// If there is no such layer.
    pub fn recurrent_sizes(&self, module: &str) -> Result<(i64, i64)> {
        let layers = (0..).take_while(|k| self.state_dict.get(&format!("{module}.weight_hh_l{k}")).is_some()).count();
        let weight = self.state_dict.get(&format!("{module}.weight_hh_l0")).map(Tensor::size);
        match weight.as_deref() {
            Some([_, hidden_size]) => Ok((*hidden_size, layers as i64)),
            _ => bail!("{} is not a model of {}: it has no {module}.weight_hh_l0", self.path.display(), self.lesson),
        }
    }

    /// Copies the tensors into `parameters`.
    ///
    /// # Errors
    /// If they do not fit: the message lists every missing, unexpected and wrongly shaped tensor.
    pub fn load_into(&self, parameters: &[(String, Tensor)]) -> Result<()> {
        let named = parameters.iter().map(|(name, tensor)| (name.as_str(), tensor));
        let loaded = self.state_dict.load_into(self.lesson, named, true);
        loaded.map(drop).with_context(|| self.path.display().to_string())
    }
}
