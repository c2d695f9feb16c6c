//! Support for tests: runs Python's torch beside a test, a GPU beside the CPU, and judges f32 results by float64.
//!
//! | module | what it holds |
//! |---|---|
//! | [`paths`] | where the workspace's files and programs are |
//! | [`python`](mod@python) | runs Python programs with torch; a test compares with the numbers that they print |
//! | [`float64`] | tolerances: an f32 error is at most a stated multiple of libtorch's own (feature `torch`) |
//! | [`gpu`] | runs a test on a GPU, in a process of its own (feature `torch`) |
//! | [`seed`] | seeds libtorch's default generator for one test at a time (feature `torch`) |
//! | [`lesson`] | checks that the tests of all lessons share: backends, devices, comparisons (feature `torch`) |
//!
//! # Tests that cannot run everywhere
//! They are `ignored`, and `cargo test` prints the reason. The build script (`torch-ext/build/rpath.rs`) sets both `cfg`s.
//! ```ignore
//! #[test]
//! #[cfg_attr(not(python_torch), ignore = "needs Python's torch: scripts/setup.sh --full")]
//! fn equals_python() { .. test_support::run_python(..) .. }
//!
//! #[test]
//! #[cfg_attr(not(recorded_libtorch), ignore = "compares with numbers recorded with libtorch 2.13.0")]
//! fn equals_the_record() { .. }
//!
//! #[test] // in a module `cuda`: scripts select these tests by this name
//! #[ignore = "needs a GPU: cargo test cuda -- --ignored"]
//! fn equals_the_cpu() { test_support::on_gpu(|device| ..) }
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)] // test support: a panic is how a test fails

#[cfg(feature = "torch")]
pub mod float64;
#[cfg(feature = "torch")]
pub mod gpu;
#[cfg(feature = "torch")]
pub mod lesson;
pub mod paths;
pub mod python;
#[cfg(feature = "torch")]
pub mod seed;

#[cfg(feature = "torch")]
pub use float64::Float64Judge;
#[cfg(feature = "torch")]
pub use gpu::{assert_close, on_gpu};
pub use paths::{program, workspace};
pub use python::{python, run_python, torchrun};
#[cfg(feature = "torch")]
pub use seed::seeded;
