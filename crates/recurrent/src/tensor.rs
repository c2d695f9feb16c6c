//! What tch has not: accessors that return an error, torch's names of dtypes.
//!
//! tch's accessors panic at an undefined tensor. And a tch function that takes a `Scalar` panics where libtorch refuses,
//! `f_` or not: dropping the scalar finds the error that was meant for the caller. Here no such function is called.

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// The tensor's kind; an error for an undefined tensor, and for a dtype that tch does not have.
pub(crate) fn kind_of(tensor: &Tensor) -> Result<Kind> {
    defined(tensor)?;
    Ok(tensor.f_kind()?)
}

/// The tensor's device; an error for an undefined tensor.
pub(crate) fn device_of(tensor: &Tensor) -> Result<Device> {
    defined(tensor)?;
    Ok(tensor.device())
}

fn defined(tensor: &Tensor) -> Result<()> {
    if tensor.defined() { Ok(()) } else { Err(Error::UndefinedTensor) }
}

/// 0, 1, .. as int64: `arange` without a `Scalar`.
pub(crate) fn arange(end: i64, device: Device) -> Result<Tensor> {
    let ones = Tensor::f_ones([end], (Kind::Int64, device))?;
    Ok(ones.f_cumsum(0, Kind::Int64)?.f_sub(&ones)?)
}

/// torch's name of a dtype: `torch.float32`.
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
