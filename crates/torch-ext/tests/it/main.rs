//! torch-ext beside PyTorch.

mod clip;
mod lr_scheduler;
mod optim;
mod rng;
mod saved;
mod support;
