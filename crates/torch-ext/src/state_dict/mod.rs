//! A model's `state_dict`: named tensors in order, to and from files, and into a model.
//!
//! | file | what it holds |
//! |---|---|
//! | `dict` | [`StateDict`], [`StateDict::load_into`] |
//! | `file` | [`StateDict::load`], [`StateDict::save`], [`Format`] |
//! | `var_store` | [`StateDict::of`], [`StateDict::load_into_var_store`] |
//!
//! ```
//! use tch::{Tensor, kind::FLOAT_CPU};
//! use torch_ext::StateDict;
//!
//! # fn main() -> Result<(), torch_ext::Error> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("model.pt");
//! let weight = Tensor::rand([2, 3], FLOAT_CPU);
//! let saved: StateDict = [("fc.weight".to_owned(), weight)].into_iter().collect();
//! saved.save(&path)?; // torch.load(path, weights_only=True) reads it
//!
//! let model = Tensor::zeros([2, 3], FLOAT_CPU);
//! StateDict::load(&path)?.load_into("Model", [("fc.weight", &model)], true)?; // reads what torch.save writes, too
//! assert_eq!(&model, saved.get("fc.weight").unwrap());
//! # Ok(()) }
//! ```

mod dict;
mod file;
mod var_store;

pub(crate) use dict::quoted;
pub use dict::{IncompatibleKeys, StateDict};
pub use file::Format;
