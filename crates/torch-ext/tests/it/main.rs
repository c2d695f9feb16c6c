//! Integration tests, in one binary, because linking libtorch is slow. Many compare with Python's torch.

#![allow(clippy::panic, clippy::unwrap_used)] // clippy allows them in tests, but not in helpers of tests

mod autograd;
mod backward;
mod clip;
mod convert;
mod cuda;
mod data;
mod dist;
mod inference_mode;
mod lr_scheduler;
mod named_parameters;
mod nn;
mod optim;
mod optim_state_dict;
mod parallel;
mod rng;
mod schedule_errors;
mod schedules;
mod slices;
mod state_dict;
mod stream;
mod support;
mod var_store;
