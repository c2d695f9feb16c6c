use std::fmt;

use crate::Layout;

/// What is wrong with the zip archive of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchiveProblem {
    /// The end record is not at the end of the file.
    NoEnd,
    /// A header that contradicts the format or another header; what does.
    Broken(&'static str),
    /// A central directory or record of more bytes than a checkpoint has there.
    TooLarge {
        /// that it has
        bytes: u64,
        /// that it may have
        limit: u64,
    },
    /// Two records of the same name.
    Duplicate,
    /// Two records, or a record and the directory, that claim the same bytes.
    Overlap,
    /// A record that is not stored; the method of compression.
    Compressed(u16),
    /// An encrypted record, or another feature that `torch.save` does not use; the flags.
    Flags(u16),
    /// A record that must be there.
    Missing,
    /// Data that does not have the checksum in the directory.
    Checksum,
    /// A record whose content is not what it must be; the content.
    Content(String),
    /// A TorchScript archive, which is a program.
    TorchScript,
}

impl fmt::Display for ArchiveProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveProblem::NoEnd => f.write_str("the end of the archive is missing: the file was cut off or added to"),
            ArchiveProblem::Broken(what) => write!(f, "broken archive: {what}"),
            ArchiveProblem::TooLarge { bytes, limit } => write!(f, "{bytes} bytes, of at most {limit}"),
            ArchiveProblem::Duplicate => f.write_str("there are two records of this name"),
            ArchiveProblem::Overlap => f.write_str("the record overlaps another"),
            ArchiveProblem::Compressed(method) => {
                write!(f, "compressed (zip method {method}); torch.save stores records as they are")
            }
            ArchiveProblem::Flags(flags) => write!(f, "encrypted or otherwise special (zip flags {flags:#06x})"),
            ArchiveProblem::Missing => f.write_str("there is no such record"),
            ArchiveProblem::Checksum => f.write_str("the checksum is wrong: the data is damaged"),
            ArchiveProblem::Content(found) => write!(f, "unexpected content {found:?}"),
            ArchiveProblem::TorchScript => f.write_str(
                "a TorchScript archive (torch.jit.save, or tch's VarStore::save), which is a program and not a \
                 checkpoint; save model.state_dict() with torch.save",
            ),
        }
    }
}

/// What is wrong with the pickle in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PickleProblem {
    /// It stops in the middle.
    Truncated,
    /// A version other than 2.
    Protocol(u8),
    /// An operation that checkpoints do not use.
    Opcode(u8),
    /// The name of a function or class that is not among the few that checkpoints use.
    Global(String),
    /// A call of something that is no function, or with arguments that do not belong to it; the callee.
    Call(&'static str),
    /// Attributes set on something else than an OrderedDict, or another than `_metadata`.
    Build(String),
    /// An operation on a value of another type, or on none; the operation.
    Operand(&'static str),
    /// A memo that was not set.
    Memo(u32),
    /// A memo that is set out of order.
    MemoOrder {
        /// its number
        index: u32,
        /// the number that would be next
        expected: usize,
    },
    /// A string that is not UTF-8.
    NotUtf8,
    /// An `int` beyond 64 bits.
    WideInt,
    /// A key that is neither `str` nor `int`; its type.
    Key(&'static str),
    /// A reference to something else than a storage.
    PersistentId,
    /// A storage whose name is not a number.
    StorageName(String),
    /// A storage without a record.
    NoRecord(String),
    /// A storage on a device with too long a name.
    Location(String),
    /// A storage whose record is not as long as its elements.
    StorageSize {
        /// the record
        record: String,
        /// its length
        bytes: u64,
        /// the bytes that its elements take
        expected: u128,
    },
    /// A storage of two dtypes.
    TwoDTypes(String),
    /// A negative offset, size or stride, different numbers of them, more than 64, or beyond 63 bits.
    Geometry,
    /// A view that reaches beyond its storage.
    OutsideStorage {
        /// the view
        layout: Box<Layout>,
        /// the elements that the storage has
        elements: usize,
    },
    /// Values that would take more memory than a pickle of this length is given.
    Expansion {
        /// the bytes that it is given
        limit: usize,
    },
    /// A tensor with flags beyond dtype and layout: conjugated or negated by a bit.
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
            PickleProblem::Call(callee) => write!(f, "refused a call of {callee}, or with these arguments"),
            PickleProblem::Build(what) => write!(f, "refused to set attributes: {what:?}"),
            PickleProblem::Operand(operation) => write!(f, "{operation} has nothing, or the wrong thing, to work on"),
            PickleProblem::Memo(index) => write!(f, "memo {index} is used, but was never set"),
            PickleProblem::MemoOrder { index, expected } => write!(f, "memo {index} is set, but {expected} is next"),
            PickleProblem::NotUtf8 => f.write_str("a string is not UTF-8"),
            PickleProblem::WideInt => f.write_str("an int is beyond 64 bits"),
            PickleProblem::Key(type_name) => write!(f, "a dict key is of type {type_name}; str and int are supported"),
            PickleProblem::PersistentId => f.write_str("a reference to something that is not a storage"),
            PickleProblem::StorageName(name) => write!(f, "a storage is called {name:?}, which is no number"),
            PickleProblem::StorageSize { record, bytes, expected } => {
                write!(f, "record {record} has {bytes} bytes, its elements take {expected}")
            }
            PickleProblem::TwoDTypes(record) => write!(f, "record {record} is used with two dtypes"),
            PickleProblem::NoRecord(record) => write!(f, "record {record} is missing"),
            PickleProblem::Location(name) => write!(f, "a storage is on a device called {name:?}"),
            PickleProblem::Geometry => f.write_str(
                "a tensor's offset, shape and strides are negative, of different numbers, more than 64, or too large",
            ),
            PickleProblem::OutsideStorage { layout, elements } => {
                write!(f, "a {layout} needs a storage of {} elements, not {elements}", layout.span())
            }
            PickleProblem::Expansion { limit } => {
                let remedy = "keep long lists in tensors";
                write!(f, "values of more than {limit} bytes, beyond all proportion to the pickle; {remedy}")
            }
            PickleProblem::TensorMetadata => {
                f.write_str("a tensor is conjugated or negated by a flag; save it after .resolve_conj().resolve_neg()")
            }
        }
    }
}

/// The start of a text of unknown length, for a message.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}

/// What to do about a name that is often met.
fn hint(name: &str) -> Option<&'static str> {
    let hints = [
        ("torch.nn.modules.", ": a whole module was saved; save its state_dict()"),
        ("numpy", ": a numpy value; save x.item(), or torch.from_numpy(x)"),
        ("torch._utils._rebuild_tensor_v3", ": a dtype that is not among the ten supported"),
        ("torch.Complex", ": complex tensors are not supported; save torch.view_as_real(x)"),
        ("torch._utils._rebuild_sparse_tensor", ": sparse tensors are not supported; save x.to_dense()"),
        ("torch._utils._rebuild_", ": a kind of tensor that is not supported"),
        ("__builtin__.set", ": a set; save sorted(x)"),
        ("_codecs.encode", ": bytes; save torch.frombuffer(x, dtype=torch.uint8)"),
        ("torch.device", ": a device; save str(device)"),
    ];
    hints.into_iter().find(|(start, _)| name.starts_with(start)).map(|(_, hint)| hint)
}
