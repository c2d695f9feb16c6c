//! Reads a model from a file: `model.pt`, `best.pt`, safetensors or `checkpoint.pt`, written by Rust or Python.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use pt_file::{Value, escape, regular_file};
use serde_json::Value as Json;
use tch::Tensor;
use torch_ext::{Format, StateDict};

use crate::Lesson;
use crate::args::MAX_LAYERS;
use crate::checkpoint::to_json;
use crate::file_names::{CONFIG, MAX_CONFIG};

/// The sizes of a recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecurrentSizes {
    /// 1 for an RNN, 3 for a GRU, 4 for an LSTM.
    pub gates: i64,
    /// Number of features of the hidden state.
    pub hidden_size: i64,
    /// Number of layers.
    pub num_layers: i64,
}

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
            bail!("{} is a checkpoint of {}, not of {}", path.display(), escape(other), lesson.name);
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
        let text = regular_file::read(&path, MAX_CONFIG).with_context(file)?;
        let config: Json = serde_json::from_slice(&text).with_context(file)?;
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

    /// The sizes of the recurrent layer `module`, from the shapes of its weights. `gates` are the possible numbers of gates: 1
    /// for an RNN, 3 for a GRU, 4 for an LSTM.
    ///
    /// The model is built with these sizes before the weights are copied. So every `weight_hh_l{k}` must have the shape
    /// (gates * hidden, hidden): then the model is not much larger than the file.
    ///
    /// # Errors
    /// If there is no such layer, or a shape does not fit.
    pub fn recurrent_sizes(&self, module: &str, gates: &[i64]) -> Result<RecurrentSizes> {
        let shape = |layer: usize| self.shape(&format!("{module}.weight_hh_l{layer}"));
        let Some(first) = shape(0) else {
            bail!("{} has no {module}.weight_hh_l0", self.not_a_model());
        };
        let hidden_size = first.get(1).copied().unwrap_or(0);
        let fits = |gates: &i64| {
            hidden_size >= 1 && gates.checked_mul(hidden_size).is_some_and(|rows| first == [rows, hidden_size])
        };
        let Some(&gates) = gates.iter().find(|&gates| fits(gates)) else {
            let expected =
                gates.iter().map(|gates| format!("({gates} * hidden, hidden)")).collect::<Vec<_>>().join(" or ");
            bail!("{} has {module}.weight_hh_l0 of shape {first:?}; expected {expected}", self.not_a_model());
        };
        let mut layers = 1;
        while let Some(shape) = shape(layers) {
            ensure!(
                shape == first,
                "{} has {module}.weight_hh_l{layers} of shape {shape:?}; expected {first:?}, as in layer 0",
                self.not_a_model()
            );
            layers += 1;
        }
        ensure!(
            layers as i64 <= MAX_LAYERS,
            "{} has {layers} layers; expected at most {MAX_LAYERS}",
            self.not_a_model()
        );
        Ok(RecurrentSizes { gates, hidden_size, num_layers: layers as i64 })
    }

    /// Checks the shape of a parameter that determines a size of the model, before the model is built.
    ///
    /// # Errors
    /// If the parameter is missing or has another shape.
    pub fn check_shape(&self, name: &str, expected: &[i64]) -> Result<()> {
        match self.shape(name) {
            Some(shape) if shape == expected => Ok(()),
            Some(shape) => bail!("{} has {name} of shape {shape:?}; expected {expected:?}", self.not_a_model()),
            None => bail!("{} has no {name}", self.not_a_model()),
        }
    }

    /// The shape of a tensor; `None` if there is no such tensor.
    pub fn shape(&self, name: &str) -> Option<Vec<i64>> {
        self.state_dict.get(name).map(Tensor::size)
    }

    fn not_a_model(&self) -> String {
        format!("{} is not a model of {}: it", self.path.display(), self.lesson)
    }

    /// Copies the tensors into `parameters`.
    ///
    /// # Errors
    /// If they do not fit: the message lists every missing, unexpected and wrongly shaped tensor. If a value is NaN or infinite:
    /// every result would be NaN.
    pub fn load_into(&self, parameters: &[(String, Tensor)]) -> Result<()> {
        let named = parameters.iter().map(|(name, tensor)| (name.as_str(), tensor));
        let loaded = self.state_dict.load_into(self.lesson, named, true);
        loaded.with_context(|| self.path.display().to_string())?;
        for (name, tensor) in parameters {
            let all_finite = tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0;
            ensure!(
                all_finite,
                "{}: {name} has values that are NaN or infinite, so every result would be NaN; train the model again",
                self.path.display()
            );
        }
        Ok(())
    }
}
