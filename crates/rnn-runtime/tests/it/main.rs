//! Integration tests.
#![allow(clippy::unwrap_used)] // clippy.toml allows it only in test functions, not in their helpers

mod files;
#[cfg(target_pointer_width = "64")] // huge shapes
mod hostile;
mod judge;
mod layer;
mod layers;
mod messages;
mod python;
mod recurrent;
mod reference;
mod support;
