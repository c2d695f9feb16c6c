//! `model.pt`: the `state_dict` alone.

use std::path::Path;

use anyhow::{Context, Result};
use pt_file::Value;
use tch::Tensor;

/// Writes `parameters` in their order, so that `torch.load(path, weights_only=True)` gives them back.
///
/// # Errors
/// If the file cannot be written; the one that was there then stays.
pub fn save(path: &Path, parameters: &[(String, Tensor)]) -> Result<()> {
    let copies = parameters.iter().map(|(name, tensor)| {
        let copy = pt_file::Tensor::try_from(tensor).with_context(|| format!("the parameter {name}"))?;
        Ok((name, copy))
    });
    let state_dict = Value::state_dict(copies.collect::<Result<Vec<_>>>()?);
    Ok(pt_file::save_file(path, &state_dict)?)
}
