//! The safetensors format.

use std::fmt;

use pt_file::{DType, Value};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::dict::{StateDict, shown};
use crate::convert;
use crate::error::{Error, Result};

/// The limit on the number of dimensions, as in `pt_file`. A file of 1 MB can give a tensor half a million.
const MAX_DIMS: usize = 64;

/// The bytes of a safetensors file. Its metadata names PyTorch's layout (`format: pt`).
pub(super) fn serialize(state_dict: &Value) -> Result<Vec<u8>> {
    let unfit = |error: &dyn fmt::Display| Error::File(format!("safetensors: {error}"));
    let mut tensors = Vec::new();
    for (key, value) in state_dict.as_dict().into_iter().flat_map(pt_file::Dict::iter) {
        if let (Some(name), Some(tensor)) = (key.as_str(), value.as_tensor()) {
            tensors.push((name, tensor, tensor.to_bytes().map_err(|error| unfit(&error))?));
        }
    }
    let mut views = Vec::new();
    for (name, tensor, bytes) in &tensors {
        let dtype = to_safetensors(tensor.dtype()).ok_or_else(|| unfit(&format!("{name} is {}", tensor.dtype())))?;
        let view = TensorView::new(dtype, tensor.shape().to_vec(), bytes);
        views.push((*name, view.map_err(|error| unfit(&error))?));
    }
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    ::safetensors::serialize(views, Some(metadata)).map_err(|error| unfit(&error))
}

pub(super) fn deserialize(bytes: &[u8]) -> Result<StateDict> {
    let broken =
        |error: &dyn fmt::Display| Error::File(format!("broken safetensors: {}", pt_file::escape(&error.to_string())));
    let file = SafeTensors::deserialize(bytes).map_err(|error| broken(&error))?;
    let mut tensors: Vec<_> = file.iter().collect();
    tensors.sort_by_key(|(_, view)| view.data().as_ptr()); // in the order of the file
    let mut state_dict = StateDict::new();
    for (name, view) in tensors {
        let dtype = from_safetensors(view.dtype()).ok_or_else(|| {
            let name = shown(name);
            Error::File(format!("{name} is of dtype {:?}, which is not supported here", view.dtype()))
        })?;
        if view.shape().len() > MAX_DIMS {
            let dims = view.shape().len();
            return Err(Error::File(format!("a tensor of {dims} dimensions; at most {MAX_DIMS} are supported")));
        }
        let tensor = pt_file::Tensor::from_bytes(dtype, view.shape(), view.data().to_vec());
        let tensor = tensor.map_err(|error| broken(&error))?;
        let tensor = convert::from_pt_file(&tensor).map_err(|error| broken(&error))?;
        state_dict.insert(name, tensor);
    }
    Ok(state_dict)
}

/// Each dtype in both libraries.
const DTYPES: [(DType, Dtype); 10] = [
    (DType::F32, Dtype::F32),
    (DType::F64, Dtype::F64),
    (DType::F16, Dtype::F16),
    (DType::BF16, Dtype::BF16),
    (DType::I64, Dtype::I64),
    (DType::I32, Dtype::I32),
    (DType::I16, Dtype::I16),
    (DType::I8, Dtype::I8),
    (DType::U8, Dtype::U8),
    (DType::Bool, Dtype::BOOL),
];

fn to_safetensors(dtype: DType) -> Option<Dtype> {
    DTYPES.iter().find(|(pt, _)| *pt == dtype).map(|(_, safetensors)| *safetensors)
}

fn from_safetensors(dtype: Dtype) -> Option<DType> {
    DTYPES.iter().find(|(_, safetensors)| *safetensors == dtype).map(|(pt, _)| *pt)
}
