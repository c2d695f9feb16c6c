//! The integration tests, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod accuracy;
mod arguments;
mod linear_cross_entropy;
mod packed;
mod problem;
mod reference;
mod relu_kink;
mod streaming;
