//! Facts about dtypes: torch's name of each, and which ones can have a gradient.

use tch::Kind;

/// torch's name of a dtype, such as `torch.float32`.
pub(crate) fn torch_dtype(kind: Kind) -> &'static str {
    match kind {
        Kind::Uint8 => "torch.uint8",
        Kind::Int8 => "torch.int8",
        Kind::Int16 => "torch.int16",
        Kind::Int => "torch.int32",
        Kind::Int64 => "torch.int64",
        Kind::Half => "torch.float16",
        Kind::Float => "torch.float32",
        Kind::Double => "torch.float64",
        Kind::ComplexHalf => "torch.complex32",
        Kind::ComplexFloat => "torch.complex64",
        Kind::ComplexDouble => "torch.complex128",
        Kind::Bool => "torch.bool",
        Kind::QInt8 => "torch.qint8",
        Kind::QUInt8 => "torch.quint8",
        Kind::QInt32 => "torch.qint32",
        Kind::BFloat16 => "torch.bfloat16",
        Kind::Float8e5m2 => "torch.float8_e5m2",
        Kind::Float8e4m3fn => "torch.float8_e4m3fn",
        Kind::Float8e5m2fnuz => "torch.float8_e5m2fnuz",
        Kind::Float8e4m3fnuz => "torch.float8_e4m3fnuz",
    }
}

/// Whether tensors of this dtype can have a gradient.
pub(crate) fn has_gradient(kind: Kind) -> bool {
    use Kind::{Bool, Int, Int8, Int16, Int64, QInt8, QInt32, QUInt8, Uint8};
    !matches!(kind, Uint8 | Int8 | Int16 | Int | Int64 | Bool | QInt8 | QUInt8 | QInt32)
}
