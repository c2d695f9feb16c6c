//! What can be wrong with a call.

use std::fmt;

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No such instruction set, or the CPU lacks it.
    InstructionSet {
        /// The name asked for.
        got: String,
        /// Those to choose from.
        available: Vec<&'static str>,
    },
    /// A size is zero.
    ZeroSize {
        /// Which one.
        name: &'static str,
    },
    /// A slice is too short or too long for the shapes.
    Length {
        /// What it holds.
        what: &'static str,
        /// Numbers it should hold.
        expected: usize,
        /// Numbers it holds.
        got: usize,
    },
    /// There are more or fewer parameters than torch's order has.
    ParameterCount {
        /// How many there should be.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// Weights or a tape of another network, or packed for another size of batch.
    OtherWeights,
    /// There are more or fewer dropout masks than layers below the last.
    Masks {
        /// How many there should be.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// A buffer cannot be allocated.
    Memory {
        /// Its size.
        bytes: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::InstructionSet { got, available } => {
                write!(f, "{}={got}: this CPU offers {}", crate::VARIABLE, available.join(", "))
            }
            Error::ZeroSize { name } => write!(f, "{name} must be greater than zero"),
            Error::Length { what, expected, got } => {
                write!(f, "{what}: expected {expected} numbers, got {got}")
            }
            Error::ParameterCount { expected, got } => write!(f, "expected {expected} parameters, got {got}"),
            Error::OtherWeights => f.write_str("the weights were packed for another network or another size of batch"),
            Error::Masks { expected, got } => {
                write!(f, "expected {expected} dropout masks, one for each layer but the last, got {got}")
            }
            Error::Memory { bytes } => write!(f, "out of memory: {bytes} bytes of workspace cannot be allocated"),
        }
    }
}

impl std::error::Error for Error {}

/// Checks a slice's length.
pub(crate) fn check_length(what: &'static str, slice: &[f32], expected: usize) -> Result<()> {
    if slice.len() == expected { Ok(()) } else { Err(Error::Length { what, expected, got: slice.len() }) }
}
