//! The error type of this crate.

use std::fmt;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// libtorch's own message, without the C++ backtrace.
    Torch(String),
    /// An operation that cannot be recorded in autograd's graph; the message names it and the tensor.
    Autograd(String),
    /// Tensors that the fused kernels do not support. `Display` puts "the fused kernels" before the message.
    Fused(String),
    /// A task on libtorch's threads panicked; the message is the panic's.
    Panic(String),
    /// An argument that a layer, an optimizer or a loader rejects (a `ValueError` in Python); torch's words where it has any.
    InvalidArgument(String),
    /// A saved model, optimizer or scheduler that does not fit this one; torch's words where it has any.
    StateDict(String),
    /// A file that cannot be read or written, or has the wrong content; the message names it.
    File(String),
    /// CUDA is not available; the message names the step that failed and the remedy.
    Cuda(String),
    /// A process group that cannot be joined, or a collective operation that failed; the message names the rank and, if
    /// known, the peer.
    Dist(String),
}

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Fused(message) => write!(f, "the fused kernels {message}"),
            Error::Torch(message)
            | Error::Autograd(message)
            | Error::Panic(message)
            | Error::InvalidArgument(message)
            | Error::StateDict(message)
            | Error::File(message)
            | Error::Cuda(message)
            | Error::Dist(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Error {
        match error {
            tch::TchError::Torch(message) => Error::Torch(first_line(&message).to_owned()),
            other => Error::Torch(other.to_string()),
        }
    }
}

/// A libtorch message without its C++ backtrace, as Python shows it. The backtrace of a failed allocation has no heading.
///
/// ```
/// let message = "size mismatch\nException raised from inferSize at ..\nframe #0: ..";
/// assert_eq!(torch_ext::first_line(message), "size mismatch");
/// assert_eq!(torch_ext::first_line("can't allocate memory\nframe #0: .."), "can't allocate memory");
/// ```
pub fn first_line(message: &str) -> &str {
    let ends = ["\nException raised from", "\nframe #0"].map(|start| message.find(start));
    let end = ends.into_iter().flatten().min().unwrap_or(message.len());
    message[..end].trim_end()
}
