//! `model.pt`: the `state_dict` alone.

use std::path::Path;

use anyhow::{Context, Result};
use pt_file::{Dict, Value};
use tch::Tensor;

/// Writes `parameters` in their order, so that `torch.load(path, weights_only=True)` gives them back.
///
/// # Errors
/// If the file cannot be written; the one that was there then stays.
pub fn save(path: &Path, parameters: &[(String, Tensor)]) -> Result<()> {
    let mut state_dict = Dict::ordered();
    for (name, tensor) in parameters {
        let tensor = pt_file::Tensor::try_from(tensor).with_context(|| format!("the parameter {name}"))?;
        state_dict.insert(name.as_str(), tensor);
    }
    Ok(pt_file::save_file(path, &Value::from(state_dict))?)
}
