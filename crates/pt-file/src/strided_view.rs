use std::fmt;

use crate::{DType, Error, Result};

/// The limit of PyTorch's kernels on the number of dimensions.
pub(crate) const MAX_DIMS: usize = 64;

/// A view of a storage: dtype, shape, strides and offset. As in PyTorch, strides and offset count elements.
///
/// Element `[i, j, ..]` is element `offset + i * strides[0] + j * strides[1] + ..` of the storage. Strides are never
/// negative. A stride of 0 repeats one element along a dimension, as
/// [`torch.Tensor.expand`](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html) does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StridedView {
    dtype: DType,
    shape: Vec<usize>,
    strides: Vec<usize>,
    offset: usize,
}

impl StridedView {
    /// A row-major view without gaps, from the start of the storage.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the number of elements or bytes does not fit in 63 bits.
    pub fn contiguous(dtype: DType, shape: &[usize]) -> Result<StridedView> {
        let mut strides = vec![1usize; shape.len()];
        for dim in (1..shape.len()).rev() {
            let stride = strides[dim].checked_mul(shape[dim].max(1));
            strides[dim - 1] = stride.ok_or_else(|| too_large(dtype, shape))?;
        }
        StridedView::new(dtype, shape, &strides, 0)
    }

    /// A view with any strides and offset.
    ///
    /// # Errors
    /// [`Error::StrideCount`] unless there is one stride per dimension; [`Error::TooLarge`] if the number of elements
    /// or bytes, of the view or from the start of the storage to the end of the view, does not fit in 63 bits.
    pub fn new(dtype: DType, shape: &[usize], strides: &[usize], offset: usize) -> Result<StridedView> {
        if shape.len() != strides.len() {
            return Err(Error::StrideCount { shape: shape.to_vec(), strides: strides.to_vec() });
        }
        let view = StridedView { dtype, shape: shape.to_vec(), strides: strides.to_vec(), offset };
        let bytes_fit = |count: usize| count.checked_mul(dtype.size()).is_some_and(fits_i64);
        let numel = view.checked_numel().filter(|&n| bytes_fit(n));
        let needed = view.checked_storage_len().filter(|&n| bytes_fit(n));
        let numbers = shape.iter().chain(strides).chain([&offset]);
        if numel.is_none() || needed.is_none() || !numbers.copied().all(fits_i64) {
            return Err(too_large(dtype, shape));
        }
        Ok(view)
    }

    /// A view of one element, without dimensions.
    pub(crate) fn scalar(dtype: DType) -> StridedView {
        StridedView { dtype, shape: Vec::new(), strides: Vec::new(), offset: 0 }
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The size of each dimension; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// For each dimension, the distance in the storage between adjacent elements.
    pub fn strides(&self) -> &[usize] {
        &self.strides
    }

    /// The position of the first element in the storage.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The number of elements: the product of the shape.
    pub fn numel(&self) -> usize {
        self.checked_numel().unwrap_or(usize::MAX) // never MAX: the constructors have checked it
    }

    /// The minimum length of the storage, in elements.
    pub fn storage_len(&self) -> usize {
        self.checked_storage_len().unwrap_or(usize::MAX) // never MAX, as above
    }

    /// Whether the elements are in row-major order without gaps. Equivalent of `torch.Tensor.is_contiguous()`.
    pub fn is_contiguous(&self) -> bool {
        self.numel() == 0 || self.contiguous_len() == self.numel()
    }

    fn checked_numel(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
    }

    fn checked_storage_len(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let mut dims = self.shape.iter().zip(&self.strides);
        let last =
            dims.try_fold(self.offset, |last, (&size, &stride)| last.checked_add((size - 1).checked_mul(stride)?));
        last?.checked_add(1)
    }

    /// The length of the blocks of [`StridedView::contiguous_blocks`].
    fn contiguous_len(&self) -> usize {
        let dims = self.shape.iter().zip(&self.strides).rev().filter(|&(&size, _)| size != 1);
        let mut len = 1;
        for (&size, &stride) in dims {
            if stride != len {
                break;
            }
            len *= size;
        }
        len
    }

    /// The largest contiguous blocks of the view, in row-major order, as element ranges of the storage. A contiguous
    /// view is one block.
    pub(crate) fn contiguous_blocks(&self) -> ContiguousBlocks {
        let block_len = self.contiguous_len();
        let mut inner = 1;
        let mut outer: Vec<_> = self.shape.iter().copied().zip(self.strides.iter().copied()).collect();
        while inner < block_len {
            inner *= outer.pop().map_or(block_len, |(size, _)| size);
        }
        let next = (self.numel() > 0).then_some(self.offset);
        ContiguousBlocks { index: vec![0; outer.len()], outer, block_len, next }
    }
}

/// For example `float32 view of shape [2, 3], strides [3, 1] and offset 0`.
impl fmt::Display for StridedView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StridedView { dtype, shape, strides, offset } = self;
        write!(f, "{dtype} view of shape {shape:?}, strides {strides:?} and offset {offset}")
    }
}

/// Iterator of [`StridedView::contiguous_blocks`].
pub(crate) struct ContiguousBlocks {
    outer: Vec<(usize, usize)>, // (size, stride) of the dimensions outside a block
    index: Vec<usize>,
    block_len: usize,
    next: Option<usize>,
}

impl Iterator for ContiguousBlocks {
    type Item = std::ops::Range<usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next.take()?;
        let mut position = start;
        for (index, &(size, stride)) in self.index.iter_mut().zip(&self.outer).rev() {
            *index += 1;
            position += stride;
            if *index < size {
                self.next = Some(position);
                break;
            }
            position -= stride * size; // the end of this dimension: back to its start, then advance the next one
            *index = 0;
        }
        Some(start..start + self.block_len)
    }
}

fn fits_i64(n: usize) -> bool {
    i64::try_from(n).is_ok()
}

fn too_large(dtype: DType, shape: &[usize]) -> Error {
    Error::TooLarge { dtype, shape: shape.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(shape: &[usize], strides: &[usize], offset: usize) -> Vec<usize> {
        StridedView::new(DType::F32, shape, strides, offset).unwrap().contiguous_blocks().flatten().collect()
    }

    #[test]
    fn a_row_major_view_is_one_block() {
        let view = StridedView::contiguous(DType::F32, &[2, 1, 3]).unwrap();
        assert_eq!((view.strides(), view.numel(), view.storage_len()), (&[3, 3, 1][..], 6, 6));
        assert!(view.is_contiguous());
        let mut blocks = view.contiguous_blocks();
        assert_eq!((blocks.next(), blocks.next()), (Some(0..6), None));
    }

    #[test]
    fn views_have_the_same_elements_as_in_torch() {
        // torch.arange(12).view(3, 4)[:, 1:3] and .t(), [::2], expand, flip of size-1 dimensions
        assert_eq!(elements(&[3, 2], &[4, 1], 1), [1, 2, 5, 6, 9, 10]);
        assert_eq!(elements(&[4, 3], &[1, 4], 0), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
        assert_eq!(elements(&[2, 2, 2], &[6, 1, 3], 0), [0, 3, 1, 4, 6, 9, 7, 10]);
        assert_eq!(elements(&[2, 3], &[0, 0], 5), [5; 6]);
        assert_eq!(elements(&[2, 1, 3], &[3, 99, 1], 1), [1, 2, 3, 4, 5, 6]);
        assert_eq!(elements(&[3, 1], &[2, 77], 1), [1, 3, 5]);
        assert_eq!(elements(&[], &[], 7), [7]);
        assert_eq!(elements(&[2, 0], &[1, 1], 7), [0; 0]);
    }

    #[test]
    fn is_contiguous_matches_torch() {
        let contiguous = |shape, strides| StridedView::new(DType::F32, shape, strides, 0).unwrap().is_contiguous();
        assert!(contiguous(&[], &[]) && contiguous(&[1, 3], &[77, 1]) && contiguous(&[0, 3], &[5, 5]));
        assert!(!contiguous(&[3, 2], &[1, 3]) && !contiguous(&[2], &[0]) && !contiguous(&[2], &[2]));
    }

    #[test]
    fn sizes_beyond_63_bits_are_rejected() {
        let huge = i64::MAX as usize;
        assert!(matches!(StridedView::contiguous(DType::F32, &[huge, 2]), Err(Error::TooLarge { .. })));
        assert!(matches!(StridedView::contiguous(DType::F32, &[huge]), Err(Error::TooLarge { .. })));
        assert!(matches!(StridedView::new(DType::U8, &[2], &[huge], 1), Err(Error::TooLarge { .. })));
        assert!(matches!(StridedView::new(DType::U8, &[0], &[usize::MAX], 0), Err(Error::TooLarge { .. })));
        assert!(StridedView::contiguous(DType::U8, &[huge - 1]).is_ok());
        assert!(matches!(StridedView::new(DType::U8, &[2], &[], 0), Err(Error::StrideCount { .. })));
    }
}
