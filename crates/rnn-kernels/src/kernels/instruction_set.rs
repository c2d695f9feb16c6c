//! The instruction sets. Each has its own compiled copy of the kernels; the program chooses one when it runs.
//!
//! A WebAssembly module cannot find out what its host supports, and a host without SIMD rejects the whole module. So there
//! the set is chosen when the module is compiled: `-C target-feature=+simd128`.

use std::fmt;
use std::sync::OnceLock;

use super::cells::{self, BackwardStep, ForwardStep};
use super::dot_products::{self, DotProducts};
use super::gemm::{self, PanelProduct};
use super::simd::{self, Simd};
use crate::error::{Error, Result};

/// The kernels, compiled for one instruction set.
///
/// The function pointers require a CPU that supports the instruction set. A table is reachable only through an
/// [`InstructionSet`], and those are made only for sets that the CPU supports.
pub(crate) struct Kernels {
    name: &'static str,
    is_available: fn() -> bool,
    /// SIMD lanes: numbers in a vector.
    pub lanes: usize,
    /// Columns of the widest panel of a matrix product.
    pub panel_width: usize,
    pub panel_product: unsafe fn(&PanelProduct<'_>),
    pub dot_products: unsafe fn(&DotProducts<'_>),
    /// One for each [`CellKind`](crate::CellKind), in its order.
    pub forward: [unsafe fn(&ForwardStep); 4],
    pub backward: [unsafe fn(&BackwardStep); 4],
}

/// Compiles a generic kernel for one instruction set: a function with that set's CPU features enabled, as a function
/// pointer.
macro_rules! compile_kernel {
    ([$($features:literal)?] $kernel:expr, $operands:ty) => {{
        $(#[target_feature(enable = $features)])?
        unsafe fn compiled(operands: &$operands) {
            // SAFETY: the caller guarantees what the kernel requires.
            unsafe { $kernel(operands) }
        }
        compiled
    }};
}

/// Compiles all kernels for the vectors `$simd`, with the CPU features `$features`.
macro_rules! compile_kernels {
    ($table:ident, $name:literal, $simd:ty, $available:expr, $features:tt) => {
        static $table: Kernels = Kernels {
            name: $name,
            is_available: $available,
            lanes: <$simd>::LANES,
            panel_width: <$simd>::LANES * <$simd>::TILE_VECTORS,
    panel_product: compile_kernel!($features gemm::panel_product::<$simd>, PanelProduct<'_>),
    dot_products: compile_kernel!($features dot_products::dot_products::<$simd>, DotProducts<'_>),
            forward: [
        compile_kernel!($features cells::rnn_forward::<$simd, false>, ForwardStep),
        compile_kernel!($features cells::rnn_forward::<$simd, true>, ForwardStep),
        compile_kernel!($features cells::lstm_forward::<$simd>, ForwardStep),
        compile_kernel!($features cells::gru_forward::<$simd>, ForwardStep),
            ],
            backward: [
        compile_kernel!($features cells::rnn_backward::<$simd, false>, BackwardStep),
        compile_kernel!($features cells::rnn_backward::<$simd, true>, BackwardStep),
        compile_kernel!($features cells::lstm_backward::<$simd>, BackwardStep),
        compile_kernel!($features cells::gru_backward::<$simd>, BackwardStep),
            ],
        };
    };
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f") && has_avx2()
}

#[cfg(target_arch = "x86_64")]
compile_kernels!(AVX512, "avx512", simd::avx512::Avx512, has_avx512, ["avx512f,fma,avx2"]);
#[cfg(target_arch = "x86_64")]
compile_kernels!(AVX2, "avx2", simd::avx2::Avx2, has_avx2, ["avx2,fma"]);
#[cfg(target_arch = "aarch64")]
compile_kernels!(NEON, "neon", simd::neon::Neon, || true, ["neon"]);
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
compile_kernels!(SIMD128, "simd128", simd::simd128::Simd128, || true, ["simd128"]);
compile_kernels!(PORTABLE, "portable", simd::portable::Portable, || true, []);

/// All compiled sets, the fastest first.
static COMPILED: &[&Kernels] = &[
    #[cfg(target_arch = "x86_64")]
    &AVX512,
    #[cfg(target_arch = "x86_64")]
    &AVX2,
    #[cfg(target_arch = "aarch64")]
    &NEON,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    &SIMD128,
    &PORTABLE,
];

/// An instruction set that this CPU supports.
#[derive(Clone, Copy)]
pub struct InstructionSet(pub(crate) &'static Kernels);

impl InstructionSet {
    /// The instruction sets of this CPU, the fastest first. The last one is always `portable`.
    pub fn available() -> impl Iterator<Item = InstructionSet> {
        COMPILED.iter().copied().filter(|kernels| (kernels.is_available)()).map(InstructionSet)
    }

    /// The instruction set with this name: `avx512` (AVX-512F), `avx2` (AVX2 and FMA), `neon`, `simd128`
    /// (WebAssembly compiled with that target feature) or `portable`.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] if the name is unknown or the CPU does not support the set.
    pub fn named(name: &str) -> Result<InstructionSet> {
        InstructionSet::available().find(|set| set.name() == name).ok_or_else(|| Error::InstructionSet {
            got: name.to_owned(),
            available: InstructionSet::available().map(|set| set.name()).collect(),
        })
    }

    /// The instruction set that the environment variable `RNN_KERNELS` names; without the variable, the fastest one.
    /// The variable is read once.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] if the variable names a set that this CPU does not support.
    pub fn chosen() -> Result<InstructionSet> {
        static CHOSEN: OnceLock<Result<InstructionSet>> = OnceLock::new();
        CHOSEN
            .get_or_init(|| match std::env::var_os("RNN_KERNELS") {
                Some(name) if !name.is_empty() => InstructionSet::named(&name.to_string_lossy()),
                _ => Ok(InstructionSet::available().next().unwrap_or(InstructionSet(&PORTABLE))),
            })
            .clone()
    }

    /// The name, as in [`named`](Self::named).
    pub fn name(self) -> &'static str {
        self.0.name
    }
}

impl fmt::Debug for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
