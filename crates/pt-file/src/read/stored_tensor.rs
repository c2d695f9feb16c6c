use std::sync::Arc;

use super::pickle::ALLOCATION;
use crate::{DType, Storage, StridedView};

/// A tensor whose elements are still in the file. A clone is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTensor(Arc<Stored>);

#[derive(Debug, PartialEq, Eq)]
struct Stored {
    view: Arc<StridedView>,
    record: String,
    location: String,
    /// The elements, if they are in the pickle.
    inline: Option<InlineStorage>,
    sign: Sign,
}

/// A storage whose bytes are in the pickle. Compared by identity.
#[derive(Debug, Clone)]
pub(super) struct InlineStorage(pub(super) Storage);

impl PartialEq for InlineStorage {
    fn eq(&self, other: &InlineStorage) -> bool {
        self.0.is_same(&other.0)
    }
}

impl Eq for InlineStorage {}

/// The sign changes that a view of torch delays: `x.conj()` and `x.conj().imag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sign {
    /// The imaginary parts in the storage have the opposite sign.
    pub(super) conjugate: bool,
    /// All numbers in the storage have the opposite sign.
    pub(super) negative: bool,
}

impl StoredTensor {
    pub(super) fn new(view: StridedView, record: String, location: String, sign: Sign) -> StoredTensor {
        StoredTensor(Arc::new(Stored { view: view.into(), record, location, inline: None, sign }))
    }

    /// A tensor whose elements are in the pickle.
    pub(super) fn inline(view: StridedView, storage: Storage, sign: Sign) -> StoredTensor {
        let (record, location) = ("data.pkl".to_owned(), "cpu".to_owned());
        let inline = Some(InlineStorage(storage));
        StoredTensor(Arc::new(Stored { view: view.into(), record, location, inline, sign }))
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

    /// The record of its storage, such as `data/0`. Tensors with the same record share memory, except those of
    /// `data.pkl`: NumPy arrays are in the pickle itself.
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

    pub(super) fn inline_storage(&self) -> Option<&Storage> {
        self.0.inline.as_ref().map(|inline| &inline.0)
    }

    pub(super) fn sign(&self) -> Sign {
        self.0.sign
    }

    /// The memory that a tensor with these properties takes, in bytes, with its six allocations.
    pub(super) fn memory_size(dims: usize, record: &str, location: &str) -> usize {
        let fixed = size_of::<Stored>() + size_of::<StridedView>() + 2 * size_of::<[usize; 2]>(); // each Arc has two counts
        fixed + record.len() + location.len() + 2 * dims * size_of::<usize>() + 6 * ALLOCATION
    }
}
