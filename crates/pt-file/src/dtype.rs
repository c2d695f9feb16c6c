use std::fmt;

/// The type of a tensor's elements: the ten that PyTorch stores under a storage class of their own.
///
/// Elements are little-endian, and a `bool` is one byte, 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names say it
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

    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::I32 => 4,
            DType::F16 | DType::BF16 | DType::I16 => 2,
            DType::I8 | DType::U8 | DType::Bool => 1,
        }
    }

    /// PyTorch's name: `float32` for `torch.float32`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            DType::I64 => "int64",
            DType::I32 => "int32",
            DType::I16 => "int16",
            DType::I8 => "int8",
            DType::U8 => "uint8",
            DType::Bool => "bool",
        }
    }

    /// The class in module `torch` that stands for this dtype in a pickle: `FloatStorage`.
    pub const fn storage_class(self) -> &'static str {
        match self {
            DType::F32 => "FloatStorage",
            DType::F64 => "DoubleStorage",
            DType::F16 => "HalfStorage",
            DType::BF16 => "BFloat16Storage",
            DType::I64 => "LongStorage",
            DType::I32 => "IntStorage",
            DType::I16 => "ShortStorage",
            DType::I8 => "CharStorage",
            DType::U8 => "ByteStorage",
            DType::Bool => "BoolStorage",
        }
    }
}

/// PyTorch's name: `float32`.
impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A Rust type that is one of the dtypes. `f16` and `bf16` have none: give their bytes to
/// [`Tensor::from_bytes`](crate::Tensor::from_bytes).
pub trait Element: Copy + sealed::Sealed {
    /// The dtype of this type.
    const DTYPE: DType;
}

pub(crate) mod sealed {
    /// How an element is stored. `from_le` gets exactly `DType::size` bytes.
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
