//! CUDA, brought in when it is asked for.
//!
//! The linker drops `libtorch_cuda` from a program that calls none of its symbols, and tch calls none, so that a tch
//! program never sees a GPU. Loading the library at run time registers its kernels and brings CUDA back, provided that
//! it happens before anything asks for CUDA, seeds a generator or runs a backward pass: libtorch looks for CUDA once
//! and remembers the answer. A program that stays on the CPU does not pay for it.
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

/// Loads CUDA support; call it first in `main`. Later calls repeat the first answer.
///
/// # Errors
/// [`Error::Cuda`] says which step failed and what to do: no driver, no `libtorch_cuda`, no device, ..
pub fn load() -> Result<()> {
    match diagnose().failure() {
        None => Ok(()),
        Some(failure) => Err(Error::Cuda(failure.to_string())),
    }
}

/// Loads CUDA support as [`load`] does, and says how far it came: each step up to the first that failed.
pub fn diagnose() -> &'static Diagnosis {
    static DIAGNOSIS: OnceLock<Diagnosis> = OnceLock::new();
    DIAGNOSIS.get_or_init(|| Diagnosis::of(&system::System))
}

/// Runs a first operation on device number `index`. A GPU that this libtorch has no code for (it is older than what libtorch was
/// compiled for), or whose memory others have taken, passes every step of [`diagnose`] and fails here.
///
/// # Errors
/// [`Error::Cuda`] with the device's own words.
pub fn try_device(index: usize) -> Result<()> {
    let two = || {
        let one = Tensor::f_ones([1], (Kind::Float, Device::Cuda(index)))?;
        one.f_add_scalar(1.0)?.f_double_value(&[0])
    };
    match two() {
        Ok(2.0) => Ok(()),
        Ok(other) => Err(Error::Cuda(format!("1 + 1 is {other} there"))),
        Err(error) => Err(Error::Cuda(Error::from(error).to_string())),
    }
}

/// Whether matrix products and cuDNN's layers may round f32 to TF32, with 10 bits behind the point instead of 23, on the
/// GPUs that have it: `torch.backends.cudnn.allow_tf32` and `torch.backends.cuda.matmul.allow_tf32`. By default cuDNN
/// may and the products may not, as in Python. A comparison with a CPU to the last digits wants neither.
///
/// # Errors
/// If libtorch refuses.
pub fn allow_tf32(allow: bool) -> Result<()> {
    // SAFETY: the shim takes a plain value; the message comes from the shim.
    unsafe { ffi::check(ffi::te_allow_tf32(allow)) }
}
