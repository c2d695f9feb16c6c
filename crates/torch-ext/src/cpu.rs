//! The CPU as libtorch sees it: what the last bits of its results depend on.

use crate::error::Result;
use crate::ffi;

/// The instruction set that libtorch's own kernels use on this machine, as `torch.backends.cpu.get_cpu_capability()`
/// names it: `DEFAULT`, `AVX2`, `AVX512`, `NO AVX`, .. The environment variable `ATEN_CPU_CAPABILITY` lowers it.
///
/// ```
/// let capability = torch_ext::cpu::capability()?;
/// println!("libtorch computes with {capability}");
/// # assert!(!capability.is_empty());
/// # Ok::<(), torch_ext::Error>(())
/// ```
///
/// # Errors
/// If libtorch refuses.
pub fn capability() -> Result<String> {
    let mut text = std::ptr::null_mut();
    // SAFETY: the shim writes a string from strdup into the pointer that it is given.
    unsafe {
        ffi::check(ffi::te_cpu_capability(&mut text))?;
        Ok(ffi::take_string(text))
    }
}

/// The CPU's name as the system gives it, empty where it gives none. oneDNN and MKL choose their code by more than
/// [`capability`].
pub fn model_name() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(String::new, |(_, name)| name.trim().to_owned())
}
