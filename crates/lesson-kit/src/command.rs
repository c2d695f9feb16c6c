//! The commands that every lesson has beside training.

use std::path::PathBuf;

use anyhow::Result;
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
    /// As [`SavedModel::read`].
    pub fn model(&self, lesson: &Lesson) -> Result<SavedModel> {
        let default = || PathBuf::from(lesson.default_out()).join("model.pt");
        SavedModel::read(&self.file.clone().unwrap_or_else(default), lesson)
    }
}
