//! What the tests share: one lock, layers of any kind, tensors to compare, and Python beside them.

pub mod cell;
pub mod gradcheck;
pub mod layer;
pub mod python;
pub mod random;
pub mod tensors;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// For a test that draws from the default generator: no other such test runs meanwhile.
///
/// Everything runs on one thread, as the Python programs do: the number of threads can change last bits.
pub fn alone() -> MutexGuard<'static, ()> {
    static DEFAULT_GENERATOR: Mutex<()> = Mutex::new(());
    let guard = DEFAULT_GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    guard
}

/// As [`alone`], with the generator seeded.
pub fn seeded(seed: i64) -> MutexGuard<'static, ()> {
    let guard = alone();
    tch::manual_seed(seed);
    guard
}
