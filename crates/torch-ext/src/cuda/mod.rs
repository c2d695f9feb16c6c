//! Loads CUDA at run time, and diagnoses why it is not available.
//!
//! The linker drops `libtorch_cuda` from a program that calls none of its symbols. tch calls none, so a tch program finds no
//! GPU. Loading the library at run time registers its kernels. This must happen before anything checks for CUDA, seeds a
//! generator or runs a backward pass, because libtorch looks for CUDA only once. A program that stays on the CPU does not need
//! the library, and starts faster without it.
//!
//! | file | what it holds |
//! |---|---|
//! | `diagnosis` | the steps from the driver to cuDNN, and the remedy for each failure |
//! | `system` | the calls of the driver and of libtorch that the steps need |
//!
//! ```
//! // First in main, and only where CUDA is wanted:
//! let diagnosis = torch_ext::cuda::diagnose();
//! match diagnosis.failure() {
//!     None => println!("{} devices", diagnosis.devices().len()),
//!     Some(failure) => println!("no CUDA: {}\n{diagnosis}", failure.problem),
//! }
//! ```

mod diagnosis;
mod system;

use std::sync::OnceLock;

use tch::{Device, Kind, Tensor};

pub use diagnosis::{Diagnosis, Failure, Gpu, Step};

use crate::error::{Error, Result};
use crate::ffi;

/// Loads CUDA support. Call it first in `main`. Later calls return the same result.
///
/// # Errors
/// [`Error::Cuda`] names the step that failed (no driver, no `libtorch_cuda`, no device, ..) and the remedy.
pub fn load() -> Result<()> {
    match diagnose().failure() {
        None => Ok(()),
        Some(failure) => Err(Error::Cuda(failure.to_string())),
    }
}

/// Loads CUDA support as [`load`] does, and returns each step up to the first that failed.
pub fn diagnose() -> &'static Diagnosis {
    static DIAGNOSIS: OnceLock<Diagnosis> = OnceLock::new();
    DIAGNOSIS.get_or_init(|| Diagnosis::of(&system::System))
}

/// Runs one operation on device number `index`.
///
/// Two kinds of GPU pass every step of [`diagnose`] and fail here: one that is older than this libtorch supports, and one whose
/// memory other programs use.
///
/// # Errors
/// [`Error::Cuda`] with CUDA's own message.
pub fn try_device(index: usize) -> Result<()> {
    let one_plus_one = || {
        let one = Tensor::f_ones([1], (Kind::Float, Device::Cuda(index)))?;
        one.f_add_scalar(1.0)?.f_double_value(&[0])
    };
    match one_plus_one() {
        Ok(2.0) => Ok(()),
        Ok(other) => Err(Error::Cuda(format!("1 + 1 is {other} on this device"))),
        Err(error) => Err(Error::Cuda(Error::from(error).to_string())),
    }
}

/// Equivalent of `torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allow`.
///
/// TF32 rounds the factors of an f32 product to 10 bits of mantissa instead of 23, on the GPUs that have it. By default, as in
/// Python, cuDNN's layers use it and matrix products do not. Turn it off to compare results with a CPU.
pub fn allow_tf32(allow: bool) -> Result<()> {
    // SAFETY: the argument is a plain value; the message comes from the shim.
    unsafe { ffi::check(ffi::te_allow_tf32(allow)) }
}
