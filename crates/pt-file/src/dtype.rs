use std::fmt;

/// The type of a tensor's elements.
///
/// Elements are little-endian. A `bool` is one byte, 0 or 1. A complex number is its real part and then its imaginary part.
/// An element of a type such as `float4_e2m1fn_x2` is a byte that packs several numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
    C64,
    C128,
    C32,
    U16,
    U32,
    U64,
    F8E4M3Fn,
    F8E5M2,
    F8E4M3FnUz,
    F8E5M2FnUz,
    F8E8M0Fnu,
    F4E2M1FnX2,
    Bits8,
    Bits16,
    Bits1x8,
    Bits2x4,
    Bits4x2,
}

impl DType {
    /// Every dtype.
    pub const ALL: [DType; 27] = [
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
        DType::C64,
        DType::C128,
        DType::C32,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F8E4M3Fn,
        DType::F8E5M2,
        DType::F8E4M3FnUz,
        DType::F8E5M2FnUz,
        DType::F8E8M0Fnu,
        DType::F4E2M1FnX2,
        DType::Bits8,
        DType::Bits16,
        DType::Bits1x8,
        DType::Bits2x4,
        DType::Bits4x2,
    ];

    /// Bytes per element, PyTorch's name, storage class.
    const fn properties(self) -> (usize, &'static str, Option<&'static str>) {
        match self {
            DType::F32 => (4, "float32", Some("FloatStorage")),
            DType::F64 => (8, "float64", Some("DoubleStorage")),
            DType::F16 => (2, "float16", Some("HalfStorage")),
            DType::BF16 => (2, "bfloat16", Some("BFloat16Storage")),
            DType::I64 => (8, "int64", Some("LongStorage")),
            DType::I32 => (4, "int32", Some("IntStorage")),
            DType::I16 => (2, "int16", Some("ShortStorage")),
            DType::I8 => (1, "int8", Some("CharStorage")),
            DType::U8 => (1, "uint8", Some("ByteStorage")),
            DType::Bool => (1, "bool", Some("BoolStorage")),
            DType::C64 => (8, "complex64", Some("ComplexFloatStorage")),
            DType::C128 => (16, "complex128", Some("ComplexDoubleStorage")),
            DType::C32 => (4, "complex32", None),
            DType::U16 => (2, "uint16", None),
            DType::U32 => (4, "uint32", None),
            DType::U64 => (8, "uint64", None),
            DType::F8E4M3Fn => (1, "float8_e4m3fn", None),
            DType::F8E5M2 => (1, "float8_e5m2", None),
            DType::F8E4M3FnUz => (1, "float8_e4m3fnuz", None),
            DType::F8E5M2FnUz => (1, "float8_e5m2fnuz", None),
            DType::F8E8M0Fnu => (1, "float8_e8m0fnu", None),
            DType::F4E2M1FnX2 => (1, "float4_e2m1fn_x2", None),
            DType::Bits8 => (1, "bits8", None),
            DType::Bits16 => (2, "bits16", None),
            DType::Bits1x8 => (1, "bits1x8", None),
            DType::Bits2x4 => (1, "bits2x4", None),
            DType::Bits4x2 => (1, "bits4x2", None),
        }
    }

    /// The dtype with PyTorch's name, such as `float32`.
    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bytes per element.
    pub const fn size(self) -> usize {
        self.properties().0
    }

    /// PyTorch's name: `float32` for `torch.float32`.
    pub const fn name(self) -> &'static str {
        self.properties().1
    }

    /// The class in Python's module `torch` that represents this dtype in a pickle, such as `FloatStorage`. Newer dtypes
    /// have none: their tensors name the dtype and use an `UntypedStorage`.
    pub const fn storage_class(self) -> Option<&'static str> {
        self.properties().2
    }

    /// Whether elements are complex numbers.
    pub const fn is_complex(self) -> bool {
        matches!(self, DType::C32 | DType::C64 | DType::C128)
    }

    /// Bytes per number: half an element for a complex dtype. Byte order applies to these.
    pub(crate) const fn number_size(self) -> usize {
        if self.is_complex() { self.size() / 2 } else { self.size() }
    }
}

/// PyTorch's name, such as `float32`.
impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A Rust type that corresponds to a dtype. For a dtype without one, such as `bfloat16`, use the bytes:
/// [`Tensor::from_bytes`](crate::Tensor::from_bytes) and [`Tensor::to_bytes`](crate::Tensor::to_bytes).
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
elements!(
    f32 => F32, f64 => F64, i64 => I64, i32 => I32, i16 => I16, i8 => I8, u8 => U8, u16 => U16, u32 => U32, u64 => U64
);

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
