//! What the tests share: one lock, layers of any kind, tensors to compare, and Python beside them.

pub mod cell;
pub mod gradcheck;
pub mod layer;
pub mod python;
pub mod random;
pub mod tensors;

use std::sync::{Mutex, MutexGuard, PoisonError};
use test_support::Float64Judge;

/// How exact f32 results are, beside those of libtorch's own layers.
///
/// In all combinations of `fused/agrees.rs` the largest factor that was needed beside 16 ULP is 0.2 with AVX-512, 1.1 with AVX2
/// and 0.9 without either (an AMD Zen 5; `ATEN_CPU_CAPABILITY=default RNN_KERNELS=portable`). libtorch's own error is up to 32
/// ULP of the largest value, 0.7 at the median. The ratio of both errors is 1.2 at the median.
pub const JUDGE: Float64Judge = Float64Judge { factor: 4.0, ulps: 16.0 };

/// Tolerance for float64 results of two computations of the same thing: 4500 ULP of f64 at 1, which no rounding of a few
/// thousand operations reaches. A result that passed through f32 is 10^4 times as far away.
pub const F64_ROUNDING: f64 = 1e-12;

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
