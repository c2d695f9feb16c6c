//! Seeds the random numbers of tests that build a model in their own process.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Seeds libtorch's default generator, which all tests of a process share. Only the test that holds the guard may draw from it.
pub fn seeded(seed: i64) -> MutexGuard<'static, ()> {
    static DEFAULT_GENERATOR: Mutex<()> = Mutex::new(());
    let guard = DEFAULT_GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::manual_seed(seed);
    guard
}
