//! Random numbers: the state of libtorch's default CPU generator, and permutations from a seed.
//!
//! There is one default generator per process. Weight initialisation, dropout and shuffling all draw from it. A run that
//! is to be resumed saves its state.

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::ffi;

/// Equivalent of `torch.get_rng_state()`: a `uint8` tensor of 5056 bytes.
pub fn get_state() -> Result<Tensor> {
    // SAFETY: `out` is valid for writes, and the shim writes a new tensor into it.
    ffi::new_tensor(|out| unsafe { ffi::te_rng_get_state(out) })
}

/// Equivalent of `torch.set_rng_state(state)`.
///
/// ```
/// # fn main() -> Result<(), torch_ext::Error> {
/// let draw = || tch::Tensor::randn([3], tch::kind::FLOAT_CPU);
/// let state = torch_ext::rng::get_state()?;
/// let first = draw();
/// torch_ext::rng::set_state(&state)?;
/// assert_eq!(draw(), first);
/// # Ok(()) }
/// ```
///
/// # Errors
/// If `state` is not a CPU `uint8` tensor of the right size. The generator is unchanged then.
pub fn set_state(state: &Tensor) -> Result<()> {
    // SAFETY: the pointer belongs to `state`, which outlives the call; the message comes from the shim.
    unsafe { ffi::check(ffi::te_rng_set_state(state.as_ptr())) }
}

/// Equivalent of `torch.randperm(n, generator=torch.Generator().manual_seed(seed))`: a permutation of `0..n`.
///
/// Shape `[n]`, int64. It does not use the default generator.
///
/// # Errors
/// If `n` is negative.
pub fn seeded_randperm(n: i64, seed: u64) -> Result<Tensor> {
    // SAFETY: `out` is valid for writes, and the shim writes a new tensor into it.
    ffi::new_tensor(|out| unsafe { ffi::te_seeded_randperm(n, seed, out) })
}

/// Equivalent of `torch.empty((), dtype=torch.int64).random_().item()`: a number in `0..2^63` from the default generator.
pub fn draw_i64() -> Result<i64> {
    let mut number = Tensor::f_empty([0i64; 0], (Kind::Int64, Device::Cpu))?;
    let _ = number.f_random_()?;
    Ok(number.f_int64_value(&[])?)
}
