//! Tests of text-rnn as a program, and comparisons with PyTorch.

#![allow(clippy::panic, clippy::unwrap_used)] // also in the tests' helper functions

mod backend;
mod cli;
mod compare;
mod cuda;
mod data;
mod documentation;
mod example;
mod float64;
mod gates;
mod predict;
mod resume;
mod run_folder;
mod runtime;
mod support;

use std::sync::LazyLock;

use test_support::program;

static BINARY: LazyLock<String> = LazyLock::new(|| program(env!("CARGO_BIN_EXE_text-rnn")));
