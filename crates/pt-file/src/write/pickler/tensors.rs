//! Tensors and their storages.

use super::Pickler;
use crate::pickle_format::{REBUILD_TENSOR, REBUILD_TENSOR_V3, UNTYPED_STORAGE, op};
use crate::{DType, Error, Result, Tensor, ValuePath};

/// A storage that has a record. `dtype` and `path` are those of the first tensor that views it.
pub(super) struct PickledStorage {
    number: usize,
    dtype: DType,
    path: ValuePath,
}

impl<'a> Pickler<'a> {
    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`, or `_rebuild_tensor_v3` with the
    /// dtype at the end
    pub(super) fn tensor(&mut self, tensor: &'a Tensor) -> Result<()> {
        let (view, class) = (tensor.view(), tensor.dtype().storage_class());
        let number = self.storage_number(tensor)?;
        self.global(if class.is_some() { REBUILD_TENSOR } else { REBUILD_TENSOR_V3 });
        self.call(if class.is_some() { 6 } else { 7 }, |pickler| {
            pickler.persistent_id(number, tensor)?;
            pickler.size(view.offset());
            pickler.sizes(view.shape())?;
            pickler.sizes(view.strides())?;
            pickler.bool(false);
            pickler.empty_ordered_dict();
            if class.is_none() {
                pickler.global(("torch", tensor.dtype().name()));
            }
            Ok(())
        })
    }

    /// The reference to the record `data/0`: `("storage", torch.FloatStorage, "0", "cpu", number of elements)`.
    fn persistent_id(&mut self, number: usize, tensor: &Tensor) -> Result<()> {
        self.tuple(5, |pickler| {
            let (class, size) = match tensor.dtype().storage_class() {
                Some(class) => (("torch", class), tensor.dtype().size()),
                None => (("torch.storage", UNTYPED_STORAGE), 1),
            };
            pickler.str("storage")?;
            pickler.global(class);
            pickler.str(&number.to_string())?;
            pickler.str("cpu")?;
            pickler.size(tensor.storage().bytes().len() / size);
            Ok(())
        })?;
        self.out.push(op::BINPERSID);
        Ok(())
    }

    /// The number of the tensor's storage, a new one for a new storage.
    fn storage_number(&mut self, tensor: &'a Tensor) -> Result<usize> {
        let address = tensor.storage().address();
        if let Some(known) = self.numbers.get(&address) {
            if known.dtype.storage_class() != tensor.dtype().storage_class() {
                let dtypes = (tensor.dtype(), known.dtype);
                return Err(Error::TwoDTypes { dtypes, at: self.here(), before: known.path.clone() });
            }
            return Ok(known.number);
        }
        let number = self.storages.len();
        self.storages.push(tensor.storage());
        self.numbers.insert(address, PickledStorage { number, dtype: tensor.dtype(), path: self.here() });
        Ok(number)
    }

    /// A size, stride or offset. The constructors of `StridedView` have checked that it fits.
    fn size(&mut self, size: usize) {
        self.int(i64::try_from(size).unwrap_or(i64::MAX));
    }

    fn sizes(&mut self, sizes: &[usize]) -> Result<()> {
        self.tuple(sizes.len(), |pickler| {
            sizes.iter().for_each(|&size| pickler.size(size));
            Ok(())
        })
    }
}
