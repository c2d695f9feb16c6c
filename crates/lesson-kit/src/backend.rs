//! What `--backend` can say.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

/// What computes the recurrent layers.
///
/// The kit does not know the layers. A lesson hands the choice to its own by name, and `recurrent::Backend` reads it:
///
/// ```
/// # use lesson_kit::Backend;
/// # fn main() -> Result<(), std::convert::Infallible> {
/// let by_name: String = Backend::Fused.name().parse()?; // in a lesson: recurrent::Backend
/// assert_eq!(by_name, "fused");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// libtorch's own operations: PyTorch's bits
    #[default]
    Exact,
    /// kernels for whole sequences on the CPU: PyTorch's numbers to rounding, several times faster
    Fused,
}

impl Backend {
    /// `exact` or `fused`.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Exact => "exact",
            Backend::Fused => "fused",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
