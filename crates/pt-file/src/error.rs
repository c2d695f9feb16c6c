use std::path::PathBuf;
use std::{fmt, io};

use crate::{ArchiveProblem, DType, Layout, PickleProblem, ValuePath};

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong; its text says what, where and, if the cause lies with the caller, what would be right.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The system would not read or write.
    Io(io::Error),
    /// The system would not read or write this file.
    File {
        /// the file
        path: PathBuf,
        /// why
        source: io::Error,
    },
    /// A shape whose elements or bytes 63 bits cannot count.
    TooLarge {
        /// of the tensor
        dtype: DType,
        /// of the tensor
        shape: Vec<usize>,
    },
    /// Not one stride per dimension.
    StrideCount {
        /// of the tensor
        shape: Vec<usize>,
        /// of the tensor
        strides: Vec<usize>,
    },
    /// More or fewer bytes than the shape wants.
    ByteLength {
        /// of the tensor
        dtype: DType,
        /// of the tensor
        shape: Vec<usize>,
        /// the bytes that make the shape
        expected: usize,
        /// the bytes that were given
        found: usize,
    },
    /// A storage that is not a whole number of elements.
    PartialElement {
        /// of the tensor
        dtype: DType,
        /// of the storage
        bytes: usize,
    },
    /// A view that reaches beyond its storage.
    OutsideStorage {
        /// of the tensor
        layout: Box<Layout>,
        /// the elements that the storage has
        elements: usize,
    },
    /// A tensor that holds something else than was asked for.
    WrongDType {
        /// asked for
        wanted: DType,
        /// held
        found: DType,
    },
    /// Too little memory for the elements of a tensor.
    OutOfMemory {
        /// that were wanted
        bytes: usize,
    },
    /// Lists, tuples and dicts nested beyond [`MAX_DEPTH`](crate::MAX_DEPTH).
    TooDeep {
        /// the first that is too deep
        at: ValuePath,
        /// the most levels
        limit: usize,
    },
    /// A string beyond 4 GiB, which pickle protocol 2 cannot hold.
    StringTooLong {
        /// the string, or the dict whose key it is
        at: ValuePath,
        /// its length
        bytes: usize,
    },
    /// A storage viewed as two dtypes, which the format cannot express; `torch.save` refuses it, too.
    TwoDTypes {
        /// here and before
        dtypes: (DType, DType),
        /// the second tensor
        at: ValuePath,
        /// the first tensor
        before: ValuePath,
    },
    /// A file of another format; which, and what to do.
    NotACheckpoint(&'static str),
    /// An archive that is damaged, hostile or no checkpoint.
    Archive {
        /// the record, if it is about one
        record: Option<String>,
        /// what is wrong with it
        problem: ArchiveProblem,
    },
    /// A pickle that is damaged, hostile, or uses what checkpoints do not.
    Pickle {
        /// the byte of `data.pkl` where the operation starts
        at: usize,
        /// what is wrong with it
        problem: PickleProblem,
    },
    /// A list, tuple or dict that contains itself.
    Cycle {
        /// where it does
        at: ValuePath,
    },
    /// A small pickle that is a huge value.
    Expansion {
        /// the first value that is too much
        at: ValuePath,
        /// the bytes of memory that the values of the pickle may take
        limit: usize,
    },
    /// Small storages that are huge tensors.
    TensorExpansion {
        /// the first tensor that is too much
        at: ValuePath,
        /// the bytes that the tensors of the file may have, each counted with elements of its own
        limit: u64,
    },
    /// A thing that has no place in a value, such as a function or a storage without a tensor.
    NoValue {
        /// where it is
        at: ValuePath,
        /// what it is
        what: &'static str,
    },
    /// A `tch` kind that is not among the ten dtypes.
    #[cfg(feature = "tch")]
    Kind(tch::Kind),
    /// libtorch would not convert a tensor.
    #[cfg(feature = "tch")]
    Tch(tch::TchError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(source) => write!(f, "{source}"),
            Error::File { path, source } => write!(f, "{}: {source}", path.display()),
            Error::TooLarge { dtype, shape } => {
                write!(f, "a {dtype} tensor of shape {shape:?} is beyond what 63 bits can count")
            }
            Error::StrideCount { shape, strides } => {
                write!(f, "shape {shape:?} and strides {strides:?} have different numbers of dimensions")
            }
            Error::ByteLength { dtype, shape, expected, found } => {
                write!(f, "a {dtype} tensor of shape {shape:?} takes {expected} bytes, not {found}")
            }
            Error::PartialElement { dtype, bytes } => write!(f, "{bytes} bytes are no whole number of {dtype}"),
            Error::OutsideStorage { layout, elements } => {
                write!(f, "a {layout} needs a storage of {} elements, not {elements}", layout.span())
            }
            Error::WrongDType { wanted, found } => write!(f, "the tensor holds {found}, not {wanted}"),
            Error::OutOfMemory { bytes } => write!(f, "no memory for the {bytes} bytes of a tensor"),
            Error::TooDeep { at, limit } => write!(f, "at {at}: nested deeper than {limit} levels"),
            Error::StringTooLong { at, bytes } => {
                write!(f, "at {at}: a string of {bytes} bytes; the format ends at {}", u32::MAX)
            }
            Error::TwoDTypes { dtypes: (here, first), at, before } => {
                write!(f, "at {at}: views as {here} the storage that {before} views as {first}")
            }
            Error::NotACheckpoint(what) => write!(f, "not a PyTorch checkpoint but {what}"),
            Error::Archive { record: Some(record), problem } => write!(f, "record {record:?}: {problem}"),
            Error::Archive { record: None, problem } => write!(f, "{problem}"),
            Error::Pickle { at, problem } => write!(f, "data.pkl, byte {at}: {problem}"),
            Error::Cycle { at } => write!(f, "at {at}: it contains itself"),
            Error::Expansion { at, limit } => write!(f, "at {at}: {}", PickleProblem::Expansion { limit: *limit }),
            Error::TensorExpansion { at, limit } => {
                write!(f, "at {at}: tensors of more than {limit} bytes, beyond all proportion to the file")
            }
            Error::NoValue { at, what } => write!(f, "at {at}: {what}, which is no value of a checkpoint"),
            #[cfg(feature = "tch")]
            Error::Kind(kind) => write!(f, "a tensor of kind {kind:?} has no place in a checkpoint; convert it before"),
            #[cfg(feature = "tch")]
            Error::Tch(source) => write!(f, "{source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(source) | Error::File { source, .. } => Some(source),
            #[cfg(feature = "tch")]
            Error::Tch(source) => Some(source),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Error {
        Error::Io(source)
    }
}
