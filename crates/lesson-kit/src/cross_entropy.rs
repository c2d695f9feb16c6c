//! `torch.nn.CrossEntropyLoss`, for the lessons that choose among classes.

pub use torch_ext::nn::cross_entropy;
