#![doc = include_str!("../README.md")]
//!
//! # Map of the modules
//! | module | contents |
//! |---|---|
//! | `state_dict` | [`StateDict`]: reads a file, names its tensors, converts their elements to f32 |
//! | `weights` | reads the weights of one layer, and collects what does not fit: [`WeightsError`] |
//! | `recurrent` | [`Rnn`], [`Lstm`], [`Gru`] with their equations; [`Options`], [`Trace`] |
//! | `layers` | [`Linear`], [`Embedding`], [`Conv1d`], [`LayerNorm`], [`BatchNorm1d`] |
//! | `functions` | [`softmax`], [`argmax`] and activations |
//! | `product` | the matrix product of `Linear`, `Conv1d` and the trace |
//! | `arrays`, `error`, `threads` | allocation without aborts; [`Error`]; rayon |
//!
//! # Design
//! - The kernels of `rnn-kernels` compute a whole sequence in one call. They read the input and write the output in
//!   place, whatever the strides of the first two dimensions are.
//! - The trace is a second implementation, in plain Rust, of the same equations. The tests compare the two.
//! - A size is checked before memory is allocated, and a failed allocation is [`Error::OutOfMemory`].
#![forbid(unsafe_code)]

mod arrays;
mod error;
mod functions;
mod layers;
mod product;
mod recurrent;
mod state_dict;
#[cfg(feature = "rayon")]
mod threads;
mod weights;

pub use error::{Error, Result};
pub use functions::{argmax, log_softmax, relu, sigmoid, softmax, tanh};
pub use layers::{BatchNorm1d, Conv1d, Conv1dOptions, Embedding, LayerNorm, Linear};
pub use ndarray;
pub use pt_file;
pub use recurrent::{Gru, Lstm, Nonlinearity, Options, Rank, Rnn, RnnOptions, Trace};
pub use rnn_kernels::ThreadPool;
pub use state_dict::StateDict;
#[cfg(feature = "rayon")]
pub use threads::Rayon;
pub use weights::{Fault, WeightsError};
