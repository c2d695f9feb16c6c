//! The layers that are not recurrent.

mod batch_norm;
mod conv1d;
mod embedding;
mod layer_norm;
mod linear;

pub use batch_norm::BatchNorm1d;
pub use conv1d::{Conv1d, Conv1dOptions};
pub use embedding::Embedding;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
