//! One binary: see the modules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod agree;
mod calls;
mod reference;
