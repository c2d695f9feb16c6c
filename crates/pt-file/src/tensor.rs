use std::borrow::Cow;
use std::sync::Arc;

use crate::{DType, Element, Error, Result, Storage, StridedView};

/// A tensor of a checkpoint: a [`StridedView`] of a [`Storage`] with little-endian elements.
#[derive(Debug, Clone)]
pub struct Tensor {
    view: Arc<StridedView>,
    storage: Storage,
}

impl Tensor {
    /// A view of `storage`.
    ///
    /// ```
    /// use pt_file::{DType, Storage, StridedView, Tensor};
    /// let storage = Storage::from(vec![0; 24]); // six float32
    /// let matrix = Tensor::new(StridedView::contiguous(DType::F32, &[2, 3])?, storage.clone())?;
    /// let transposed = Tensor::new(StridedView::new(DType::F32, &[3, 2], &[1, 3], 0)?, storage)?;
    /// assert!(matrix.storage().is_same(transposed.storage()));
    /// # Ok::<(), pt_file::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutsideStorage`] if the storage is too short for the view; [`Error::PartialElement`] if the storage is
    /// not a whole number of elements.
    pub fn new(view: impl Into<Arc<StridedView>>, storage: Storage) -> Result<Tensor> {
        let view = view.into();
        let (size, bytes) = (view.dtype().size(), storage.bytes().len());
        if bytes % size != 0 {
            return Err(Error::PartialElement { dtype: view.dtype(), bytes });
        }
        let (needed, elements) = (view.storage_len(), bytes / size);
        if needed > elements {
            return Err(Error::OutsideStorage { view: view.to_string(), needed, elements });
        }
        Ok(Tensor { view, storage })
    }

    /// A row-major tensor from the little-endian bytes of its elements.
    ///
    /// # Errors
    /// [`Error::ByteLength`] if the number of bytes does not match the shape; [`Error::TooLarge`] if the size does not
    /// fit in 63 bits.
    pub fn from_bytes(dtype: DType, shape: &[usize], bytes: impl Into<Storage>) -> Result<Tensor> {
        let (view, storage) = (StridedView::contiguous(dtype, shape)?, bytes.into());
        let expected = view.numel() * dtype.size();
        if storage.bytes().len() != expected {
            return Err(Error::ByteLength { dtype, shape: shape.to_vec(), expected, found: storage.bytes().len() });
        }
        Tensor::new(view, storage)
    }

    /// A row-major tensor from its elements.
    ///
    /// ```
    /// # use pt_file::Tensor;
    /// let w = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3])?;
    /// # Ok::<(), pt_file::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::from_bytes`].
    pub fn from_slice<T: Element>(elements: &[T], shape: &[usize]) -> Result<Tensor> {
        let mut bytes = Vec::with_capacity(size_of_val(elements));
        for &element in elements {
            element.append_le(&mut bytes);
        }
        Tensor::from_bytes(T::DTYPE, shape, bytes)
    }

    /// A tensor without dimensions, like `torch.tensor(5.0)`.
    pub fn scalar<T: Element>(element: T) -> Tensor {
        let mut bytes = Vec::with_capacity(T::DTYPE.size());
        element.append_le(&mut bytes);
        Tensor { view: StridedView::scalar(T::DTYPE).into(), storage: bytes.into() }
    }

    /// Dtype, shape, strides and offset.
    pub fn view(&self) -> &StridedView {
        &self.view
    }

    /// The bytes that the tensor views. Other tensors may share them.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.view.dtype()
    }

    /// The size of each dimension; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        self.view.shape()
    }

    /// The number of elements.
    pub fn numel(&self) -> usize {
        self.view.numel()
    }

    /// The bytes of the elements in row-major order: borrowed if the view is contiguous, otherwise copied.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if there is not enough memory for the copy. A small storage can have a huge view.
    pub fn to_bytes(&self) -> Result<Cow<'_, [u8]>> {
        let mut blocks = self.blocks();
        if self.view.is_contiguous() {
            return Ok(Cow::Borrowed(blocks.next().unwrap_or_default()));
        }
        let bytes = self.numel() * self.dtype().size();
        let mut copy = Vec::new();
        copy.try_reserve_exact(bytes).map_err(|_| Error::OutOfMemory { bytes })?;
        blocks.for_each(|block| copy.extend_from_slice(block));
        Ok(Cow::Owned(copy))
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// [`Error::WrongDType`] if the dtype is not that of `T`; [`Error::OutOfMemory`] as [`Tensor::to_bytes`].
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if self.dtype() != T::DTYPE {
            return Err(Error::WrongDType { wanted: T::DTYPE, found: self.dtype() });
        }
        Ok(self.to_bytes()?.chunks_exact(T::DTYPE.size()).map(T::from_le).collect())
    }

    /// The bytes of the contiguous blocks of the view.
    fn blocks(&self) -> impl Iterator<Item = &[u8]> {
        let size = self.dtype().size();
        self.view.contiguous_blocks().map(move |block| &self.storage.bytes()[block.start * size..block.end * size])
    }

    /// The bytes of each element, in row-major order.
    pub(crate) fn elements(&self) -> impl Iterator<Item = &[u8]> {
        self.blocks().flat_map(|block| block.chunks_exact(self.dtype().size()))
    }
}

/// Compares dtype, shape and the bits of the elements, not strides and storages.
impl PartialEq for Tensor {
    fn eq(&self, other: &Tensor) -> bool {
        (self.dtype(), self.shape()) == (other.dtype(), other.shape()) && self.elements().eq(other.elements())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_returned_unchanged() {
        assert_eq!(Tensor::from_slice(&[1.5f32, -0.0], &[2]).unwrap().to_vec::<f32>().unwrap(), [1.5, -0.0]);
        assert_eq!(Tensor::from_slice(&[i64::MIN, 7], &[1, 2]).unwrap().to_vec::<i64>().unwrap(), [i64::MIN, 7]);
        assert_eq!(Tensor::from_slice(&[true, false], &[2]).unwrap().to_vec::<bool>().unwrap(), [true, false]);
        assert_eq!(Tensor::scalar(-3i16).to_vec::<i16>().unwrap(), [-3]);
        assert_eq!(Tensor::scalar(2.0f64).shape(), [0usize; 0]);
        let wrong = Tensor::scalar(1u8).to_vec::<i8>().unwrap_err();
        assert_eq!(wrong.to_string(), "the tensor holds uint8, not int8");
    }

    #[test]
    fn a_strided_view_equals_its_row_major_copy() {
        let storage = Tensor::from_slice(&[0i32, 1, 2, 3, 4, 5], &[2, 3]).unwrap().storage().clone();
        let view = Tensor::new(StridedView::new(DType::I32, &[3, 2], &[1, 3], 0).unwrap(), storage).unwrap();
        assert_eq!(view.to_vec::<i32>().unwrap(), [0, 3, 1, 4, 2, 5]);
        assert_eq!(view, Tensor::from_slice(&[0i32, 3, 1, 4, 2, 5], &[3, 2]).unwrap());
        assert_ne!(view, Tensor::from_slice(&[0i32, 3, 1, 4, 2, 9], &[3, 2]).unwrap());
        assert_ne!(view, Tensor::from_slice(&[0f32, 3., 1., 4., 2., 5.], &[3, 2]).unwrap());
    }

    #[test]
    fn the_storage_must_fit_the_view() {
        let message = |result: Result<Tensor>| result.unwrap_err().to_string();
        assert_eq!(
            message(Tensor::from_bytes(DType::F32, &[2, 3], vec![0; 23])),
            "a float32 tensor of shape [2, 3] takes 24 bytes, not 23"
        );
        let view = StridedView::new(DType::F32, &[2, 3], &[4, 1], 2).unwrap();
        assert_eq!(
            message(Tensor::new(view.clone(), vec![0; 32].into())),
            "a float32 view of shape [2, 3], strides [4, 1] and offset 2 needs a storage of 9 elements, not 8"
        );
        assert_eq!(
            message(Tensor::new(view.clone(), vec![0; 37].into())),
            "37 bytes are not a whole number of float32 elements"
        );
        assert!(Tensor::new(view, vec![0; 36].into()).is_ok());
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri ends when an allocation fails")]
    fn copying_a_huge_expanded_view_is_an_error() {
        let view = StridedView::new(DType::U8, &[1 << 31, 1 << 31], &[0, 0], 0).unwrap();
        let bomb = Tensor::new(view, vec![0].into()).unwrap();
        assert!(matches!(bomb.to_bytes(), Err(Error::OutOfMemory { .. })));
    }
}
