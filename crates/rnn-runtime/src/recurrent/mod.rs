//! The recurrent layers: `torch.nn.RNN`, `LSTM` and `GRU`.
//!
//! | module | contents |
//! |---|---|
//! | `rnn`, `lstm`, `gru` | the public types, with their equations |
//! | `layer_methods` | the methods that the three types share |
//! | `options` | what the weights do not determine: the layout of the input, the nonlinearity, threads |
//! | `config` | sizes, layers and directions, from the names and shapes of the weights |
//! | `rank` | batched and unbatched arrays |
//! | `state` | the state of a layer: h, or (h, c) |
//! | `stack` | the layers as the kernels compute them |
//! | `lengths` | sequences of different lengths |
//! | `step` | one time step at a time |
//! | `trace` | a forward pass that keeps every gate |

mod config;
mod gru;
mod layer_methods;
mod lengths;
mod lstm;
mod options;
mod rank;
mod rnn;
mod stack;
mod state;
mod step;
mod trace;

pub use gru::Gru;
pub use lstm::Lstm;
pub use options::{Nonlinearity, Options, RnnOptions};
pub use rank::Rank;
pub use rnn::Rnn;
pub use trace::Trace;
