//! What can go wrong, in PyTorch's own words.

use std::fmt;

use tch::{Kind, TchError};

use crate::tensor::torch_dtype;

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why a layer could not be made or run.
///
/// `Display` gives the sentence that Python gives, [`Error::python_kind`] the class of the Python exception; the
/// fields hold the offending values.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A nonlinearity other than `tanh` and `relu`.
    UnknownNonlinearity(String),
    /// A dropout probability outside `[0, 1]`, or NaN.
    Dropout(f64),
    /// `input_size`, `hidden_size` or `num_layers` below 1.
    NotPositive {
        /// Which of the three.
        name: &'static str,
        /// What was given.
        value: i64,
    },
    /// A negative `proj_size`.
    NegativeProjSize(i64),
    /// A `proj_size` that is not smaller than `hidden_size`.
    ProjSizeTooLarge {
        /// What was given.
        proj_size: i64,
        /// What it has to stay below.
        hidden_size: i64,
    },
    /// More layers than 65536, the most that this library builds.
    TooManyLayers(i64),
    /// Parameters of an integer or Boolean kind, which have no gradient.
    NotFloat(Kind),
    /// A parameter of this name is in the `VarStore` already. (tch would silently call the second one `NAME__4`, and
    /// no checkpoint would fit any more.)
    DuplicateParameter(String),
    /// An input of a rank other than 2 (unbatched) or 3.
    InputRank {
        /// `"RNN"`, `"LSTM"` or `"GRU"`.
        layer: &'static str,
        /// The rank that was given.
        got: usize,
    },
    /// A state whose rank is not that of the input.
    StateRank {
        /// Whether the input was batched.
        batched: bool,
        /// The ranks of the tensors of the state.
        got: Vec<usize>,
    },
    /// An input whose kind is not that of the weights.
    KindMismatch {
        /// The kind of the input.
        input: Kind,
        /// The kind of the weights.
        weight: Kind,
    },
    /// Packed data that is not of rank 2.
    PackedRank(usize),
    /// An input whose last dimension is not `input_size`.
    InputSize {
        /// `input_size`.
        expected: i64,
        /// The last dimension of the input.
        got: i64,
    },
    /// A state of the wrong shape.
    StateSize {
        /// The tensor of the LSTM's state, 0 for h and 1 for c; `None` for the other layers.
        index: Option<usize>,
        /// The shape that fits.
        expected: [i64; 3],
        /// The shape that was given.
        got: Vec<i64>,
    },
    /// The input of a cell has a rank other than 1 (unbatched) or 2.
    CellInputRank {
        /// `"RNNCell"`, `"LSTMCell"` or `"GRUCell"`.
        cell: &'static str,
        /// The rank that was given.
        got: usize,
    },
    /// The state of a cell has a rank other than 1 (unbatched) or 2.
    CellStateRank {
        /// `"RNNCell"`, `"LSTMCell"` or `"GRUCell"`.
        cell: &'static str,
        /// The tensor of the LSTM's state, 0 for h and 1 for c; `None` for the other cells.
        index: Option<usize>,
        /// The rank that was given.
        got: usize,
    },
    /// The last dimension of a cell's input is not `input_size`.
    CellInputSize {
        /// `input_size`.
        expected: i64,
        /// The last dimension of the input.
        got: i64,
    },
    /// The input of a cell and its state are not of the same batch.
    CellBatch {
        /// The tensor of the state, 0 for h and 1 for c.
        index: usize,
        /// The batch of the input.
        expected: i64,
        /// The batch of the state.
        got: i64,
    },
    /// The last dimension of a cell's state is not `hidden_size`.
    CellHiddenSize {
        /// The tensor of the state, 0 for h and 1 for c.
        index: usize,
        /// `hidden_size`.
        expected: i64,
        /// The last dimension of the state.
        got: i64,
    },
    /// Of the input of a cell and its state one is batched and the other is not.
    CellMixedRanks {
        /// The rank of the input.
        input: usize,
        /// The rank of the state.
        state: usize,
    },
    /// The `batch_sizes` of a packed sequence are not on the CPU.
    BatchSizesDevice,
    /// The `batch_sizes` of a packed sequence do not fit its data; the text says in what.
    BatchSizes(String),
    /// Not as many lengths as there are sequences to pack.
    LengthsCount {
        /// How many sequences there are.
        batch: i64,
        /// How many lengths were given.
        got: i64,
    },
    /// A length beyond the steps of the padded input.
    LengthTooLong {
        /// The greatest length that was given.
        length: i64,
        /// The steps there are.
        steps: i64,
    },
    /// A `total_length` below the longest sequence.
    TotalLength {
        /// What was given.
        total_length: i64,
        /// The length of the longest sequence.
        longest: i64,
    },
    /// A padding side other than `left` and `right`.
    UnknownPaddingSide(String),
    /// Not as many lengths as there are sequences to unpad.
    UnpadCount {
        /// How many sequences there are.
        sequences: usize,
        /// How many lengths were given.
        lengths: usize,
    },
    /// Lengths that are a single number instead of one for each sequence.
    ScalarLengths,
    /// A sequence of no dimensions, hence without steps.
    ScalarSequence,
    /// A permutation that has an index twice.
    NotAPermutation,
    /// A trace was asked for something that its layer has not.
    NotTraced {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// An undefined tensor, such as `Tensor::new()` makes.
    UndefinedTensor,
    /// `load_state_dict` found names or shapes that do not fit; all of them, in one message.
    StateDict(String),
    /// An unknown backend.
    UnknownBackend(String),
    /// The fused backend was asked for something that only the exact one computes; the text says what.
    NotFused(String),
    /// libtorch refused; its own text without the C++ backtrace.
    Torch(String),
}

/// The class of the exception that Python raises for the same mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PythonKind {
    /// `ValueError`
    ValueError,
    /// `TypeError`
    TypeError,
    /// `RuntimeError`
    RuntimeError,
    /// `IndexError`
    IndexError,
}

impl Error {
    /// The class of the exception that Python raises for the same mistake.
    pub fn python_kind(&self) -> PythonKind {
        match self {
            Error::UnknownNonlinearity(_)
            | Error::Dropout(_)
            | Error::NotPositive { .. }
            | Error::NegativeProjSize(_)
            | Error::ProjSizeTooLarge { .. }
            | Error::TooManyLayers(_)
            | Error::InputRank { .. }
            | Error::KindMismatch { .. }
            | Error::CellInputRank { .. }
            | Error::CellStateRank { .. }
            | Error::BatchSizesDevice
            | Error::TotalLength { .. }
            | Error::UnpadCount { .. }
            | Error::NotAPermutation
            | Error::DuplicateParameter(_)
            | Error::UnknownBackend(_) => PythonKind::ValueError,
            Error::ScalarLengths | Error::UndefinedTensor => PythonKind::TypeError,
            Error::ScalarSequence | Error::NotTraced { .. } => PythonKind::IndexError,
            Error::Torch(message) => kind_of_torch_message(message),
            Error::NotFloat(_)
            | Error::StateRank { .. }
            | Error::PackedRank(_)
            | Error::InputSize { .. }
            | Error::StateSize { .. }
            | Error::CellInputSize { .. }
            | Error::CellBatch { .. }
            | Error::CellHiddenSize { .. }
            | Error::CellMixedRanks { .. }
            | Error::BatchSizes(_)
            | Error::LengthsCount { .. }
            | Error::LengthTooLong { .. }
            | Error::UnknownPaddingSide(_)
            | Error::StateDict(_)
            | Error::NotFused(_) => PythonKind::RuntimeError,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnknownNonlinearity(name) => {
                write!(f, "Unknown nonlinearity '{name}'. Select from 'tanh' or 'relu'.")
            }
            Error::Dropout(_) => f.write_str(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed",
            ),
            Error::NotPositive { name, .. } => write!(f, "{name} must be greater than zero"),
            Error::NegativeProjSize(_) => {
                f.write_str("proj_size should be a positive integer or zero to disable projections")
            }
            Error::ProjSizeTooLarge { .. } => f.write_str("proj_size has to be smaller than hidden_size"),
            Error::TooManyLayers(got) => write!(f, "num_layers can not be greater than 65536, but got {got}"),
            Error::NotFloat(_) => f.write_str("Only Tensors of floating point and complex dtype can require gradients"),
            Error::UnknownBackend(name) => write!(f, "Unknown backend '{name}'. Select from 'exact' or 'fused'."),
            Error::NotFused(what) => write!(f, "the fused backend {what}; Backend::Exact does it"),
            Error::DuplicateParameter(name) => write!(
                f,
                "the VarStore has a parameter '{name}' already: build the second layer on a path of its own, \
                 such as &(vs.root() / \"rnn2\")"
            ),
            Error::InputRank { layer, got } => {
                // The RNN's sentence has one word more than the others'.
                let tensor = if *layer == "RNN" { " tensor" } else { "" };
                write!(f, "{layer}: Expected input to be 2D or 3D, got {got}D{tensor} instead")
            }
            Error::StateRank { batched, got } => {
                let (kind, rank) = if *batched { ("batched", 3) } else { ("unbatched", 2) };
                match got.as_slice() {
                    [h, c] => write!(
                        f,
                        "For {kind} {rank}-D input, hx and cx should also be {rank}-D but got ({h}-D, {c}-D) tensors"
                    ),
                    _ => {
                        let got = got.first().copied().unwrap_or(0);
                        write!(f, "For {kind} {rank}-D input, hx should also be {rank}-D but got {got}-D tensor")
                    }
                }
            }
            Error::KindMismatch { input, weight } => {
                let (input, weight) = (torch_dtype(*input), torch_dtype(*weight));
                write!(
                    f,
                    "RNN input dtype ({input}) does not match weight dtype ({weight}). \
                     Convert input: input.to({weight}), or convert model: model.to({input})"
                )
            }
            Error::PackedRank(got) => write!(f, "input must have 2 dimensions, got {got}"),
            Error::InputSize { expected, got } => {
                write!(f, "input.size(-1) must be equal to input_size. Expected {expected}, got {got}")
            }
            Error::StateSize { index, expected: [layers, batch, size], got } => {
                let which = index.map_or("hidden".to_owned(), |i| format!("hidden[{i}]"));
                write!(f, "Expected {which} size ({layers}, {batch}, {size}), got {got:?}")
            }
            Error::CellInputRank { cell, got } => {
                write!(f, "{cell}: Expected input to be 1D or 2D, got {got}D instead")
            }
            Error::CellStateRank { cell, index, got } => {
                let which = index.map_or("hidden".to_owned(), |i| format!("hx[{i}]"));
                write!(f, "{cell}: Expected {which} to be 1D or 2D, got {got}D instead")
            }
            Error::CellInputSize { expected, got } => {
                write!(f, "input has inconsistent input_size: got {got} expected {expected}")
            }
            Error::CellBatch { index, expected, got } => {
                write!(f, "Input batch size {expected} doesn't match hidden{index} batch size {got}")
            }
            Error::CellHiddenSize { index, expected, got } => {
                write!(f, "hidden{index} has inconsistent hidden_size: got {got}, expected {expected}")
            }
            Error::CellMixedRanks { input, state } => {
                write!(f, "For {input}-D input, hx should also be {input}-D but got {state}-D tensor")
            }
            Error::BatchSizesDevice => f.write_str(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. \
                 They should be instantiated by functions like pack_sequence and pack_padded_sequences in nn.utils.rnn. \
                 https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence",
            ),
            Error::BatchSizes(fault) => write!(f, "batch_sizes {fault}"),
            Error::LengthsCount { batch, got } => {
                write!(f, "Expected `len(lengths)` to be equal to batch_size, but got {got} (batch_size={batch})")
            }
            Error::LengthTooLong { length, steps } => {
                write!(f, "a sequence can not be longer than the padded input, but got length {length} for {steps} steps")
            }
            Error::TotalLength { total_length, longest } => write!(
                f,
                "Expected total_length to be at least the length of the longest sequence in input, but got \
                 total_length={total_length} and max sequence length being {longest}"
            ),
            Error::UnknownPaddingSide(name) => {
                write!(f, "Expected padding_side to be one of left or right, but got {name}.")
            }
            Error::UnpadCount { sequences, lengths } => {
                let word = if lengths < sequences { "shorter" } else { "longer" };
                write!(f, "zip() argument 2 is {word} than argument 1")
            }
            Error::ScalarLengths => f.write_str("iteration over a 0-d tensor"),
            Error::ScalarSequence => f.write_str("Dimension specified as 0 but tensor has no dimensions"),
            Error::NotAPermutation => f.write_str("not a permutation: an index comes twice"),
            Error::NotTraced { wanted, known } => write!(f, "the trace has not {wanted}, but {known}"),
            Error::UndefinedTensor => f.write_str("expected a tensor, but got an undefined one (Tensor::new())"),
            Error::StateDict(message) | Error::Torch(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

impl From<TchError> for Error {
    fn from(error: TchError) -> Error {
        Error::from(torch_ext::Error::from(error))
    }
}

impl From<torch_ext::Error> for Error {
    fn from(error: torch_ext::Error) -> Error {
        let message = match error {
            torch_ext::Error::StateDict(message) => return Error::StateDict(message),
            torch_ext::Error::Fused(message) => return Error::NotFused(message),
            other => other.to_string(),
        };
        // Where libtorch runs out of memory, its backtrace begins in another way.
        Error::Torch(message.split("\nframe #0").next().unwrap_or_default().to_owned())
    }
}

/// `c10::IndexError` loses its name on the way through C, but not its words.
fn kind_of_torch_message(message: &str) -> PythonKind {
    let of_an_index = [
        "Dimension out of range",
        "Dimension specified as",
        "index out of range in self",
        "index_select(): Index is supposed to be",
        "tuple index out of range",
    ];
    if of_an_index.iter().any(|words| message.starts_with(words)) {
        PythonKind::IndexError
    } else {
        PythonKind::RuntimeError
    }
}
