use std::fmt;

/// What is wrong with the pickle of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // of the fields
pub enum PickleProblem {
    /// The pickle ends in the middle of an operation.
    Truncated,
    /// A pickle protocol other than 2.
    Protocol(u8),
    /// An operation code that checkpoints do not use.
    Opcode(u8),
    /// The name of a function or class that is not one of the few that checkpoints use.
    Global(String),
    /// A call of this object, which is not a function or does not take these arguments.
    Call(&'static str),
    /// An attribute other than `_metadata`, or an attribute of an object that is not an OrderedDict.
    Attribute(String),
    /// An operand of this operation is missing or has the wrong type.
    Operand(&'static str),
    /// A memo entry is read before it is set.
    UnsetMemo(u32),
    /// A memo entry is set out of order.
    MemoOrder { index: u32, expected: usize },
    /// A string is not UTF-8.
    NotUtf8,
    /// An `int` does not fit in 64 bits.
    IntTooLarge,
    /// A dict key of this type, which is neither `str` nor `int`.
    Key(&'static str),
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
    /// A tensor has the conjugate or negative bit.
    TensorMetadata,
}

impl fmt::Display for PickleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PickleProblem::Truncated => f.write_str("it ends in the middle of an operation"),
            PickleProblem::Protocol(version) => write!(f, "pickle protocol {version}; torch.save's default is 2"),
            PickleProblem::Opcode(code) => write!(f, "operation {code:#04x}, which no checkpoint uses"),
            PickleProblem::Global(name) => {
                write!(f, "refused to look up {}{}", name.escape_debug(), hint(name).unwrap_or_default())
            }
            PickleProblem::Call(callee) => write!(f, "refused to call {callee} with these arguments"),
            PickleProblem::Attribute(what) => write!(f, "refused to set attributes: {what:?}"),
            PickleProblem::Operand(operation) => write!(f, "an operand of {operation} is missing or wrong"),
            PickleProblem::UnsetMemo(index) => write!(f, "memo {index} is used, but was never set"),
            PickleProblem::MemoOrder { index, expected } => write!(f, "memo {index} is set, but {expected} is next"),
            PickleProblem::NotUtf8 => f.write_str("a string is not UTF-8"),
            PickleProblem::IntTooLarge => f.write_str("an int is beyond 64 bits"),
            PickleProblem::Key(type_name) => write!(f, "a dict key is of type {type_name}; str and int are supported"),
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
            PickleProblem::TensorMetadata => {
                f.write_str("a tensor has the conjugate or negative bit; save it after .resolve_conj().resolve_neg()")
            }
        }
    }
}

/// The start of a text of unknown length, for a message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}

/// What to do about a name that often occurs in files.
fn hint(name: &str) -> Option<&'static str> {
    let hints = [
        ("torch.nn.modules.", ": a whole module was saved; save its state_dict()"),
        ("numpy", ": a NumPy value; save x.item(), or torch.from_numpy(x)"),
        ("torch._utils._rebuild_tensor_v3", ": a dtype that is not one of the ten supported"),
        ("torch.Complex", ": complex tensors are not supported; save torch.view_as_real(x)"),
        ("torch._utils._rebuild_sparse_tensor", ": sparse tensors are not supported; save x.to_dense()"),
        ("torch._utils._rebuild_", ": a type of tensor that is not supported"),
        ("__builtin__.set", ": a set; save sorted(x)"),
        ("_codecs.encode", ": bytes; save torch.frombuffer(x, dtype=torch.uint8)"),
        ("torch.device", ": a device; save str(device)"),
    ];
    hints.into_iter().find(|(start, _)| name.starts_with(start)).map(|(_, hint)| hint)
}
