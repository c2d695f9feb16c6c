//! The CPU. The last bits of a result depend on it.

use crate::error::Result;
use crate::ffi;

/// Equivalent of `torch.backends.cpu.get_cpu_capability()`: the instruction set of libtorch's kernels on this machine.
///
/// It is `DEFAULT`, `AVX2`, `AVX512`, `NO AVX`, .. The environment variable `ATEN_CPU_CAPABILITY` lowers it.
///
/// ```
/// println!("libtorch uses {}", torch_ext::cpu::capability()?);
/// # Ok::<(), torch_ext::Error>(())
/// ```
pub fn capability() -> Result<String> {
    // SAFETY: `out` is valid for writes, and the shim writes a string from strdup into it.
    ffi::new_string(|out| unsafe { ffi::te_cpu_capability(out) })
}

/// The CPU's name in `/proc/cpuinfo`; empty if there is none. oneDNN and MKL choose their kernels by the CPU model, not
/// only by [`capability`].
pub fn model_name() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(String::new, |(_, name)| name.trim().to_owned())
}
