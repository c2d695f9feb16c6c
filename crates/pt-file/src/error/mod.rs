mod archive_problem;
mod pickle_problem;

use std::path::PathBuf;
use std::{fmt, io};

use crate::{DType, ValuePath, escape};

pub use archive_problem::ArchiveProblem;
pub use pickle_problem::PickleProblem;
pub(crate) use pickle_problem::excerpt;

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// An error of this crate. The message has the position, the values, and what to do if the caller can correct it.
///
/// Fields named `at` are the position in the value or the pickle.
#[derive(Debug)]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields
pub enum Error {
    /// The operating system cannot read or write.
    Io(io::Error),
    /// The operating system cannot read or write this file.
    File { path: PathBuf, source: io::Error },
    /// A shape, or a view, whose number of elements or bytes does not fit in 63 bits.
    TooLarge { dtype: DType, shape: Vec<usize> },
    /// The number of strides is not the number of dimensions.
    StrideCount { shape: Vec<usize>, strides: Vec<usize> },
    /// The number of bytes does not match the shape.
    ByteLength { dtype: DType, shape: Vec<usize>, expected: usize, found: usize },
    /// The storage is not a whole number of elements.
    PartialElement { dtype: DType, bytes: usize },
    /// The view, here as text, needs a storage of `needed` elements, but the storage has fewer.
    OutsideStorage { view: String, needed: usize, elements: usize },
    /// The elements were requested as another type than that of the tensor.
    WrongDType { wanted: DType, found: DType },
    /// Not enough memory for the elements of a tensor.
    OutOfMemory { bytes: usize },
    /// Lists, tuples and dicts are nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    TooDeep { at: ValuePath, limit: usize },
    /// A string is longer than 4 GiB, the limit of pickle protocol 2. For a key, `at` is its dict.
    StringTooLong { at: ValuePath, bytes: usize },
    /// Two tensors, at `at` and `before`, view one storage with these two dtypes. `torch.save` rejects this too.
    TwoDTypes { dtypes: (DType, DType), at: ValuePath, before: ValuePath },
    /// The file has another format. The text names the format and what to do.
    NotACheckpoint(&'static str),
    /// The zip archive is damaged, malicious, or not a checkpoint.
    Archive { record: Option<String>, problem: ArchiveProblem },
    /// The pickle is damaged, malicious, or uses something that checkpoints do not use. `at` is the first byte of the
    /// operation in its pickle.
    Pickle { at: usize, problem: PickleProblem },
    /// An object of the pickle is damaged, malicious, or not supported.
    Object { at: ValuePath, problem: PickleProblem },
    /// A value that contains itself cannot be written.
    Cycle { at: ValuePath },
    /// This crate writes only what `torch.load(weights_only=True)` reads. `what` is the class or type.
    Unwritable { at: ValuePath, what: String },
    /// A safetensors file has only tensors, each with a string as its name, and not of every dtype.
    NotSafetensors { at: ValuePath, what: String },
    /// [`Value::state_dict_at`](crate::Value::state_dict_at) finds no state dict.
    NoStateDict { at: String, what: String },
    /// A small pickle expands to values of more than `limit` bytes. `at` is the first value beyond the limit.
    Expansion { at: ValuePath, limit: usize },
    /// Views of small storages have more than `limit` bytes in total. `at` is the first tensor beyond the limit.
    TensorExpansion { at: ValuePath, limit: u64 },
}

impl Error {
    /// Adds the path to an error of the operating system.
    pub(crate) fn in_file(self, path: impl Into<PathBuf>) -> Error {
        match self {
            Error::Io(source) => Error::File { path: path.into(), source },
            other => other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(source) => write!(f, "{source}"),
            Error::File { path, source } => write!(f, "{}: {source}", path.display()),
            Error::TooLarge { dtype, shape } => {
                write!(f, "a {dtype} tensor of shape {shape:?} is too large: its size does not fit in 63 bits")
            }
            Error::StrideCount { shape, strides } => {
                write!(f, "shape {shape:?} and strides {strides:?} have different numbers of dimensions")
            }
            Error::ByteLength { dtype, shape, expected, found } => {
                write!(f, "a {dtype} tensor of shape {shape:?} takes {expected} bytes, not {found}")
            }
            Error::PartialElement { dtype, bytes } => {
                write!(f, "{bytes} bytes are not a whole number of {dtype} elements")
            }
            Error::OutsideStorage { view, needed, elements } => {
                write!(f, "a {view} needs a storage of {needed} elements, not {elements}")
            }
            Error::WrongDType { wanted, found } => write!(f, "the tensor holds {found}, not {wanted}"),
            Error::OutOfMemory { bytes } => write!(f, "not enough memory for a tensor of {bytes} bytes"),
            Error::TooDeep { at, limit } => write!(f, "at {at}: nested deeper than {limit} levels"),
            Error::StringTooLong { at, bytes } => {
                write!(f, "at {at}: a string of {bytes} bytes; the format allows at most {}", u32::MAX)
            }
            Error::TwoDTypes { dtypes: (here, first), at, before } => {
                write!(f, "at {at}: views a storage as {here}, but {before} views it as {first}")
            }
            Error::NotACheckpoint(what) => write!(f, "not a PyTorch checkpoint but {what}"),
            Error::Archive { record: Some(record), problem } => write!(f, "record {record:?}: {problem}"),
            Error::Archive { record: None, problem } => write!(f, "{problem}"),
            Error::Pickle { at, problem } => write!(f, "pickle, byte {at}: {problem}"),
            Error::Object { at, problem } => write!(f, "at {at}: {problem}"),
            Error::Cycle { at } => write!(f, "at {at}: the value contains itself, which cannot be written; remove it"),
            Error::Unwritable { at, what } => {
                write!(f, "at {at}: {}, which torch.load(weights_only=True) does not read; ", escape(what))?;
                f.write_str("remove it, or replace it by a dict")
            }
            Error::NotSafetensors { at, what } => {
                write!(f, "at {at}: {what}, which a safetensors file cannot hold; save it as .pt")
            }
            Error::NoStateDict { at, what } if at.is_empty() => {
                write!(f, "expected a state dict or a module, found {}", escape(what))
            }
            Error::NoStateDict { at, what } => {
                let (at, what) = (escape(at), escape(what));
                write!(f, "at {at}: expected a state dict or a module, found {what}")
            }
            Error::Expansion { at, limit } => write!(f, "at {at}: {}", PickleProblem::Expansion { limit: *limit }),
            Error::TensorExpansion { at, limit } => {
                write!(f, "at {at}: tensors of more than {limit} bytes, far too much for the size of the file")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(source) | Error::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Error {
        Error::Io(source)
    }
}
