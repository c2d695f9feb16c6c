//! Reads a model from a file: `model.pt`, `best.pt`, safetensors or `checkpoint.pt`, written by Rust or Python.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use pt_file::{Value, escape};
use tch::Tensor;
use torch_ext::{Format, StateDict};

use crate::Lesson;

/// A `state_dict`, and its file.
#[derive(Debug)]
pub struct SavedModel {
    path: PathBuf,
    lesson: &'static str,
    state_dict: StateDict,
}

impl SavedModel {
    /// Reads a `state_dict`, or a checkpoint with a `state_dict` as its entry `model`. The content of the file determines which,
    /// not its name.
    ///
    /// # Errors
    /// If the file cannot be read, is unsafe or broken, has no `state_dict`, or is a checkpoint of another lesson.
    pub fn read(path: &Path, lesson: &Lesson) -> Result<SavedModel> {
        let saved = |state_dict| SavedModel { path: path.to_owned(), lesson: lesson.name, state_dict };
        if Format::of(path)? == Format::Safetensors {
            return Ok(saved(StateDict::load(path)?));
        }
        let file = || path.display().to_string();
        let value = pt_file::load_file(path).with_context(file)?;
        if let Some(other) = value.get("lesson").and_then(Value::as_str).filter(|&name| name != lesson.name) {
            bail!("{} is a checkpoint of {}, not of {}", path.display(), escape(other), lesson.name);
        }
        let model = value.get("model").filter(|model| model.as_dict().is_some()).unwrap_or(&value);
        Ok(saved(StateDict::from_value(model).with_context(file)?))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
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
