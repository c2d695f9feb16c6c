//! torch-ext beside PyTorch.

#![allow(clippy::panic, clippy::unwrap_used)] // helpers of tests are tests, which clippy does not see

mod autograd;
mod backward;
mod clip;
mod cuda;
mod data;
mod dist;
mod lr_scheduler;
mod nn;
mod optim;
mod parallel;
mod rng;
mod saved;
mod slices;
mod state_dict;
mod support;
