//! Random numbers: the state of libtorch's default CPU generator, and permutations from a seed.
//!
//! The default generator is one per process. A run that is to be continued saves its state, and whoever draws from it
//! (weight initialisation, dropout, a shuffled epoch) changes it for everybody.

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::ffi;

/// The state of the default CPU generator, as `torch.get_rng_state()` gives it: a `uint8` tensor of 5056 bytes.
///
/// # Errors
/// If libtorch refuses.
pub fn get_state() -> Result<Tensor> {
    // SAFETY: the shim writes a new tensor into the pointer that it is given.
    ffi::new_tensor(|out| unsafe { ffi::te_rng_get_state(out) })
}

/// Sets the state of the default CPU generator, as `torch.set_rng_state(state)` does.
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
/// If `state` is not a CPU `uint8` tensor of the right size; the generator is then as before.
pub fn set_state(state: &Tensor) -> Result<()> {
    // SAFETY: the pointer is that of a living tensor, and the message comes from the shim.
    unsafe { ffi::check(ffi::te_rng_set_state(state.as_ptr())) }
}

/// A permutation of `0..n` from a generator of its own: `torch.randperm(n, generator=torch.Generator().manual_seed(seed))`.
///
/// The default generator is not touched. Shape `[n]`, int64.
///
/// # Errors
/// If `n` is negative.
pub fn seeded_randperm(n: i64, seed: u64) -> Result<Tensor> {
    // SAFETY: the shim writes a new tensor into the pointer that it is given.
    ffi::new_tensor(|out| unsafe { ffi::te_seeded_randperm(n, seed, out) })
}

/// One number from the default generator: `torch.empty((), dtype=torch.int64).random_().item()`, in `0..2^63`.
///
/// # Errors
/// If libtorch refuses.
pub fn draw_i64() -> Result<i64> {
    let mut number = Tensor::f_empty([0i64; 0], (Kind::Int64, Device::Cpu))?;
    let _ = number.f_random_()?;
    Ok(number.f_int64_value(&[])?)
}
