//! A safetensors file: a header in JSON with the names, dtypes, shapes and positions of the tensors, and their elements.

use std::collections::HashMap;
use std::io::{Read, Seek};

use safetensors::tensor::Metadata;

use super::super::stored_tensor::{Sign, StoredTensor};
use super::source::{i64_at, read_at};
use super::{Container, Extent, Kind};
use crate::error::excerpt;
use crate::strided_view::MAX_DIMS;
use crate::{ArchiveProblem, Dict, Error, Result, StridedView, Value, safetensors_format};

/// The limit of the format on the length of the header.
const MAX_HEADER: u64 = 100_000_000;

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
        let dtype = safetensors_format::dtype_of(info.dtype);
        let dtype = dtype.ok_or_else(|| broken(format!("dtype {} of {:?}", info.dtype, excerpt(&name))))?;
        if info.shape.len() > MAX_DIMS {
            let problem = ArchiveProblem::Dimensions { found: info.shape.len(), limit: MAX_DIMS };
            return Err(Error::Archive { record: Some(excerpt(&name)), problem });
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
