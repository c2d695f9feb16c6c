use std::sync::Arc;

use crate::{DType, Layout};

use super::objects::ALLOCATION;

/// A tensor that is still in its file: what is known of it without reading its elements. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor(Arc<Stored>);

#[derive(Debug, PartialEq, Eq)]
struct Stored {
    layout: Arc<Layout>,
    record: String,
    location: String,
}

impl StoredTensor {
    pub(super) fn new(layout: Layout, record: String, location: String) -> StoredTensor {
        StoredTensor(Arc::new(Stored { layout: layout.into(), record, location }))
    }

    /// How the tensor sees its storage.
    pub fn layout(&self) -> &Layout {
        &self.0.layout
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.layout().dtype()
    }

    /// The size of each dimension; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        self.layout().shape()
    }

    /// The record that is its storage, as `data/0`. Tensors of one record share memory.
    pub fn record(&self) -> &str {
        &self.0.record
    }

    /// The device that it was on when it was saved, as `cuda:0`.
    pub fn location(&self) -> &str {
        &self.0.location
    }

    pub(super) fn shared_layout(&self) -> Arc<Layout> {
        self.0.layout.clone()
    }

    /// The bytes that it takes, in six allocations.
    pub(super) fn memory(&self) -> usize {
        let fixed = size_of::<Stored>() + size_of::<Layout>() + 2 * size_of::<[usize; 2]>(); // each Arc has two counts
        let varying = self.record().len() + self.location().len() + 2 * size_of_val(self.shape());
        fixed + varying + 6 * ALLOCATION
    }
}
