use std::fmt;

/// The type of a tensor's elements: the ten dtypes for which PyTorch has a storage class.
///
/// Elements are little-endian. A `bool` is one byte, 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names are enough
pub enum DType {
    F32,
    F64,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl DType {
    /// Every dtype.
    pub const ALL: [DType; 10] = [
        DType::F32,
        DType::F64,
        DType::F16,
        DType::BF16,
        DType::I64,
        DType::I32,
        DType::I16,
        DType::I8,
        DType::U8,
        DType::Bool,
    ];

    /// Bytes per element, PyTorch's name, storage class.
    const fn properties(self) -> (usize, &'static str, &'static str) {
        match self {
            DType::F32 => (4, "float32", "FloatStorage"),
            DType::F64 => (8, "float64", "DoubleStorage"),
            DType::F16 => (2, "float16", "HalfStorage"),
            DType::BF16 => (2, "bfloat16", "BFloat16Storage"),
            DType::I64 => (8, "int64", "LongStorage"),
            DType::I32 => (4, "int32", "IntStorage"),
            DType::I16 => (2, "int16", "ShortStorage"),
            DType::I8 => (1, "int8", "CharStorage"),
            DType::U8 => (1, "uint8", "ByteStorage"),
            DType::Bool => (1, "bool", "BoolStorage"),
        }
    }

    /// Bytes per element.
    pub const fn size(self) -> usize {
        self.properties().0
    }

    /// PyTorch's name: `float32` for `torch.float32`.
    pub const fn name(self) -> &'static str {
        self.properties().1
    }

    /// The class in Python's module `torch` that represents this dtype in a pickle, such as `FloatStorage`.
    pub const fn storage_class(self) -> &'static str {
        self.properties().2
    }
}

/// PyTorch's name, such as `float32`.
impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A Rust type that corresponds to a dtype. `float16` and `bfloat16` have none: use their bytes with
/// [`Tensor::from_bytes`](crate::Tensor::from_bytes).
pub trait Element: Copy + sealed::Sealed {
    /// The dtype of this type.
    const DTYPE: DType;
}

pub(crate) mod sealed {
    /// Conversion from and to little-endian bytes. `from_le` takes exactly `DType::size` bytes.
    pub trait Sealed: Sized {
        fn append_le(self, bytes: &mut Vec<u8>);
        fn from_le(bytes: &[u8]) -> Self;
    }
}

macro_rules! elements {
    ($($type:ty => $dtype:ident),*) => {$(
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
        }
        impl sealed::Sealed for $type {
            fn append_le(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn from_le(bytes: &[u8]) -> Self {
                let mut exact = [0; size_of::<$type>()];
                exact.copy_from_slice(bytes);
                <$type>::from_le_bytes(exact)
            }
        }
    )*};
}
elements!(f32 => F32, f64 => F64, i64 => I64, i32 => I32, i16 => I16, i8 => I8, u8 => U8);

impl Element for bool {
    const DTYPE: DType = DType::Bool;
}

impl sealed::Sealed for bool {
    fn append_le(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self));
    }
    fn from_le(bytes: &[u8]) -> Self {
        bytes.iter().any(|&byte| byte != 0)
    }
}
