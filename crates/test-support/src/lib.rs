//! Support for tests: Python's torch beside a test, a GPU beside the CPU, and float64 as the judge of f32 results.
//!
//! | module | what it holds |
//! |---|---|
//! | [`python`](mod@python) | runs Python programs with torch; a test compares with the numbers that they print |
//! | [`reference`] | a lesson beside its reference notebook |
//! | [`paths`] | where the workspace's files and programs are |
//! | [`backend`] | what the tests of every lesson check of `--backend fused` |
//! | [`cuda`], [`lesson`] | runs a test, or a lesson, on a GPU and on the CPU (feature `torch`) |
//! | [`float64`] | tolerances: an f32 error is at most a stated multiple of libtorch's own (feature `torch`) |
#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)] // test support: a panic is how a test fails

pub mod backend;
#[cfg(feature = "torch")]
pub mod cuda;
#[cfg(feature = "torch")]
pub mod float64;
#[cfg(feature = "torch")]
pub mod lesson;
pub mod paths;
pub mod python;
pub mod reference;

#[cfg(feature = "torch")]
pub use cuda::{alone, assert_close};
#[cfg(feature = "torch")]
pub use float64::{Float64Judge, GPU, machine};
pub use paths::{program, workspace};
pub use python::{python, run, skipped, torchrun};
pub use reference::{assert_equal_bits, compare_live, record_fits};
