use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Weak};

use crate::{DType, Element, Error, Layout, Result};

/// Bytes that any number of tensors can view.
///
/// Cloning shares them: two tensors whose storages are clones of one another are written as two views of one record,
/// as PyTorch does, and come back sharing memory.
#[derive(Clone, Default)]
pub struct Storage(Arc<Vec<u8>>);

impl Storage {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether `self` and `other` are the same memory, not only equal bytes.
    pub fn is_same(&self, other: &Storage) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The memory, as long as others hold it.
    pub(crate) fn downgrade(&self) -> Weak<Vec<u8>> {
        Arc::downgrade(&self.0)
    }

    /// Tells storages apart while they live.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

impl From<Vec<u8>> for Storage {
    fn from(bytes: Vec<u8>) -> Storage {
        Storage(Arc::new(bytes))
    }
}

impl From<Arc<Vec<u8>>> for Storage {
    fn from(bytes: Arc<Vec<u8>>) -> Storage {
        Storage(bytes)
    }
}

/// The number of bytes, not the bytes.
impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({} bytes)", self.0.len())
    }
}

/// A tensor as a checkpoint holds it: a [`Layout`] over a [`Storage`] of little-endian elements.
#[derive(Debug, Clone)]
pub struct Tensor {
    layout: Arc<Layout>,
    storage: Storage,
}

impl Tensor {
    /// A view of `storage`.
    ///
    /// ```
    /// use pt_file::{DType, Layout, Storage, Tensor};
    /// let storage = Storage::from(vec![0; 24]); // six float32
    /// let matrix = Tensor::new(Layout::contiguous(DType::F32, &[2, 3])?, storage.clone())?;
    /// let transposed = Tensor::new(Layout::strided(DType::F32, &[3, 2], &[1, 3], 0)?, storage)?;
    /// assert!(matrix.storage().is_same(transposed.storage()));
    /// # Ok::<(), pt_file::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutsideStorage`] if the view reaches beyond the storage; [`Error::PartialElement`] if the storage is
    /// not a whole number of elements.
    pub fn new(layout: Layout, storage: Storage) -> Result<Tensor> {
        Tensor::view(layout.into(), storage)
    }

    /// The same for a layout that may be shared.
    pub(crate) fn view(layout: Arc<Layout>, storage: Storage) -> Result<Tensor> {
        let (size, bytes) = (layout.dtype().size(), storage.bytes().len());
        if bytes % size != 0 {
            return Err(Error::PartialElement { dtype: layout.dtype(), bytes });
        }
        if layout.span() > bytes / size {
            return Err(Error::OutsideStorage { layout: Box::new(Layout::clone(&layout)), elements: bytes / size });
        }
        Ok(Tensor { layout, storage })
    }

    /// A row-major tensor from the little-endian bytes of its elements.
    ///
    /// # Errors
    /// [`Error::ByteLength`] unless `bytes` is as long as the shape wants; [`Error::TooLarge`] for an absurd shape.
    pub fn from_bytes(dtype: DType, shape: &[usize], bytes: impl Into<Storage>) -> Result<Tensor> {
        let (layout, storage) = (Layout::contiguous(dtype, shape)?, bytes.into());
        let expected = layout.numel() * dtype.size();
        if storage.bytes().len() != expected {
            return Err(Error::ByteLength { dtype, shape: shape.to_vec(), expected, found: storage.bytes().len() });
        }
        Tensor::new(layout, storage)
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

    /// A tensor without dimensions, as `torch.tensor(5.0)` makes one.
    pub fn scalar<T: Element>(element: T) -> Tensor {
        let mut bytes = Vec::with_capacity(T::DTYPE.size());
        element.append_le(&mut bytes);
        Tensor { layout: Layout::scalar(T::DTYPE).into(), storage: bytes.into() }
    }

    /// How the tensor sees its storage.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The bytes that the tensor views, perhaps together with other tensors.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.layout.dtype()
    }

    /// The size of each dimension; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        self.layout.shape()
    }

    /// The number of elements.
    pub fn numel(&self) -> usize {
        self.layout.numel()
    }

    /// The elements' bytes in row-major order: borrowed from the storage if they lie so, else gathered.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if there is no room to gather them: a small storage can be expanded to any size.
    pub fn to_bytes(&self) -> Result<Cow<'_, [u8]>> {
        let mut runs = self.runs();
        if self.layout.is_contiguous() {
            return Ok(Cow::Borrowed(runs.next().unwrap_or_default()));
        }
        let bytes = self.numel() * self.dtype().size();
        let mut gathered = Vec::new();
        gathered.try_reserve_exact(bytes).map_err(|_| Error::OutOfMemory { bytes })?;
        runs.for_each(|run| gathered.extend_from_slice(run));
        Ok(Cow::Owned(gathered))
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// [`Error::WrongDType`] if the tensor does not hold `T`; [`Error::OutOfMemory`] as [`Tensor::to_bytes`].
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if self.dtype() != T::DTYPE {
            return Err(Error::WrongDType { wanted: T::DTYPE, found: self.dtype() });
        }
        Ok(self.to_bytes()?.chunks_exact(T::DTYPE.size()).map(T::from_le).collect())
    }

    fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let size = self.dtype().size();
        self.layout.runs().map(move |run| &self.storage.bytes()[run.start * size..run.end * size])
    }

    fn elements(&self) -> impl Iterator<Item = &[u8]> {
        self.runs().flat_map(|run| run.chunks_exact(self.dtype().size()))
    }
}

/// Equal dtype, shape and elements, bit for bit; strides and storages may differ.
impl PartialEq for Tensor {
    fn eq(&self, other: &Tensor) -> bool {
        (self.dtype(), self.shape()) == (other.dtype(), other.shape()) && self.elements().eq(other.elements())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_back() {
        assert_eq!(Tensor::from_slice(&[1.5f32, -0.0], &[2]).unwrap().to_vec::<f32>().unwrap(), [1.5, -0.0]);
        assert_eq!(Tensor::from_slice(&[i64::MIN, 7], &[1, 2]).unwrap().to_vec::<i64>().unwrap(), [i64::MIN, 7]);
        assert_eq!(Tensor::from_slice(&[true, false], &[2]).unwrap().to_vec::<bool>().unwrap(), [true, false]);
        assert_eq!(Tensor::scalar(-3i16).to_vec::<i16>().unwrap(), [-3]);
        assert_eq!(Tensor::scalar(2.0f64).shape(), [0usize; 0]);
        let wrong = Tensor::scalar(1u8).to_vec::<i8>().unwrap_err();
        assert_eq!(wrong.to_string(), "the tensor holds uint8, not int8");
    }

    #[test]
    fn a_view_is_gathered_and_equals_its_copy() {
        let storage = Tensor::from_slice(&[0i32, 1, 2, 3, 4, 5], &[2, 3]).unwrap().storage().clone();
        let view = Tensor::new(Layout::strided(DType::I32, &[3, 2], &[1, 3], 0).unwrap(), storage).unwrap();
        assert_eq!(view.to_vec::<i32>().unwrap(), [0, 3, 1, 4, 2, 5]);
        assert_eq!(view, Tensor::from_slice(&[0i32, 3, 1, 4, 2, 5], &[3, 2]).unwrap());
        assert_ne!(view, Tensor::from_slice(&[0i32, 3, 1, 4, 2, 9], &[3, 2]).unwrap());
        assert_ne!(view, Tensor::from_slice(&[0f32, 3., 1., 4., 2., 5.], &[3, 2]).unwrap());
    }

    #[test]
    fn bytes_must_fit_the_layout() {
        let message = |result: Result<Tensor>| result.unwrap_err().to_string();
        assert_eq!(
            message(Tensor::from_bytes(DType::F32, &[2, 3], vec![0; 23])),
            "a float32 tensor of shape [2, 3] takes 24 bytes, not 23"
        );
        let layout = Layout::strided(DType::F32, &[2, 3], &[4, 1], 2).unwrap();
        assert_eq!(
            message(Tensor::new(layout.clone(), vec![0; 32].into())),
            "a float32 view of shape [2, 3], strides [4, 1] and offset 2 needs a storage of 9 elements, not 8"
        );
        assert_eq!(message(Tensor::new(layout.clone(), vec![0; 37].into())), "37 bytes are no whole number of float32");
        assert!(Tensor::new(layout, vec![0; 36].into()).is_ok());
    }

    #[test]
    fn an_absurd_expansion_is_an_error_when_gathered() {
        let layout = Layout::strided(DType::U8, &[1 << 31, 1 << 31], &[0, 0], 0).unwrap();
        let bomb = Tensor::new(layout, vec![0].into()).unwrap();
        assert!(matches!(bomb.to_bytes(), Err(Error::OutOfMemory { .. })));
    }
}
