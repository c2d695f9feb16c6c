//! The weights of a file.

mod convert;
mod flatten;

use std::fmt;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use ndarray::{Array, Dimension};
use pt_file::{Tensor, Value};

use crate::arrays::array;
use crate::error::Result;
use crate::weights::Weights;

pub(crate) use convert::to_f32;

/// The tensors of a file with their names, as of `module.state_dict()`.
///
/// | file | names |
/// |---|---|
/// | `torch.save(model.state_dict(), path)`, `.safetensors` | those of the state dict |
/// | `torch.save(model, path)`, TorchScript | the same: those of `model.state_dict()` |
/// | `torch.save({"model": model.state_dict(), "epoch": 3}, path)` | `model.` and the names: use `prefix("model")` |
/// | lists of state dicts | `0.`, `1.` and the names |
///
/// Any dtype of real numbers is accepted. A layer converts its weights to f32.
///
/// A view of a part of the file, as [`prefix`](Self::prefix) returns, shares the tensors. A clone is cheap.
///
/// ```no_run
/// use rnn_runtime::{Gru, Options, StateDict};
/// let weights = StateDict::open("model.pt")?;
/// let gru = Gru::from_state_dict(&weights.prefix("gru"), Options::default().batch_first(true))?;
/// # Ok::<(), rnn_runtime::Error>(())
/// ```
#[derive(Clone)]
pub struct StateDict {
    tensors: Arc<IndexMap<String, Tensor>>,
    /// Empty, or ends with a dot.
    prefix: String,
}

impl StateDict {
    /// Reads a file of `torch.save`, or a `.safetensors` file. It runs no code from the file.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) if the file cannot be read, is damaged, or has another format.
    pub fn open(path: impl AsRef<Path>) -> Result<StateDict> {
        StateDict::from_value(&pt_file::load_file(path)?)
    }

    /// Reads the bytes of a file, as [`open`](Self::open).
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) if the bytes are damaged, or have another format.
    pub fn from_bytes(bytes: &[u8]) -> Result<StateDict> {
        StateDict::from_value(&pt_file::load(Cursor::new(bytes))?)
    }

    /// The tensors of a value that pt-file has read.
    ///
    /// # Errors
    /// [`Error::NamesTooLong`](crate::Error::NamesTooLong) for a malicious file.
    pub fn from_value(value: &Value) -> Result<StateDict> {
        Ok(StateDict { tensors: Arc::new(flatten::flatten(value)?), prefix: String::new() })
    }

    /// The tensors whose names start with `name` and a dot, under the rest of their names.
    ///
    /// `name` may contain dots, as `encoder.gru`, or end with one.
    pub fn prefix(&self, name: &str) -> StateDict {
        let separator = if name.is_empty() || name.ends_with('.') { "" } else { "." };
        StateDict { tensors: self.tensors.clone(), prefix: format!("{}{name}{separator}", self.prefix) }
    }

    /// Removes a prefix from the names that have it. The other names are unchanged.
    ///
    /// `DataParallel` and `DistributedDataParallel` add the prefix `module.`, and `torch.compile` adds `_orig_mod.`:
    ///
    /// ```
    /// # use rnn_runtime::{StateDict, pt_file::{Tensor, Value}};
    /// # let value = Value::state_dict([("module._orig_mod.fc.weight", Tensor::scalar(0f32))]);
    /// # let weights = StateDict::from_value(&value)?;
    /// let weights = weights.without_prefix("module.").without_prefix("_orig_mod.");
    /// assert!(weights.get("fc.weight").is_some());
    /// # Ok::<(), rnn_runtime::Error>(())
    /// ```
    pub fn without_prefix(&self, prefix: &str) -> StateDict {
        let separator = if prefix.is_empty() || prefix.ends_with('.') { "" } else { "." };
        let full = format!("{}{prefix}{separator}", self.prefix);
        let rename = |(name, tensor): (&String, &Tensor)| {
            let name = match name.strip_prefix(&full) {
                Some(rest) => format!("{}{rest}", self.prefix),
                None => name.clone(),
            };
            (name, tensor.clone())
        };
        StateDict { tensors: Arc::new(self.tensors.iter().map(rename).collect()), prefix: self.prefix.clone() }
    }

    /// The names of the tensors, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().filter_map(|name| name.strip_prefix(&self.prefix))
    }

    /// The tensor with this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        if self.prefix.is_empty() {
            return self.tensors.get(name);
        }
        self.tensors.get(&self.full_name(name))
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.names().count()
    }

    /// Whether there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }

    /// A tensor as an array of f32, for a parameter that belongs to no layer.
    ///
    /// ```
    /// # use rnn_runtime::{StateDict, pt_file::{Tensor, Value}};
    /// use ndarray::Array2;
    /// # let value = Value::state_dict([("W", Tensor::from_slice(&[1f32, 2.0], &[2, 1])?)]);
    /// # let weights = StateDict::from_value(&value)?;
    /// let w: Array2<f32> = weights.array("W")?;
    /// # Ok::<(), rnn_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) if there is no such tensor, its number of dimensions is not that of `D`,
    /// its elements are not real numbers, or one is NaN or infinite.
    pub fn array<D: Dimension>(&self, name: &str) -> Result<Array<f32, D>> {
        let mut weights = Weights::new(self, "array");
        let tensor = weights.tensor(name);
        let dimensions = D::NDIM.or(tensor.map(|tensor| tensor.shape().len())).unwrap_or(0);
        let numbers = weights.with_dimensions(name, dimensions);
        weights.finish()?;
        let mut shape = D::zeros(dimensions);
        if let Some(tensor) = tensor {
            shape.slice_mut().copy_from_slice(tensor.shape());
        }
        array(shape, numbers)
    }

    /// The name in the file.
    pub(crate) fn full_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What [`prefix`](Self::prefix) removed, without the last dot.
    pub(crate) fn location(&self) -> &str {
        self.prefix.strip_suffix('.').unwrap_or_default()
    }

    /// All names in the file.
    pub(crate) fn file_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }
}

/// The names and shapes.
impl fmt::Debug for StateDict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes = self.names().filter_map(|name| Some((name, self.get(name)?.shape())));
        f.debug_map().entries(shapes).finish()
    }
}
