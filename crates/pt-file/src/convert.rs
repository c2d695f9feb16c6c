//! Conversions between our tensors and those of `tch`.

use tch::Kind;

use crate::{DType, Error, Result, Tensor};

#[cfg(target_endian = "big")]
compile_error!("a checkpoint is little-endian and so must be the tensors of feature `tch`");

impl TryFrom<Kind> for DType {
    type Error = Error;

    /// # Errors
    /// [`Error::Kind`] for complex, quantized and 8-bit float kinds.
    fn try_from(kind: Kind) -> Result<DType> {
        Ok(match kind {
            Kind::Float => DType::F32,
            Kind::Double => DType::F64,
            Kind::Half => DType::F16,
            Kind::BFloat16 => DType::BF16,
            Kind::Int64 => DType::I64,
            Kind::Int => DType::I32,
            Kind::Int16 => DType::I16,
            Kind::Int8 => DType::I8,
            Kind::Uint8 => DType::U8,
            Kind::Bool => DType::Bool,
            _ => return Err(Error::Kind(kind)),
        })
    }
}

impl From<DType> for Kind {
    fn from(dtype: DType) -> Kind {
        match dtype {
            DType::F32 => Kind::Float,
            DType::F64 => Kind::Double,
            DType::F16 => Kind::Half,
            DType::BF16 => Kind::BFloat16,
            DType::I64 => Kind::Int64,
            DType::I32 => Kind::Int,
            DType::I16 => Kind::Int16,
            DType::I8 => Kind::Int8,
            DType::U8 => Kind::Uint8,
            DType::Bool => Kind::Bool,
        }
    }
}

/// A copy of the elements: row-major, on the CPU, outside any graph. Tensors that share memory no longer do.
impl TryFrom<&tch::Tensor> for Tensor {
    type Error = Error;

    /// # Errors
    /// [`Error::Kind`] for a kind without a dtype; [`Error::Tch`] if libtorch cannot lay the elements out, as of a
    /// sparse or undefined tensor.
    fn try_from(tensor: &tch::Tensor) -> Result<Tensor> {
        if !tensor.defined() {
            return Err(Error::Tch(tch::TchError::Kind("an undefined tensor has no elements".into())));
        }
        let dtype = DType::try_from(tensor.f_kind().map_err(Error::Tch)?)?;
        let shape: Vec<usize> = tensor.size().iter().filter_map(|&size| usize::try_from(size).ok()).collect();
        let numel = shape.iter().product();
        let mut bytes = vec![0; numel * dtype.size()];
        // A view of the imaginary part of a conjugate is negative by a flag only, which a copy of memory overlooks.
        let tensor = tensor.f_detach().and_then(|tensor| tensor.f_resolve_neg()).map_err(Error::Tch)?;
        tensor.f_copy_data_u8(&mut bytes, numel).map_err(Error::Tch)?; // from any device, and row-major
        Tensor::from_bytes(dtype, &shape, bytes)
    }
}

/// A row-major copy on the CPU, whatever the strides.
impl TryFrom<&Tensor> for tch::Tensor {
    type Error = Error;

    /// # Errors
    /// [`Error::OutOfMemory`] as [`Tensor::to_bytes`]; [`Error::Tch`] if libtorch has no memory for it.
    fn try_from(tensor: &Tensor) -> Result<tch::Tensor> {
        let shape: Vec<i64> = tensor.shape().iter().filter_map(|&size| i64::try_from(size).ok()).collect();
        tch::Tensor::f_from_data_size(&tensor.to_bytes()?, &shape, tensor.dtype().into()).map_err(Error::Tch)
    }
}
