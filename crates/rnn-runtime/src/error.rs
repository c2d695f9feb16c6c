//! The error type.

use std::fmt;

use pt_file::escape;

use crate::weights::WeightsError;

/// The result type of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a file could not be read, or why a layer could not be built or run.
///
/// Where torch raises an exception for the same mistake, the message is torch's.
#[derive(Debug)]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields
pub enum Error {
    /// The file cannot be read. The message is that of pt-file.
    File(pt_file::Error),
    /// The names of the tensors in the file take more than this number of bytes in total.
    NamesTooLong { limit: usize },
    /// The weights do not fit the layer. The message lists every fault.
    Weights(Box<WeightsError>),
    /// A setting of a layer is wrong, such as a stride of 0.
    Setting { layer: &'static str, problem: String },
    /// The input of a recurrent layer has the wrong number of features.
    InputSize { expected: usize, got: usize },
    /// The state of a recurrent layer has the wrong shape: rows, sequences, features.
    StateSize {
        /// 0 for the h and 1 for the c of an LSTM; `None` for the other layers.
        index: Option<usize>,
        expected: [usize; 3],
        got: [usize; 3],
    },
    /// A sequence without time steps.
    NoSteps,
    /// The number of lengths differs from the number of sequences.
    LengthsCount { expected: usize, got: usize },
    /// Lengths of no sequences.
    NoSequences,
    /// A sequence of length 0.
    ZeroLength { sequence: usize },
    /// A sequence that is longer than the input.
    LengthTooLong { sequence: usize, length: usize, steps: usize },
    /// `step` of a bidirectional layer.
    BidirectionalStep,
    /// The input of a layer has the wrong shape.
    InputShape { layer: &'static str, expected: String, got: Vec<usize> },
    /// An index that is not a row of the embedding, as text.
    Index { index: String, rows: usize },
    /// A dimension that the array does not have.
    Axis { axis: usize, dimensions: usize },
    /// The maximum of a dimension without elements.
    EmptyAxis { axis: usize },
    /// A gate, layer or direction that is not in the trace.
    NotTraced { wanted: String, known: String },
    /// An array cannot be allocated.
    OutOfMemory { bytes: usize },
    /// The kernels reject the call.
    Kernels(rnn_kernels::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File(error) => write!(f, "{error}"),
            Error::NamesTooLong { limit } => {
                write!(f, "the names of the tensors take more than {limit} bytes; the file is damaged or malicious")
            }
            Error::Weights(error) => write!(f, "{error}"),
            Error::Setting { layer, problem } => write!(f, "{layer}: {problem}"),
            Error::InputSize { expected, got } => {
                write!(f, "input.size(-1) must be equal to input_size. Expected {expected}, got {got}")
            }
            Error::StateSize { index, expected: [rows, sequences, features], got } => {
                let name = index.map_or("hidden".to_owned(), |i| format!("hidden[{i}]"));
                write!(f, "Expected {name} size ({rows}, {sequences}, {features}), got {got:?}")
            }
            Error::NoSteps => f.write_str("Expected sequence length to be larger than 0 in RNN"),
            Error::LengthsCount { expected, got } => {
                write!(f, "Expected `len(lengths)` to be equal to batch_size, but got {got} (batch_size={expected})")
            }
            Error::NoSequences => f.write_str("Cannot pack empty tensors."),
            Error::ZeroLength { sequence } => write!(
                f,
                "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: \
                 lengths[{sequence}]"
            ),
            Error::LengthTooLong { sequence, length, steps } => {
                write!(f, "lengths[{sequence}] is {length}, but the input has {steps} steps")
            }
            Error::BidirectionalStep => f.write_str(
                "a bidirectional layer cannot run step by step, because its reverse direction starts at the end of the \
                 sequence; use forward",
            ),
            Error::InputShape { layer, expected, got } => {
                write!(f, "{layer}: expected an input of shape {expected}, got {got:?}")
            }
            Error::Index { index, rows } => write!(
                f,
                "index out of range in self: {} is not in 0..{rows}, the rows of the embedding",
                escape(index)
            ),
            Error::Axis { axis, dimensions } => {
                write!(f, "dimension {axis} is out of range: the array has {dimensions} dimensions, counted from 0")
            }
            Error::EmptyAxis { axis } => write!(f, "argmax: expected dimension {axis} to have at least one element"),
            Error::NotTraced { wanted, known } => write!(f, "the trace has no {}; it has {known}", escape(wanted)),
            Error::OutOfMemory { bytes } => write!(f, "not enough memory for an array of {bytes} bytes"),
            Error::Kernels(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::File(error) => error.source(), // the message of `error` is already in ours
            _ => None,
        }
    }
}

impl From<pt_file::Error> for Error {
    fn from(error: pt_file::Error) -> Error {
        Error::File(error)
    }
}

impl From<rnn_kernels::Error> for Error {
    fn from(error: rnn_kernels::Error) -> Error {
        match error {
            rnn_kernels::Error::OutOfMemory { bytes } => Error::OutOfMemory { bytes },
            other => Error::Kernels(other),
        }
    }
}
