//! The part of the pickle format that checkpoints use, for the pickler and the unpickler.

/// Operation codes of pickle protocol 2, with the names of Python's `pickletools`.
pub(crate) mod op {
    pub(crate) const PROTO: u8 = 0x80;
    pub(crate) const STOP: u8 = b'.';
    pub(crate) const MARK: u8 = b'(';

    pub(crate) const NONE: u8 = b'N';
    pub(crate) const NEWTRUE: u8 = 0x88;
    pub(crate) const NEWFALSE: u8 = 0x89;
    pub(crate) const BININT1: u8 = b'K';
    pub(crate) const BININT2: u8 = b'M';
    pub(crate) const BININT: u8 = b'J';
    pub(crate) const LONG1: u8 = 0x8a;
    pub(crate) const BINFLOAT: u8 = b'G';
    pub(crate) const BINUNICODE: u8 = b'X';

    pub(crate) const EMPTY_LIST: u8 = b']';
    pub(crate) const APPENDS: u8 = b'e';
    pub(crate) const EMPTY_DICT: u8 = b'}';
    pub(crate) const SETITEMS: u8 = b'u';
    pub(crate) const EMPTY_TUPLE: u8 = b')';
    pub(crate) const TUPLE1: u8 = 0x85;
    pub(crate) const TUPLE2: u8 = 0x86;
    pub(crate) const TUPLE3: u8 = 0x87;
    pub(crate) const TUPLE: u8 = b't';

    pub(crate) const GLOBAL: u8 = b'c';
    pub(crate) const REDUCE: u8 = b'R';
    pub(crate) const BUILD: u8 = b'b';
    pub(crate) const BINPERSID: u8 = b'Q';

    // Only Python's pickler writes these: single items without a mark, and the memo, for values that are used twice.
    pub(crate) const APPEND: u8 = b'a';
    pub(crate) const SETITEM: u8 = b's';
    pub(crate) const BINPUT: u8 = b'q';
    pub(crate) const LONG_BINPUT: u8 = b'r';
    pub(crate) const BINGET: u8 = b'h';
    pub(crate) const LONG_BINGET: u8 = b'j';
}

/// The module and name of `collections.OrderedDict`.
pub(crate) const ORDERED_DICT: (&str, &str) = ("collections", "OrderedDict");

/// The function that makes a tensor from storage, offset, size, stride, `requires_grad` and backward hooks.
pub(crate) const REBUILD_TENSOR: (&str, &str) = ("torch._utils", "_rebuild_tensor_v2");

/// The function that makes a parameter from tensor, `requires_grad` and backward hooks.
pub(crate) const REBUILD_PARAMETER: (&str, &str) = ("torch._utils", "_rebuild_parameter");

/// The maximum nesting of lists, tuples and dicts.
///
/// Checkpoints use about five levels. The limit keeps recursive functions from overflowing the stack.
pub const MAX_DEPTH: usize = 128;
