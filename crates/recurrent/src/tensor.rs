//! Tensor operations that return an error where tch's own would panic.
//!
//! tch's accessors panic on an undefined tensor. A tch function that takes a `Scalar` also panics when libtorch fails,
//! even its `f_` variant, because dropping the scalar sees the pending error. This crate calls no such function.

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// The tensor's dtype; an error for an undefined tensor, and for a dtype that tch does not have.
pub(crate) fn kind_of(tensor: &Tensor) -> Result<Kind> {
    check_defined(tensor)?;
    Ok(tensor.f_kind()?)
}

/// The tensor's device; an error for an undefined tensor.
pub(crate) fn device_of(tensor: &Tensor) -> Result<Device> {
    check_defined(tensor)?;
    Ok(tensor.device())
}

fn check_defined(tensor: &Tensor) -> Result<()> {
    if tensor.defined() { Ok(()) } else { Err(Error::UndefinedTensor) }
}

/// `torch.arange(end)` as int64, without a `Scalar`.
pub(crate) fn arange(end: i64, device: Device) -> Result<Tensor> {
    let ones = Tensor::f_ones([end], (Kind::Int64, device))?;
    Ok(ones.f_cumsum(0, Kind::Int64)?.f_sub(&ones)?)
}
