//! The commands that every lesson has beside training.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};

use crate::compare::CompareArgs;
use crate::{Lesson, SavedModel};

/// What a lesson does other than train.
#[derive(Subcommand, Debug, Clone)]
pub enum Command {
    /// Score a trained model on the test data
    Eval(EvalArgs),
    /// Put this program beside the reference notebook, number by number
    Compare(CompareArgs),
    /// Say which libtorch, CPU and CUDA devices the program finds, and what to do where CUDA stops
    Doctor,
}

/// Options of `eval`.
#[derive(Args, Debug, Clone)]
pub struct EvalArgs {
    /// A model: model.pt, best.pt, checkpoint.pt or safetensors, written here or in Python [default: models/LESSON/model.pt]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl EvalArgs {
    /// Reads the model.
    ///
    /// # Errors
    /// If it is not there, with the command that trains; else as [`SavedModel::read`].
    pub fn model(&self, lesson: &Lesson) -> Result<SavedModel> {
        read(self.file.as_deref(), lesson)
    }
}

/// The option of commands that use a trained model: `--model FILE`.
#[derive(Args, Debug, Clone)]
pub struct ModelArg {
    /// Trained weights: model.pt, best.pt, checkpoint.pt or safetensors, written here or in Python [default:
    /// models/LESSON/model.pt]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

impl ModelArg {
    /// Reads the model.
    ///
    /// # Errors
    /// As [`EvalArgs::model`].
    pub fn read(&self, lesson: &Lesson) -> Result<SavedModel> {
        read(self.model.as_deref(), lesson)
    }
}

fn read(file: Option<&Path>, lesson: &Lesson) -> Result<SavedModel> {
    let path = file.map_or_else(|| Path::new(&lesson.default_out()).join("model.pt"), Path::to_owned);
    let name = lesson.name;
    ensure!(path.exists(), "{}: there is no such file; cargo run -p {name} trains a model", path.display());
    SavedModel::read(&path, lesson)
}
