//! Shared by the tests: layers and cells of any kind, comparison of tensors, Python, and a lock for the random generator.

pub mod cell;
pub mod gradcheck;
pub mod layer;
pub mod python;
pub mod random;
pub mod tensors;

use std::sync::{Mutex, MutexGuard, PoisonError};
use test_support::Float64Judge;

/// The allowed error of f32 results, compared with the error of libtorch's own layers.
///
/// In `fused/accuracy.rs` the largest factor that was needed in addition to 16 ULP is 0.2 with AVX-512, 1.1 with AVX2 and 0.9
/// without either (measured on an AMD Zen 5 with `ATEN_CPU_CAPABILITY=default RNN_KERNELS=portable`). libtorch's own error is
/// up to 32 ULP of the largest value, with a median of 0.7. The median ratio of both errors is 1.2.
pub const JUDGE: Float64Judge = Float64Judge { factor: 4.0, ulps: 16.0 };

/// Tolerance for two float64 computations of the same value: 4500 ULP of f64 at 1. Rounding in a few thousand operations stays
/// below it. A value that passed through f32 differs by 10^4 times as much.
pub const F64_ROUNDING: f64 = 1e-12;

/// Locks the default generator, so that no other test draws from it meanwhile.
///
/// Also sets one thread, as in the Python programs: the number of threads can change the last bits.
pub fn alone() -> MutexGuard<'static, ()> {
    static DEFAULT_GENERATOR: Mutex<()> = Mutex::new(());
    let guard = DEFAULT_GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    guard
}

/// Locks the default generator and seeds it.
pub fn seeded(seed: i64) -> MutexGuard<'static, ()> {
    let guard = alone();
    tch::manual_seed(seed);
    guard
}
