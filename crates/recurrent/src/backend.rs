//! What computes a layer.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::fused::Fused;
use crate::layer_base::Base;

/// What computes a layer's `forward`, and the gradients behind it.
///
/// Both take the same parameters, draw the same random numbers and refuse the same mistakes in the same words; either can
/// load what the other saved, and a layer can change over between two calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Backend {
    /// libtorch's own operations, hence PyTorch's own bits: the default.
    #[default]
    Exact,
    /// The kernels of `rnn-kernels`: whole sequences at once on the CPU, in f32. Results agree with those of `Exact` to
    /// rounding: their error against float64 is of the size of libtorch's own. They depend on the instruction set; on the number of threads only in
    /// the last bits of the parameters' gradients.
    ///
    /// Packed sequences and [`trace`](crate::Lstm::trace) are computed as by `Exact`; so is a batch of nothing.
    /// [`Lstm::warnings`](crate::Lstm::warnings) tells when a packed batch has come, and when `rnn-kernels` is compiled without
    /// optimisation, as a dev build does unless Cargo.toml asks for more:
    ///
    /// ```toml
    /// [profile.dev.package.rnn-kernels]
    /// opt-level = 3
    /// debug-assertions = false
    /// overflow-checks = false
    /// ```
    /// There are no
    /// second derivatives. The weights are put in order once and again whenever libtorch counts a change of theirs; writing
    /// to their memory behind its back (`data_ptr`) goes unnoticed.
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

impl Base {
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.options.warnings().into_iter().chain(self.fused.iter().flat_map(Fused::warnings)).collect()
    }

    pub(crate) fn backend(&self) -> Backend {
        if self.fused.is_some() { Backend::Fused } else { Backend::Exact }
    }

    pub(crate) fn set_backend(&mut self, backend: Backend) -> Result<()> {
        self.fused = match backend {
            Backend::Exact => None,
            Backend::Fused => Some(Fused::new(&self.options, self.weights())?),
        };
        Ok(())
    }
}
