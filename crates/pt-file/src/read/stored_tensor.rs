use std::sync::Arc;

use super::memory_budget::ALLOCATION;
use crate::{DType, StridedView};

/// A tensor whose elements are still in the file. A clone is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor(Arc<Stored>);

#[derive(Debug, PartialEq, Eq)]
struct Stored {
    view: Arc<StridedView>,
    record: String,
    location: String,
}

impl StoredTensor {
    pub(super) fn new(view: StridedView, record: String, location: String) -> StoredTensor {
        StoredTensor(Arc::new(Stored { view: view.into(), record, location }))
    }

    /// Dtype, shape, strides and offset.
    pub fn view(&self) -> &StridedView {
        &self.0.view
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.view().dtype()
    }

    /// The size of each dimension; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        self.view().shape()
    }

    /// The record of its storage, such as `data/0`. Tensors with the same record share memory.
    pub fn record(&self) -> &str {
        &self.0.record
    }

    /// The device of the tensor when it was saved, such as `cuda:0`.
    pub fn location(&self) -> &str {
        &self.0.location
    }

    pub(super) fn shared_view(&self) -> Arc<StridedView> {
        self.0.view.clone()
    }

    /// The memory that it takes, in bytes, with its six allocations.
    pub(super) fn memory_size(&self) -> usize {
        let fixed = size_of::<Stored>() + size_of::<StridedView>() + 2 * size_of::<[usize; 2]>(); // each Arc has two counts
        let varying = self.record().len() + self.location().len() + 2 * size_of_val(self.shape());
        fixed + varying + 6 * ALLOCATION
    }
}
