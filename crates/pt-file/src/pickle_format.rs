//! The pickle format, for the pickler and the unpickler.

/// Operation codes of pickle protocols 0 to 5, with the names of Python's `pickletools`.
pub(crate) mod op {
    pub(crate) const PROTO: u8 = 0x80;
    pub(crate) const STOP: u8 = b'.';
    pub(crate) const MARK: u8 = b'(';
    pub(crate) const POP: u8 = b'0';
    pub(crate) const POP_MARK: u8 = b'1';
    pub(crate) const DUP: u8 = b'2';
    pub(crate) const FRAME: u8 = 0x95;

    pub(crate) const NONE: u8 = b'N';
    pub(crate) const NEWTRUE: u8 = 0x88;
    pub(crate) const NEWFALSE: u8 = 0x89;
    pub(crate) const INT: u8 = b'I';
    pub(crate) const BININT1: u8 = b'K';
    pub(crate) const BININT2: u8 = b'M';
    pub(crate) const BININT: u8 = b'J';
    pub(crate) const LONG: u8 = b'L';
    pub(crate) const LONG1: u8 = 0x8a;
    pub(crate) const LONG4: u8 = 0x8b;
    pub(crate) const FLOAT: u8 = b'F';
    pub(crate) const BINFLOAT: u8 = b'G';

    pub(crate) const STRING: u8 = b'S';
    pub(crate) const BINSTRING: u8 = b'T';
    pub(crate) const SHORT_BINSTRING: u8 = b'U';
    pub(crate) const UNICODE: u8 = b'V';
    pub(crate) const BINUNICODE: u8 = b'X';
    pub(crate) const SHORT_BINUNICODE: u8 = 0x8c;
    pub(crate) const BINUNICODE8: u8 = 0x8d;
    pub(crate) const BINBYTES: u8 = b'B';
    pub(crate) const SHORT_BINBYTES: u8 = b'C';
    pub(crate) const BINBYTES8: u8 = 0x8e;
    pub(crate) const BYTEARRAY8: u8 = 0x96;

    pub(crate) const EMPTY_LIST: u8 = b']';
    pub(crate) const LIST: u8 = b'l';
    pub(crate) const APPEND: u8 = b'a';
    pub(crate) const APPENDS: u8 = b'e';
    pub(crate) const EMPTY_DICT: u8 = b'}';
    pub(crate) const DICT: u8 = b'd';
    pub(crate) const SETITEM: u8 = b's';
    pub(crate) const SETITEMS: u8 = b'u';
    pub(crate) const EMPTY_SET: u8 = 0x8f;
    pub(crate) const ADDITEMS: u8 = 0x90;
    pub(crate) const FROZENSET: u8 = 0x91;
    pub(crate) const EMPTY_TUPLE: u8 = b')';
    pub(crate) const TUPLE1: u8 = 0x85;
    pub(crate) const TUPLE2: u8 = 0x86;
    pub(crate) const TUPLE3: u8 = 0x87;
    pub(crate) const TUPLE: u8 = b't';

    pub(crate) const GLOBAL: u8 = b'c';
    pub(crate) const STACK_GLOBAL: u8 = 0x93;
    pub(crate) const REDUCE: u8 = b'R';
    pub(crate) const INST: u8 = b'i';
    pub(crate) const OBJ: u8 = b'o';
    pub(crate) const NEWOBJ: u8 = 0x81;
    pub(crate) const NEWOBJ_EX: u8 = 0x92;
    pub(crate) const BUILD: u8 = b'b';
    pub(crate) const PERSID: u8 = b'P';
    pub(crate) const BINPERSID: u8 = b'Q';
    pub(crate) const EXT1: u8 = 0x82;
    pub(crate) const EXT2: u8 = 0x83;
    pub(crate) const EXT4: u8 = 0x84;
    pub(crate) const NEXT_BUFFER: u8 = 0x97;
    pub(crate) const READONLY_BUFFER: u8 = 0x98;

    pub(crate) const PUT: u8 = b'p';
    pub(crate) const BINPUT: u8 = b'q';
    pub(crate) const LONG_BINPUT: u8 = b'r';
    pub(crate) const MEMOIZE: u8 = 0x94;
    pub(crate) const GET: u8 = b'g';
    pub(crate) const BINGET: u8 = b'h';
    pub(crate) const LONG_BINGET: u8 = b'j';
}

/// The module and name of `collections.OrderedDict`.
pub(crate) const ORDERED_DICT: (&str, &str) = ("collections", "OrderedDict");

/// The function that makes a tensor from storage, offset, size, stride, `requires_grad` and backward hooks.
pub(crate) const REBUILD_TENSOR: (&str, &str) = ("torch._utils", "_rebuild_tensor_v2");

/// The same for a dtype without a storage class. The last argument is the dtype, and the storage counts bytes.
pub(crate) const REBUILD_TENSOR_V3: (&str, &str) = ("torch._utils", "_rebuild_tensor_v3");

/// The storage class that counts bytes.
pub(crate) const UNTYPED_STORAGE: &str = "UntypedStorage";

/// The function that returns a layout, such as `torch.sparse_coo`, from its name.
pub(crate) const GET_LAYOUT: (&str, &str) = ("torch.serialization", "_get_layout");

/// The function of the bytes of a text: protocol 2 has no operation for `bytes`.
pub(crate) const ENCODE: (&str, &str) = ("_codecs", "encode");

/// The maximum nesting of lists, tuples and dicts.
///
/// Checkpoints use about five levels. The limit keeps recursive functions from overflowing the stack.
pub const MAX_DEPTH: usize = 128;
