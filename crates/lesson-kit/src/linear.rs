//! `torch.nn.Linear`, for the lessons' output layers.

pub use torch_ext::nn::Linear;
