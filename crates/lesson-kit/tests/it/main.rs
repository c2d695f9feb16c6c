//! Integration tests in one binary, because linking libtorch is slow.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // also in the tests' helper functions

mod command_line;
mod folder;
mod plots;
mod process;
mod resume;
mod run;
mod saved_model;
mod toy;

/// Seeds libtorch's default generator. The process has one, so a test that draws from it holds the returned lock.
fn seeded(seed: i64) -> std::sync::MutexGuard<'static, ()> {
    static DEFAULT_GENERATOR: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let guard = DEFAULT_GENERATOR.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    tch::manual_seed(seed);
    guard
}
