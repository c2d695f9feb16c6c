//! The error type, with PyTorch's own messages.

use tch::{Kind, TchError};

use crate::dtype::torch_dtype;

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why a layer could not be built or run.
///
/// `Display` gives Python's message for the same mistake. [`Error::python_kind`] gives the class of Python's exception.
/// The fields hold the wrong values.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // most field names need no explanation
pub enum Error {
    /// A nonlinearity other than `tanh` and `relu`.
    #[error("Unknown nonlinearity '{0}'. Select from 'tanh' or 'relu'.")]
    UnknownNonlinearity(String),
    /// A dropout probability outside `[0, 1]`, or NaN.
    #[error("dropout should be a number in range [0, 1] representing the probability of an element being zeroed")]
    Dropout(f64),
    /// `input_size`, `hidden_size` or `num_layers` below 1.
    #[error("{name} must be greater than zero")]
    NotPositive { name: &'static str, value: i64 },
    /// A negative `proj_size`.
    #[error("proj_size should be a positive integer or zero to disable projections")]
    NegativeProjSize(i64),
    /// A `proj_size` that is not smaller than `hidden_size`.
    #[error("proj_size has to be smaller than hidden_size")]
    ProjSizeTooLarge { proj_size: i64, hidden_size: i64 },
    /// More than 65536 layers. This limit is this library's, not torch's.
    #[error("num_layers can not be greater than 65536, but got {0}")]
    TooManyLayers(i64),
    /// Parameters of an integer or Boolean dtype, which have no gradient.
    #[error("Only Tensors of floating point and complex dtype can require gradients")]
    NotFloat(Kind),
    /// The `VarStore` already has a parameter of this name.
    ///
    /// tch would rename the second one to `NAME__4`, and checkpoints would no longer fit.
    #[error(
        "the VarStore already has a parameter '{0}': build the second layer on a path of its own, such as \
         &(vs.root() / \"rnn2\")"
    )]
    DuplicateParameter(String),
    /// An input of a rank other than 2 (unbatched) or 3.
    #[error("{layer}: Expected input to be 2D or 3D, got {got}D{} instead", if *layer == "RNN" { " tensor" } else { "" })]
    InputRank { layer: &'static str, got: usize },
    /// A state whose rank differs from that of the input.
    #[error("{}", state_rank_message(*.batched, .got))]
    StateRank {
        /// Whether the input was batched.
        batched: bool,
        got: Vec<usize>,
    },
    /// A state with too many or too few tensors for the layer: only an LSTM's has `c`.
    ///
    /// It can only occur with an [`AnyState`](crate::AnyState).
    #[error("{layer}: Expected a state of {expected} tensor(s), got {got}")]
    StateCount {
        layer: &'static str,
        /// 2 for an LSTM (h and c), else 1 (h).
        expected: usize,
        got: usize,
    },
    /// An input whose dtype differs from that of the weights.
    #[error(
        "RNN input dtype ({0}) does not match weight dtype ({1}). Convert input: input.to({1}), or convert model: \
         model.to({0})", torch_dtype(*.input), torch_dtype(*.weight)
    )]
    KindMismatch { input: Kind, weight: Kind },
    /// Packed data of a rank other than 2.
    #[error("input must have 2 dimensions, got {0}")]
    PackedRank(usize),
    /// An input whose last dimension is not `input_size`.
    #[error("input.size(-1) must be equal to input_size. Expected {expected}, got {got}")]
    InputSize { expected: i64, got: i64 },
    /// A state of the wrong shape.
    #[error(
        "Expected {} size ({}, {}, {}), got {got:?}", state_name(*.index, "hidden"), .expected[0], .expected[1], .expected[2]
    )]
    StateSize {
        /// 0 for the h and 1 for the c of an LSTM; `None` for the other layers.
        index: Option<usize>,
        expected: [i64; 3],
        got: Vec<i64>,
    },
    /// A cell's input of a rank other than 1 (unbatched) or 2.
    #[error("{cell}: Expected input to be 1D or 2D, got {got}D instead")]
    CellInputRank { cell: &'static str, got: usize },
    /// A cell's state of a rank other than 1 (unbatched) or 2.
    #[error("{cell}: Expected {} to be 1D or 2D, got {got}D instead", state_name(*.index, "hx"))]
    CellStateRank {
        cell: &'static str,
        /// 0 for the h and 1 for the c of an LSTM; `None` for the other cells.
        index: Option<usize>,
        got: usize,
    },
    /// A cell's input whose last dimension is not `input_size`.
    #[error("input has inconsistent input_size: got {got} expected {expected}")]
    CellInputSize { expected: i64, got: i64 },
    /// A cell's input and state of different batch sizes.
    #[error("Input batch size {expected} doesn't match hidden{index} batch size {got}")]
    CellBatch {
        /// 0 for h and 1 for c.
        index: usize,
        expected: i64,
        got: i64,
    },
    /// A cell's state whose last dimension is not `hidden_size`.
    #[error("hidden{index} has inconsistent hidden_size: got {got}, expected {expected}")]
    CellHiddenSize {
        /// 0 for h and 1 for c.
        index: usize,
        expected: i64,
        got: i64,
    },
    /// A cell's input is batched and its state is not, or the other way round.
    #[error("For {input}-D input, hx should also be {input}-D but got {state}-D tensor")]
    CellMixedRanks { input: usize, state: usize },
    /// The `batch_sizes` of a packed sequence are not on the CPU.
    #[error(
        "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. They should \
         be instantiated by functions like pack_sequence and pack_padded_sequences in nn.utils.rnn. \
         https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
    )]
    BatchSizesDevice,
    /// The `batch_sizes` of a packed sequence do not fit its data. The text gives the reason.
    #[error("batch_sizes {0}")]
    BatchSizes(String),
    /// The number of lengths differs from the number of sequences to pack.
    #[error("Expected `len(lengths)` to be equal to batch_size, but got {got} (batch_size={batch})")]
    LengthsCount { batch: i64, got: i64 },
    /// A length greater than the number of steps of the padded input.
    #[error("a sequence can not be longer than the padded input, but got length {length} for {steps} steps")]
    LengthTooLong { length: i64, steps: i64 },
    /// A `total_length` below the length of the longest sequence.
    #[error(
        "Expected total_length to be at least the length of the longest sequence in input, but got \
         total_length={total_length} and max sequence length being {longest}"
    )]
    TotalLength { total_length: i64, longest: i64 },
    /// A padding side other than `left` and `right`.
    #[error("Expected padding_side to be one of left or right, but got {0}.")]
    UnknownPaddingSide(String),
    /// The number of lengths differs from the number of sequences to unpad.
    #[error("zip() argument 2 is {} than argument 1", if .lengths < .sequences { "shorter" } else { "longer" })]
    UnpadCount { sequences: usize, lengths: usize },
    /// Lengths as a 0-d tensor instead of one number per sequence.
    #[error("iteration over a 0-d tensor")]
    ScalarLengths,
    /// A sequence as a 0-d tensor, which has no steps.
    #[error("Dimension specified as 0 but tensor has no dimensions")]
    ScalarSequence,
    /// A permutation that contains an index twice.
    #[error("not a permutation: an index occurs twice")]
    NotAPermutation,
    /// A gate, layer or direction that is not in the trace.
    #[error("the trace has no {wanted}; it has {known}")]
    NotTraced { wanted: String, known: String },
    /// An undefined tensor, such as `Tensor::new()` returns.
    #[error("expected a tensor, but got an undefined one (Tensor::new())")]
    UndefinedTensor,
    /// `load_state_dict` found names or shapes that do not fit. The message lists all of them.
    #[error("{0}")]
    StateDict(String),
    /// A backend other than `exact` and `fused`.
    #[error("Unknown backend '{0}'. Select from 'exact' or 'fused'.")]
    UnknownBackend(String),
    /// The fused backend does not support this layer or these tensors. The text gives the reason.
    #[error("the fused backend {0}; use Backend::Exact")]
    NotFused(String),
    /// A single time step of a bidirectional layer.
    #[error(
        "a bidirectional layer cannot run step by step, because its reverse direction starts at the last step: call \
         forward with the whole sequence"
    )]
    BidirectionalStep,
    /// An input of `step` that is not (batch, input_size).
    #[error("step: expected an input of shape {expected:?}, but got {got:?}")]
    StepShape { expected: Vec<i64>, got: Vec<i64> },
    /// A stream of another layer, or one that was made before `set_backend`.
    #[error("step: the stream belongs to another layer or backend; make a new one with layer.stream(..)")]
    StreamMismatch,
    /// libtorch failed. The message is its own, without the C++ backtrace.
    #[error("{0}")]
    Torch(String),
}

/// The class of the Python exception for the same mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PythonKind {
    ValueError,
    TypeError,
    RuntimeError,
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
            Error::ScalarLengths | Error::UndefinedTensor | Error::StateCount { .. } => PythonKind::TypeError,
            Error::ScalarSequence | Error::NotTraced { .. } => PythonKind::IndexError,
            Error::Torch(message) if is_index_error(message) => PythonKind::IndexError,
            _ => PythonKind::RuntimeError,
        }
    }
}

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
        // An out-of-memory message of libtorch starts its backtrace in this other way.
        Error::Torch(message.split("\nframe #0").next().unwrap_or_default().to_owned())
    }
}

/// torch's name of one tensor of a state: `hidden`, or for an LSTM `tuple[0]` and `tuple[1]`.
fn state_name(index: Option<usize>, tuple: &str) -> String {
    index.map_or("hidden".to_owned(), |i| format!("{tuple}[{i}]"))
}

fn state_rank_message(batched: bool, got: &[usize]) -> String {
    let (kind, rank) = if batched { ("batched", 3) } else { ("unbatched", 2) };
    match got {
        [h, c] => {
            format!("For {kind} {rank}-D input, hx and cx should also be {rank}-D but got ({h}-D, {c}-D) tensors")
        }
        _ => {
            let got = got.first().copied().unwrap_or(0);
            format!("For {kind} {rank}-D input, hx should also be {rank}-D but got {got}-D tensor")
        }
    }
}

/// libtorch's C interface passes on the message of a `c10::IndexError` but not its class.
fn is_index_error(message: &str) -> bool {
    [
        "Dimension out of range",
        "Dimension specified as",
        "index out of range in self",
        "index_select(): Index is supposed to be",
        "tuple index out of range",
    ]
    .iter()
    .any(|start| message.starts_with(start))
}
