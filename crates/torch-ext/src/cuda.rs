//! CUDA, brought in when it is asked for.
//!
//! The linker drops `libtorch_cuda` from a program that calls none of its symbols, and tch calls none, so that a tch
//! program never sees a GPU. Loading the library at run time registers its kernels and brings CUDA back, provided that
//! it happens before anything asks for CUDA, seeds a generator or runs a backward pass: libtorch looks for CUDA once
//! and remembers the answer. A program that stays on the CPU does not pay for it.

use std::ffi::CStr;
use std::sync::OnceLock;

use crate::error::{Error, Result};

/// Loads CUDA support; call it first in `main`. Later calls repeat the first answer.
///
/// # Errors
/// [`Error::Cuda`] says which step failed and what to do: no driver, no `libtorch_cuda`, no device.
pub fn load() -> Result<()> {
    static LOADED: OnceLock<Result<()>> = OnceLock::new();
    LOADED.get_or_init(try_load).clone()
}

fn try_load() -> Result<()> {
    if cfg!(not(target_os = "linux")) {
        return Err(Error::Cuda(format!("CUDA is not to be had on {}; use --device cpu", std::env::consts::OS)));
    }
    // The driver first: asking for it takes a millisecond, loading libtorch_cuda 150.
    open(c"libcuda.so.1").map_err(|reason| {
        Error::Cuda(format!("no NVIDIA driver ({reason}); install the driver, or use --device cpu"))
    })?;
    open(c"libtorch_cuda.so").map_err(|reason| {
        Error::Cuda(format!(
            "the NVIDIA driver is there, but libtorch's CUDA part is not ({reason}); \
             `scripts/setup.sh --full` installs it with everything it needs"
        ))
    })?;
    if tch::Cuda::is_available() {
        return Ok(());
    }
    Err(Error::Cuda(
        "the NVIDIA driver and libtorch_cuda are loaded, but there is no usable device; see what `nvidia-smi` says"
            .to_owned(),
    ))
}

fn open(library: &CStr) -> std::result::Result<(), String> {
    // SAFETY: the name ends in a zero; the library stays loaded for the life of the process. dlerror() is read on the
    // same thread right after the failed call, as it must be.
    unsafe {
        if !libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL).is_null() {
            return Ok(());
        }
        let reason = libc::dlerror();
        if reason.is_null() {
            return Err(format!("{library:?} cannot be loaded"));
        }
        Err(CStr::from_ptr(reason).to_string_lossy().into_owned())
    }
}
