//! What tch itself would panic at.
//!
//! Its accessors panic at an undefined tensor. And a tch function that takes a `Scalar` panics where libtorch refuses,
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
