//! Feature `tch`: conversions between `tch::Tensor` and [`Tensor`].

use tch::Kind;

use crate::{DType, Error, Result, Tensor};

#[cfg(target_endian = "big")]
compile_error!("feature `tch` needs a little-endian machine, because a checkpoint is little-endian");

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

impl TryFrom<Kind> for DType {
    type Error = Error;

    /// # Errors
    /// [`Error::Kind`] for complex, quantized and 8-bit float kinds.
    fn try_from(kind: Kind) -> Result<DType> {
        DType::ALL.into_iter().find(|&dtype| Kind::from(dtype) == kind).ok_or(Error::Kind(kind))
    }
}

/// Copies the elements: row-major, on the CPU, without a graph. Tensors that share memory get separate copies.
impl TryFrom<&tch::Tensor> for Tensor {
    type Error = Error;

    /// # Errors
    /// [`Error::Kind`] for a kind without a dtype; [`Error::Tch`] for a tensor without a row-major form, such as a
    /// sparse or undefined one; [`Error::OutOfMemory`].
    fn try_from(tensor: &tch::Tensor) -> Result<Tensor> {
        if !tensor.defined() {
            return Err(Error::Tch(tch::TchError::Kind("an undefined tensor has no elements".into())));
        }
        let dtype = DType::try_from(tensor.f_kind().map_err(Error::Tch)?)?;
        let shape: Vec<usize> = tensor.size().iter().filter_map(|&size| usize::try_from(size).ok()).collect();
        let numel = shape.iter().product();
        let len = numel * dtype.size();
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { bytes: len })?;
        bytes.resize(len, 0);
        // The imaginary part of a conjugated tensor has the negative bit: its memory has the opposite sign.
        let tensor = tensor.f_detach().and_then(|tensor| tensor.f_resolve_neg()).map_err(Error::Tch)?;
        tensor.f_copy_data_u8(&mut bytes, numel).map_err(Error::Tch)?; // from any device, in row-major order
        Tensor::from_bytes(dtype, &shape, bytes)
    }
}

/// Copies the elements to a row-major tensor on the CPU.
impl TryFrom<&Tensor> for tch::Tensor {
    type Error = Error;

    /// # Errors
    /// [`Error::OutOfMemory`] as [`Tensor::to_bytes`]; [`Error::Tch`] if libtorch has not enough memory.
    fn try_from(tensor: &Tensor) -> Result<tch::Tensor> {
        let shape: Vec<i64> = tensor.shape().iter().filter_map(|&size| i64::try_from(size).ok()).collect();
        tch::Tensor::f_from_data_size(&tensor.to_bytes()?, &shape, tensor.dtype().into()).map_err(Error::Tch)
    }
}
