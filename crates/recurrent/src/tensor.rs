//! Kind and device of a tensor of which nothing is known: tch's own accessors panic if it is undefined.

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
