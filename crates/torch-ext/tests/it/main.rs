//! torch-ext beside PyTorch.

mod optim;
mod rng;
