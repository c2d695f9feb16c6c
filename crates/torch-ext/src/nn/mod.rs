//! Layers and losses of `torch.nn`, with torch's initialisation and parameter names.
//!
//! | file | what it holds |
//! |---|---|
//! | `linear` | [`Linear`] |
//! | `embedding` | [`Embedding`] |
//! | `functional` | [`cross_entropy`], [`mse_loss`] |
//! | `linear_cross_entropy` | [`linear_cross_entropy`]: a linear layer and its cross-entropy in one operation |
//! | `var_store` | [`named_parameters`], [`named_buffers`]: the variables of a `VarStore` in Python's order |
//!
//! ```
//! use tch::{Device, Reduction, Tensor, nn::VarStore};
//! use torch_ext::nn::{Embedding, Linear, cross_entropy};
//!
//! # fn main() -> torch_ext::Result<()> {
//! tch::manual_seed(0); // the same seed gives the same weights as in Python
//! let vs = VarStore::new(Device::Cpu);
//! let embedding = Embedding::new(vs.root() / "embedding", 9, 4)?;
//! let fc = Linear::new(vs.root() / "fc", 4, 3)?;
//! assert_eq!(format!("{embedding}, {fc}"), "Embedding(9, 4), Linear(in_features=4, out_features=3, bias=True)");
//!
//! let words = Tensor::from_slice(&[5i64, 0]);
//! let loss = cross_entropy(&fc.forward(&embedding.forward(&words)?)?, &Tensor::from_slice(&[2i64, 1]), Reduction::Mean)?;
//! torch_ext::autograd::backward(&loss)?;
//! assert_eq!(fc.bias.grad().size(), [3]);
//! # Ok(()) }
//! ```

mod embedding;
mod functional;
mod linear;
mod linear_cross_entropy;
pub(crate) mod var_store;

pub use embedding::Embedding;
pub use functional::{cross_entropy, mse_loss};
pub use linear::Linear;
pub use linear_cross_entropy::linear_cross_entropy;
pub use var_store::{named_buffers, named_parameters};
