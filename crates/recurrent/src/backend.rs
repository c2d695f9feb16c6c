//! The choice between libtorch's operations and this workspace's kernels.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What computes the `forward` of a layer or cell, and its gradients.
///
/// Both backends use the same parameters, draw the same random numbers and return the same errors. Each loads what the
/// other saved. A layer can change its backend between two calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Backend {
    /// libtorch's own operations, with the same bits as PyTorch. The default.
    #[default]
    Exact,
    /// The kernels of `rnn-kernels`: a whole sequence in one call, f32, on the CPU.
    ///
    /// Results equal those of `Exact` up to rounding: the errors against float64 are of the same size. They depend on the
    /// instruction set. The number of threads changes only the last bits of the parameters' gradients. There are no
    /// second derivatives.
    ///
    /// Packed batches are computed without padding. `Exact` still computes [`trace`](crate::Lstm::trace) and empty
    /// batches. Other dtypes and CUDA are an error.
    ///
    /// [`warnings`](crate::Lstm::warnings) reports a build of `rnn-kernels` without optimization. A dev build is
    /// optimized only with these lines in the program's Cargo.toml:
    ///
    /// ```toml
    /// [profile.dev.package.rnn-kernels]
    /// opt-level = 3
    /// debug-assertions = false
    /// overflow-checks = false
    /// ```
    ///
    /// The kernels read a packed copy of the weights. The copy is renewed after every change that libtorch's version
    /// counter records. Writing to the weights' memory through `data_ptr` is not recorded.
    Fused,
}

impl FromStr for Backend {
    type Err = Error;

    /// `"exact"` or `"fused"`.
    fn from_str(name: &str) -> Result<Backend> {
        match name {
            "exact" => Ok(Backend::Exact),
            "fused" => Ok(Backend::Fused),
            _ => Err(Error::UnknownBackend(name.to_owned())),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Backend::Exact => "exact",
            Backend::Fused => "fused",
        })
    }
}
