//! Which instruction set runs: each has its own compiled copy of the kernels, and one is chosen when the program runs.

use std::fmt;
use std::sync::OnceLock;

use crate::cells::{self, Backward, Forward};
use crate::dots::{self, Dots};
use crate::error::{Error, Result};
use crate::gemm::{self, Panel};
use crate::simd::{self, Simd};

/// The environment variable that forces an instruction set.
pub const VARIABLE: &str = "RNN_KERNELS";

/// The kernels as compiled for one instruction set.
pub(crate) struct Kernels {
    name: &'static str,
    is_available: fn() -> bool,
    pub lanes: usize,
    /// Columns of the widest panel of a matrix product.
    pub panel: usize,
    pub gemm: unsafe fn(&Panel<'_>),
    pub dots: unsafe fn(&Dots<'_>),
    /// The steps of RNN with tanh, RNN with relu, LSTM and GRU.
    pub forward: [unsafe fn(&Forward); 4],
    pub backward: [unsafe fn(&Backward); 4],
}

/// Compiles the kernels for the vectors `$simd`, with the CPU features that `$feature` enables.
macro_rules! compile {
    ($table:ident, $name:literal, $simd:ty, $available:expr $(, $feature:literal)?) => {
        static $table: Kernels = {
            $(#[target_feature(enable = $feature)])?
            unsafe fn gemm(panel: &Panel<'_>) {
                // SAFETY: the caller's promise, here and below.
                unsafe { gemm::panel::<$simd>(panel) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn dots(dots: &Dots<'_>) {
                // SAFETY: as above.
                unsafe { dots::dots::<$simd>(dots) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn tanh_forward(step: &Forward) {
                // SAFETY: as above.
                unsafe { cells::rnn_forward::<$simd, false>(step) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn relu_forward(step: &Forward) {
                // SAFETY: as above.
                unsafe { cells::rnn_forward::<$simd, true>(step) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn lstm_forward(step: &Forward) {
                // SAFETY: as above.
                unsafe { cells::lstm_forward::<$simd>(step) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gru_forward(step: &Forward) {
                // SAFETY: as above.
                unsafe { cells::gru_forward::<$simd>(step) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn tanh_backward(step: &Backward) {
                // SAFETY: as above.
                unsafe { cells::rnn_backward::<$simd, false>(step) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn relu_backward(step: &Backward) {
                // SAFETY: as above.
                unsafe { cells::rnn_backward::<$simd, true>(step) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn lstm_backward(step: &Backward) {
                // SAFETY: as above.
                unsafe { cells::lstm_backward::<$simd>(step) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn gru_backward(step: &Backward) {
                // SAFETY: as above.
                unsafe { cells::gru_backward::<$simd>(step) }
            }
            Kernels {
                name: $name,
                is_available: $available,
                lanes: <$simd>::LANES,
                panel: <$simd>::LANES * <$simd>::TILE_VECTORS,
                gemm,
                dots,
                forward: [tanh_forward, relu_forward, lstm_forward, gru_forward],
                backward: [tanh_backward, relu_backward, lstm_backward, gru_backward],
            }
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
compile!(AVX512, "avx512", simd::Avx512, has_avx512, "avx512f,fma,avx2");
#[cfg(target_arch = "x86_64")]
compile!(AVX2, "avx2", simd::Avx2, has_avx2, "avx2,fma");
#[cfg(target_arch = "aarch64")]
compile!(NEON, "neon", simd::Neon, || true, "neon");
compile!(PORTABLE, "portable", simd::Portable, || true);

/// The fastest first.
static COMPILED: &[&Kernels] = &[
    #[cfg(target_arch = "x86_64")]
    &AVX512,
    #[cfg(target_arch = "x86_64")]
    &AVX2,
    #[cfg(target_arch = "aarch64")]
    &NEON,
    &PORTABLE,
];

/// An instruction set that this CPU has and the kernels are compiled for.
#[derive(Clone, Copy)]
pub struct InstructionSet(pub(crate) &'static Kernels);

impl InstructionSet {
    /// Those of this CPU, the fastest first; `portable` is always the last.
    pub fn available() -> impl Iterator<Item = InstructionSet> {
        COMPILED.iter().copied().filter(|kernels| (kernels.is_available)()).map(InstructionSet)
    }

    /// The one of this name: `avx512` (AVX-512F), `avx2` (AVX2 and FMA), `neon`, `portable`.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] if there is none of this name or the CPU lacks it.
    pub fn named(name: &str) -> Result<InstructionSet> {
        InstructionSet::available().find(|set| set.name() == name).ok_or_else(|| Error::InstructionSet {
            got: name.to_owned(),
            available: InstructionSet::available().map(|set| set.name()).collect(),
        })
    }

    /// The one that [`VARIABLE`] names, else the fastest. The variable is looked at once.
    ///
    /// # Errors
    /// [`Error::InstructionSet`] if the variable names none of this CPU's.
    pub fn chosen() -> Result<InstructionSet> {
        static CHOSEN: OnceLock<Result<InstructionSet>> = OnceLock::new();
        CHOSEN
            .get_or_init(|| match std::env::var_os(VARIABLE) {
                Some(name) if !name.is_empty() => InstructionSet::named(&name.to_string_lossy()),
                _ => Ok(InstructionSet::available().next().unwrap_or(InstructionSet(&PORTABLE))),
            })
            .clone()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name
    }
}

impl fmt::Debug for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
