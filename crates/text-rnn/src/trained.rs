//! Trained weights, from a file to a network.

use anyhow::Result;
use lesson_kit::SavedModel;
use tch::Device;
use tch::nn::VarStore;

use crate::data::Vocabulary;
use crate::model::TextRnn;

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
