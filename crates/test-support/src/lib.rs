//! For tests only: runs Python's torch beside a test, a GPU beside the CPU, and judges f32 results by float64.
//!
//! | module | what it holds |
//! |---|---|
//! | [`paths`] | where the workspace's files and programs are |
//! | [`python`](mod@python) | runs Python programs with torch; a test compares with the numbers that they print |
//! | `float64` | tolerances: an f32 error is at most a stated multiple of libtorch's own |
//! | `gpu` | runs a test on a GPU, in a process of its own |
//! | `seed` | seeds libtorch's default generator for one test at a time |
//! | `lesson` | checks that the tests of all lessons share: backends, devices, comparisons |
//!
//! A test that cannot run on every machine has an attribute that makes libtest ignore it, with the reason: see README.md.
#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)] // test support: a panic is how a test fails

pub mod float64;
pub mod gpu;
pub mod lesson;
pub mod paths;
pub mod python;
pub mod seed;

pub use float64::Float64Judge;
pub use gpu::{assert_close, on_gpu};
pub use paths::{program, workspace};
pub use python::{python, run_python, torchrun};
pub use seed::seeded;

#[cfg(test)]
mod conventions;
