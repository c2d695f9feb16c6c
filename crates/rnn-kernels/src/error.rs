//! The crate's error type.

use std::fmt;

use crate::config::CellKind;

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The instruction set is unknown, or the CPU does not support it.
    InstructionSet {
        /// The requested name.
        got: String,
        /// The names that this CPU supports.
        available: Vec<&'static str>,
    },
    /// A size is zero.
    ZeroSize {
        /// The name of the size.
        name: &'static str,
    },
    /// A cell other than LSTM has a projection.
    ProjectionOfCell {
        /// The cell.
        cell: CellKind,
    },
    /// The projection is not smaller than the hidden size.
    ProjectionSize {
        /// Features of h.
        proj_size: usize,
        /// Features of c.
        hidden_size: usize,
    },
    /// The batch sizes of a packed batch are not those of sequences that are sorted by decreasing length: one is zero or
    /// larger than the one before.
    BatchSizes {
        /// The time step.
        step: usize,
        /// The batch size of this step.
        size: usize,
        /// The batch size of the step before.
        previous: usize,
    },
    /// The length of a slice does not fit the shapes.
    Length {
        /// The name of the slice.
        what: &'static str,
        /// The length that the shapes require.
        expected: usize,
        /// The length of the slice.
        got: usize,
    },
    /// The number of parameters is wrong.
    ParameterCount {
        /// The number that the configuration requires.
        expected: usize,
        /// The number of slices.
        got: usize,
    },
    /// The packed weights or the tape belong to another network, or the weights were packed for another batch size.
    WeightsMismatch,
    /// The number of dropout masks is wrong.
    DropoutMaskCount {
        /// The number of layers but the last.
        expected: usize,
        /// The number of masks.
        got: usize,
    },
    /// A target is not a class.
    Target {
        /// The example.
        row: usize,
        /// Its target.
        target: i64,
        /// The number of classes.
        classes: usize,
    },
    /// A bidirectional network cannot run step by step.
    BidirectionalStep,
    /// A buffer cannot be allocated.
    OutOfMemory {
        /// The size of the buffer.
        bytes: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::InstructionSet { got, available } => {
                write!(f, "RNN_KERNELS={got}: this CPU offers {}", available.join(", "))
            }
            Error::ZeroSize { name } => write!(f, "{name} must be greater than zero"),
            Error::ProjectionOfCell { cell } => write!(f, "proj_size must be 0 for {cell:?}: only LSTM has a projection"),
            Error::ProjectionSize { proj_size, hidden_size } => {
                write!(f, "proj_size must be less than hidden_size, which is {hidden_size}, but is {proj_size}")
            }
            Error::BatchSizes { step, size, previous } => {
                write!(f, "batch_sizes[{step}] must be from 1 to {previous}, the size before it, but is {size}")
            }
            Error::Length { what, expected, got } => write!(f, "{what}: expected {expected} numbers, got {got}"),
            Error::ParameterCount { expected, got } => write!(f, "expected {expected} parameters, got {got}"),
            Error::WeightsMismatch => f.write_str("the weights were packed for another network or another batch size"),
            Error::DropoutMaskCount { expected, got } => {
                write!(f, "expected {expected} dropout masks, one for each layer but the last, got {got}")
            }
            Error::Target { row, target, classes } => {
                write!(
                    f,
                    "target {target} of example {row} is not a class: expected 0 to {}",
                    classes.saturating_sub(1)
                )
            }
            Error::BidirectionalStep => f.write_str(
                "a bidirectional network cannot run step by step, because its reverse direction starts at the last step: run \
                 forward over the whole sequence",
            ),
            Error::OutOfMemory { bytes } => write!(f, "out of memory: cannot allocate {bytes} bytes of workspace"),
        }
    }
}

impl std::error::Error for Error {}

/// Checks the length of a slice.
pub(crate) fn check_length(what: &'static str, slice: &[f32], expected: usize) -> Result<()> {
    if slice.len() == expected { Ok(()) } else { Err(Error::Length { what, expected, got: slice.len() }) }
}
