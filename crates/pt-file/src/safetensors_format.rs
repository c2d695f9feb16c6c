//! The dtypes of safetensors files, for reader and writer.

use safetensors::Dtype;

use crate::DType;

/// Each dtype of both libraries.
const DTYPES: [(DType, Dtype); 18] = [
    (DType::F32, Dtype::F32),
    (DType::F64, Dtype::F64),
    (DType::F16, Dtype::F16),
    (DType::BF16, Dtype::BF16),
    (DType::I64, Dtype::I64),
    (DType::I32, Dtype::I32),
    (DType::I16, Dtype::I16),
    (DType::I8, Dtype::I8),
    (DType::U8, Dtype::U8),
    (DType::U16, Dtype::U16),
    (DType::U32, Dtype::U32),
    (DType::U64, Dtype::U64),
    (DType::Bool, Dtype::BOOL),
    (DType::C64, Dtype::C64),
    (DType::F8E4M3Fn, Dtype::F8_E4M3),
    (DType::F8E5M2, Dtype::F8_E5M2),
    (DType::F8E4M3FnUz, Dtype::F8_E4M3FNUZ),
    (DType::F8E5M2FnUz, Dtype::F8_E5M2FNUZ),
];

/// The dtype with this name in a safetensors file; `None` if PyTorch has none.
pub(crate) fn dtype_of(dtype: Dtype) -> Option<DType> {
    DTYPES.iter().find(|(_, theirs)| *theirs == dtype).map(|(ours, _)| *ours)
}

/// The opposite of [`dtype_of`]; `None` if the format has no such dtype.
pub(crate) fn name_of(dtype: DType) -> Option<Dtype> {
    DTYPES.iter().find(|(ours, _)| *ours == dtype).map(|(_, theirs)| *theirs)
}
