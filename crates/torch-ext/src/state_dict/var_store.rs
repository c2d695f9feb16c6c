//! A `state_dict` of a whole [`VarStore`].

use tch::nn::VarStore;

use super::dict::{IncompatibleKeys, StateDict};
use crate::error::Result;
use crate::nn::var_store::in_python_order;

impl StateDict {
    /// Equivalent of `model.state_dict()`: all variables of a `VarStore` by name, parameters and buffers.
    ///
    /// Each module has its parameters first, then its buffers, then its submodules, as in Python.
    /// [`named_parameters`](crate::nn::named_parameters) explains how the order is found, and its limits. The tensors share
    /// their memory with the store's and have no gradient.
    ///
    /// ```
    /// use tch::{Device, nn};
    /// use torch_ext::StateDict;
    ///
    /// # fn main() -> torch_ext::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("model.pt");
    /// let vs = nn::VarStore::new(Device::Cpu);
    /// let _fc = nn::linear(vs.root() / "fc", 4, 3, nn::LinearConfig::default());
    /// StateDict::of(&vs).save(&path)?; // model.load_state_dict(torch.load(path)) reads it
    ///
    /// let other = nn::VarStore::new(Device::Cpu);
    /// let _fc = nn::linear(other.root() / "fc", 4, 3, nn::LinearConfig::default());
    /// StateDict::load(&path)?.load_into_var_store(&other, true)?;
    /// assert_eq!(StateDict::of(&other).get("fc.weight"), StateDict::of(&vs).get("fc.weight"));
    /// # Ok(()) }
    /// ```
    pub fn of(vs: &VarStore) -> StateDict {
        in_python_order(vs).into_iter().map(|variable| (variable.name, variable.tensor.detach())).collect()
    }

    /// Equivalent of `model.load_state_dict(state_dict, strict)` for all variables of a `VarStore`.
    ///
    /// Copies the entries in place, by name: each variable keeps its kind, its device and its memory. Layers and optimizers
    /// share these variables. With `strict`, missing and unexpected names are an error. tch's batch normalisation has no
    /// `num_batches_tracked`, so a file from Python needs `strict = false` for it.
    ///
    /// # Errors
    /// As [`StateDict::load_into`]. Nothing is copied then.
    pub fn load_into_var_store(&self, vs: &VarStore, strict: bool) -> Result<IncompatibleKeys> {
        let variables = in_python_order(vs);
        self.load_into("VarStore", variables.iter().map(|variable| (variable.name.as_str(), &variable.tensor)), strict)
    }
}
