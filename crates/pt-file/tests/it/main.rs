//! What the crate writes, judged by others: the `zip` crate, Python, and libtorch through `tch`.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but does not see that the helpers here are part of them

mod archive;
mod atomic;
mod cli;
mod craft;
mod hostile;
mod mutations;
mod python;
mod round_trip;
mod samples;
#[cfg(feature = "tch")]
mod tch;
