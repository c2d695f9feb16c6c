#![doc = include_str!("../README.md")]
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
