//! Integration tests, in one binary: libtorch links slowly.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // helpers of tests are tests, which clippy does not see

mod command_line;
mod plots;
mod process;
mod random;
