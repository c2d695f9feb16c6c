use std::fmt;

/// What is wrong with the pickle of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields
pub enum PickleProblem {
    /// The pickle ends in the middle of an operation.
    Truncated,
    /// A pickle protocol beyond 5.
    Protocol(u8),
    /// An operation code that does not exist, or that needs data from outside the pickle.
    Opcode(u8),
    /// The arguments of this function are wrong.
    Call(&'static str),
    /// Attributes of an object of this type, which has none.
    Attribute(String),
    /// An operand of this operation is missing or has the wrong type.
    Operand(&'static str),
    /// A memo entry is read before it is set.
    UnsetMemo(u32),
    /// The index of a memo entry is larger than the position in the pickle.
    MemoOrder { index: u32, limit: usize },
    /// A string is not UTF-8.
    NotUtf8,
    /// A persistent id that is not a reference to a storage.
    PersistentId,
    /// The name of a storage is not a number.
    StorageName(String),
    /// The record of a storage is missing.
    NoRecord(String),
    /// The name of a storage's device is too long.
    DeviceName(String),
    /// The size of a record is not the size of the storage's elements.
    StorageSize { record: String, bytes: u64, expected: u128 },
    /// This record is used with two dtypes.
    TwoDTypes(String),
    /// Offset, shape or strides are negative, different in number, more than 64, or do not fit in 63 bits.
    Geometry,
    /// The view, here as text, needs a storage of `needed` elements, but the storage has fewer.
    OutsideStorage { view: String, needed: usize, elements: usize },
    /// The values need more memory than the limit for a pickle of this size.
    Expansion { limit: usize },
    /// A tensor has unknown metadata. Known are the conjugate and the negative bit.
    TensorMetadata,
}

impl fmt::Display for PickleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PickleProblem::Truncated => f.write_str("it ends in the middle of an operation"),
            PickleProblem::Protocol(version) => write!(f, "pickle protocol {version}; torch.save writes 2 to 5"),
            PickleProblem::Opcode(code) => write!(f, "operation {code:#04x}, which no file uses"),
            PickleProblem::Call(callee) => write!(f, "wrong arguments of {callee}"),
            PickleProblem::Attribute(what) => write!(f, "attributes of {what}, which has none, or has them already"),
            PickleProblem::Operand(operation) => write!(f, "an operand of {operation} is missing or wrong"),
            PickleProblem::UnsetMemo(index) => write!(f, "memo {index} is used, but was never set"),
            PickleProblem::MemoOrder { index, limit } => {
                write!(f, "memo {index} is set at byte {limit}: the index is too large")
            }
            PickleProblem::NotUtf8 => f.write_str("a string is not valid Unicode; save it as bytes"),
            PickleProblem::PersistentId => f.write_str("a reference to something that is not a storage"),
            PickleProblem::StorageName(name) => write!(f, "a storage is called {name:?}, which is not a number"),
            PickleProblem::StorageSize { record, bytes, expected } => {
                write!(f, "record {record} has {bytes} bytes, but its elements take {expected}")
            }
            PickleProblem::TwoDTypes(record) => write!(f, "record {record} is used with two dtypes"),
            PickleProblem::NoRecord(record) => write!(f, "record {record} is missing"),
            PickleProblem::DeviceName(name) => write!(f, "the device name {name:?} of a storage is too long"),
            PickleProblem::Geometry => f.write_str(
                "a tensor's offset, shape or strides are negative, different in number, more than 64, or too large",
            ),
            PickleProblem::OutsideStorage { view, needed, elements } => {
                write!(f, "a {view} needs a storage of {needed} elements, not {elements}")
            }
            PickleProblem::Expansion { limit } => {
                let remedy = "store long lists as tensors";
                write!(f, "values of more than {limit} bytes, far too much for the size of the pickle; {remedy}")
            }
            PickleProblem::TensorMetadata => f.write_str("a tensor has unknown metadata"),
        }
    }
}

/// The start of a text of unknown length, for a message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}
