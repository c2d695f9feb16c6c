//! Trained weights, from a file to a network.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use lesson_kit::SavedModel;
use tch::Device;
use tch::nn::VarStore;

use crate::LESSON;
use crate::data::Vocabulary;
use crate::model::TextRnn;

/// Which weights to use.
#[derive(Args, Debug, Clone)]
pub struct ModelArg {
    /// Trained weights: model.pt, best.pt, checkpoint.pt or safetensors, written here or in Python [default:
    /// models/text-rnn/model.pt]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
}

impl ModelArg {
    /// Reads the file.
    ///
    /// # Errors
    /// If it is not there, with the command that trains; else as [`SavedModel::read`].
    pub fn read(&self) -> Result<SavedModel> {
        let default = || PathBuf::from(LESSON.default_out()).join("model.pt");
        let path = self.model.clone().unwrap_or_else(default);
        let name = LESSON.name;
        ensure!(path.exists(), "{}: there is no such file; cargo run -p {name} trains a model", path.display());
        SavedModel::read(&path, &LESSON)
    }
}

/// The network with the saved weights; its sizes are theirs.
///
/// # Errors
/// If the file holds another model.
pub fn load(saved: &SavedModel, vocabulary: &Vocabulary, device: Device) -> Result<TextRnn> {
    let vs = VarStore::new(device);
    let (hidden_size, num_layers) = saved.recurrent_sizes("rnn")?;
    let model = TextRnn::new(&vs.root(), vocabulary.len() as i64, hidden_size, num_layers)?;
    saved.load_into(&model.named_parameters())?;
    Ok(model)
}
