//! Copies tensors between libtorch and [`pt_file`].

use pt_file::DType;
use tch::{Kind, TchError, Tensor};

use crate::error::{Error, Result};

#[cfg(target_endian = "big")]
compile_error!("torch-ext needs a little-endian machine, because a checkpoint is little-endian");

/// The dtypes that both have.
const DTYPES: [(DType, Kind); 10] = [
    (DType::F32, Kind::Float),
    (DType::F64, Kind::Double),
    (DType::F16, Kind::Half),
    (DType::BF16, Kind::BFloat16),
    (DType::I64, Kind::Int64),
    (DType::I32, Kind::Int),
    (DType::I16, Kind::Int16),
    (DType::I8, Kind::Int8),
    (DType::U8, Kind::Uint8),
    (DType::Bool, Kind::Bool),
];

/// The libtorch kind of a dtype of a file.
///
/// # Errors
/// [`Error::Torch`] for a dtype that tch lacks.
pub fn kind_of(dtype: DType) -> Result<Kind> {
    let pair = DTYPES.iter().find(|(known, _)| *known == dtype);
    pair.map(|(_, kind)| *kind).ok_or_else(|| Error::Torch(format!("tch has no kind for the dtype {dtype}")))
}

/// The dtype of a file for a libtorch kind.
///
/// # Errors
/// [`Error::Torch`] for complex, quantized and 8-bit float kinds.
pub fn dtype_of(kind: Kind) -> Result<DType> {
    let pair = DTYPES.iter().find(|(_, known)| *known == kind);
    let unsupported = || Error::Torch(format!("a tensor of kind {kind:?} cannot be in a checkpoint; convert it first"));
    pair.map(|(dtype, _)| *dtype).ok_or_else(unsupported)
}

/// Copies a tensor of libtorch, on any device: row-major, without a graph. Tensors that share memory get separate copies.
///
/// ```
/// let tensor = tch::Tensor::from_slice(&[1f32, 2.0]).set_requires_grad(true);
/// let stored = torch_ext::convert::to_pt_file(&tensor)?;
/// assert_eq!(stored.to_vec::<f32>().unwrap(), [1.0, 2.0]);
/// assert_eq!(torch_ext::convert::from_pt_file(&stored)?, tensor.detach());
/// # Ok::<(), torch_ext::Error>(())
/// ```
///
/// # Errors
/// [`Error::Torch`] for a kind without a dtype, for a tensor without a row-major form, such as a sparse or undefined one, and
/// if there is not enough memory.
pub fn to_pt_file(tensor: &Tensor) -> Result<pt_file::Tensor> {
    if !tensor.defined() {
        return Err(TchError::Kind("an undefined tensor has no elements".into()).into());
    }
    let dtype = dtype_of(tensor.f_kind()?)?;
    let shape: Vec<usize> = tensor.size().iter().filter_map(|&size| usize::try_from(size).ok()).collect();
    let numel = shape.iter().product();
    let len = numel * dtype.size();
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| stored(pt_file::Error::OutOfMemory { bytes: len }))?;
    bytes.resize(len, 0);
    // The imaginary part of a conjugated tensor has the negative bit: its memory has the opposite sign.
    let tensor = tensor.f_detach()?.f_resolve_neg()?;
    tensor.f_copy_data_u8(&mut bytes, numel)?; // from any device, in row-major order
    pt_file::Tensor::from_bytes(dtype, &shape, bytes).map_err(stored)
}

/// Copies a tensor of a file to a row-major tensor of libtorch on the CPU.
///
/// # Errors
/// [`Error::Torch`] for a dtype that tch lacks, and if there is not enough memory.
pub fn from_pt_file(tensor: &pt_file::Tensor) -> Result<Tensor> {
    let shape: Vec<i64> = tensor.shape().iter().filter_map(|&size| i64::try_from(size).ok()).collect();
    let bytes = tensor.to_bytes().map_err(stored)?;
    Ok(Tensor::f_from_data_size(&bytes, &shape, kind_of(tensor.dtype())?)?)
}

fn stored(error: pt_file::Error) -> Error {
    Error::Torch(error.to_string())
}
