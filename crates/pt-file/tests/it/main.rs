//! Integration tests. The `zip` crate and Python's torch check the files.
#![allow(clippy::unwrap_used)] // clippy.toml allows it only in test functions, not in their helpers

mod archive;
mod atomic;
mod cli;
mod craft;
mod formats;
mod hostile;
mod mutations;
mod python;
mod regular_file;
mod remedies;
mod round_trip;
mod samples;
mod save_file;
mod workspace;
