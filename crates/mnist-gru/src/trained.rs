//! Trained weights, from a file to a network.

use anyhow::Result;
use lesson_kit::SavedModel;
use tch::Device;
use tch::nn::VarStore;

use crate::model::MnistNn;

/// The network with the saved weights, ready to be asked; its sizes are theirs.
///
/// # Errors
/// If the file holds another model.
pub fn load(saved: &SavedModel, device: Device) -> Result<MnistNn> {
    let vs = VarStore::new(device);
    let (hidden_size, num_layers) = saved.recurrent_sizes("gru")?;
    let mut model = MnistNn::new(&vs.root(), hidden_size, num_layers)?;
    saved.load_into(&model.named_parameters())?;
    model.eval();
    Ok(model)
}
