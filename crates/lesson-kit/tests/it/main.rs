//! Integration tests, in one binary: libtorch links slowly.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // helpers of tests are tests, which clippy does not see

mod command_line;
mod plots;
mod process;
mod resume;
mod run;
mod toy;

/// libtorch's default generator is one per process: tests that draw from it take turns.
fn seeded(seed: i64) -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    tch::manual_seed(seed);
    turn
}
