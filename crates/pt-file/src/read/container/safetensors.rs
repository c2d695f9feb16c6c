//! A safetensors file: a header in JSON with the names, dtypes, shapes and positions of the tensors, and their elements.

use std::collections::HashMap;
use std::io::{Read, Seek};

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::super::stored_tensor::{Sign, StoredTensor};
use super::source::{i64_at, read_at};
use super::{Container, Extent, Kind};
use crate::error::excerpt;
use crate::strided_view::MAX_DIMS;
use crate::{ArchiveProblem, DType, Dict, Error, Result, StridedView, Value};

/// The limit of the format on the length of the header.
const MAX_HEADER: u64 = 100_000_000;

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

/// An ordered dict of the tensors, in the order of the file. Its records have the names of the tensors.
pub(super) fn open<R: Read + Seek>(mut source: R, len: u64) -> Result<(Container<R>, Value<StoredTensor>)> {
    let broken = |what: String| Error::Archive { record: None, problem: ArchiveProblem::Content(what) };
    let header_len = u64::try_from(i64_at(&mut source, 0)?).unwrap_or(u64::MAX);
    let start = header_len.checked_add(8).filter(|&start| start <= len && header_len <= MAX_HEADER);
    let start = start.ok_or(Error::NotACheckpoint("a file of another format, or a truncated safetensors file"))?;
    let header = read_at(&mut source, 8, header_len)?;
    // Checks that the tensors follow each other and have the lengths of their shapes.
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| broken(excerpt(&error.to_string())))?;
    if Some(len) != start.checked_add(metadata.data_len() as u64) {
        return Err(Error::Archive { record: None, problem: ArchiveProblem::NoEnd });
    }
    let (mut dict, mut extents) = (Dict::ordered(), HashMap::new());
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else { continue };
        let dtype = DTYPES.iter().find(|(_, dtype)| *dtype == info.dtype).map(|(dtype, _)| *dtype);
        let dtype = dtype.ok_or_else(|| broken(format!("dtype {} of {:?}", info.dtype, excerpt(&name))))?;
        if info.shape.len() > MAX_DIMS {
            return Err(broken(format!("{} dimensions of {:?}", info.shape.len(), excerpt(&name))));
        }
        let view = StridedView::contiguous(dtype, &info.shape)?;
        let (first, end) = info.data_offsets;
        extents.insert(name.clone(), Extent { start: start + first as u64, len: (end - first) as u64 });
        let tensor = StoredTensor::new(view, name.clone(), "cpu".to_owned(), Sign::default());
        dict.insert(name, Value::Tensor(tensor));
    }
    let kind = Kind::Flat { source, len, extents, storages_at: None };
    Ok((Container { kind, is_big_endian: false, externals: HashMap::new() }, Value::Dict(dict)))
}
