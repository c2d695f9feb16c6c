use std::fmt;

use crate::{DType, Error, Result};

/// How a tensor sees its storage: element type, shape, strides and offset, all counted in elements as in PyTorch.
///
/// Element `[i, j, ..]` is number `offset + i * strides[0] + j * strides[1] + ..` of the storage. Strides are never
/// negative, and 0 where [`expand`](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html) made one
/// element stand for many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    dtype: DType,
    shape: Vec<usize>,
    strides: Vec<usize>,
    offset: usize,
}

impl Layout {
    /// Row-major, without gaps, from the start of the storage.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the number of elements or bytes cannot be counted in 63 bits.
    pub fn contiguous(dtype: DType, shape: &[usize]) -> Result<Layout> {
        let mut strides = vec![1usize; shape.len()];
        for dim in (1..shape.len()).rev() {
            let step = strides[dim].checked_mul(shape[dim].max(1));
            strides[dim - 1] = step.ok_or_else(|| too_large(dtype, shape))?;
        }
        Layout::strided(dtype, shape, &strides, 0)
    }

    /// Any view.
    ///
    /// # Errors
    /// [`Error::StrideCount`] unless there is one stride per dimension; [`Error::TooLarge`] if the number of elements
    /// or bytes, within the tensor or up to its end, cannot be counted in 63 bits.
    pub fn strided(dtype: DType, shape: &[usize], strides: &[usize], offset: usize) -> Result<Layout> {
        if shape.len() != strides.len() {
            return Err(Error::StrideCount { shape: shape.to_vec(), strides: strides.to_vec() });
        }
        let layout = Layout { dtype, shape: shape.to_vec(), strides: strides.to_vec(), offset };
        let countable = |count: usize| count.checked_mul(dtype.size()).is_some_and(fits_i64);
        let numel = layout.checked_numel().filter(|&n| countable(n));
        let span = layout.checked_span().filter(|&n| countable(n));
        let numbers = shape.iter().chain(strides).chain([&offset]);
        if numel.is_none() || span.is_none() || !numbers.copied().all(fits_i64) {
            return Err(too_large(dtype, shape));
        }
        Ok(layout)
    }

    /// One element, no dimensions.
    pub(crate) fn scalar(dtype: DType) -> Layout {
        Layout { dtype, shape: Vec::new(), strides: Vec::new(), offset: 0 }
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The size of each dimension; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// For each dimension, how many elements of the storage lie between neighbours.
    pub fn strides(&self) -> &[usize] {
        &self.strides
    }

    /// The element of the storage that comes first.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The number of elements: the product of the shape.
    pub fn numel(&self) -> usize {
        self.checked_numel().unwrap_or(usize::MAX) // the constructors made sure that it can be counted
    }

    /// The elements that a storage must have for this view, counted from its start.
    pub fn span(&self) -> usize {
        self.checked_span().unwrap_or(usize::MAX)
    }

    /// Whether the elements lie row by row without gaps, as PyTorch's `is_contiguous()` has it.
    pub fn is_contiguous(&self) -> bool {
        self.numel() == 0 || self.run_length() == self.numel()
    }

    fn checked_numel(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
    }

    fn checked_span(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let dims = self.shape.iter().zip(&self.strides);
        let last = dims
            .into_iter()
            .try_fold(self.offset, |last, (&size, &stride)| last.checked_add((size - 1).checked_mul(stride)?));
        last?.checked_add(1)
    }

    /// The longest stretch of neighbouring elements that the view takes in order: the whole tensor when contiguous.
    fn run_length(&self) -> usize {
        let dims = self.shape.iter().zip(&self.strides).rev().filter(|&(&size, _)| size != 1);
        let mut run = 1;
        for (&size, &stride) in dims {
            if stride != run {
                break;
            }
            run *= size;
        }
        run
    }

    /// The stretches, in row-major order of the tensor, as ranges of elements of the storage.
    pub(crate) fn runs(&self) -> Runs {
        let run = self.run_length();
        let mut inner = 1;
        let mut outer: Vec<_> = self.shape.iter().copied().zip(self.strides.iter().copied()).collect();
        while inner < run {
            inner *= outer.pop().map_or(run, |(size, _)| size);
        }
        let next = (self.numel() > 0).then_some(self.offset);
        Runs { index: vec![0; outer.len()], outer, run, next }
    }
}

/// `float32 view of shape [2, 3], strides [3, 1] and offset 0`
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Layout { dtype, shape, strides, offset } = self;
        write!(f, "{dtype} view of shape {shape:?}, strides {strides:?} and offset {offset}")
    }
}

/// Iterator over the stretches of a [`Layout`]; see there.
pub(crate) struct Runs {
    outer: Vec<(usize, usize)>, // (size, stride) of the dimensions outside a stretch
    index: Vec<usize>,
    run: usize,
    next: Option<usize>,
}

impl Iterator for Runs {
    type Item = std::ops::Range<usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next.take()?;
        let mut at = start;
        for (index, &(size, stride)) in self.index.iter_mut().zip(&self.outer).rev() {
            *index += 1;
            at += stride;
            if *index < size {
                self.next = Some(at);
                break;
            }
            at -= stride * size; // this dimension is through: back to its start, and on to the next
            *index = 0;
        }
        Some(start..start + self.run)
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
        Layout::strided(DType::F32, shape, strides, offset).unwrap().runs().flatten().collect()
    }

    #[test]
    fn row_major_is_one_run() {
        let layout = Layout::contiguous(DType::F32, &[2, 1, 3]).unwrap();
        assert_eq!((layout.strides(), layout.numel(), layout.span()), (&[3, 3, 1][..], 6, 6));
        assert!(layout.is_contiguous());
        let mut runs = layout.runs();
        assert_eq!((runs.next(), runs.next()), (Some(0..6), None));
    }

    #[test]
    fn views_take_the_elements_that_torch_takes() {
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
    fn contiguity_is_torchs() {
        let contiguous = |shape, strides| Layout::strided(DType::F32, shape, strides, 0).unwrap().is_contiguous();
        assert!(contiguous(&[], &[]) && contiguous(&[1, 3], &[77, 1]) && contiguous(&[0, 3], &[5, 5]));
        assert!(!contiguous(&[3, 2], &[1, 3]) && !contiguous(&[2], &[0]) && !contiguous(&[2], &[2]));
    }

    #[test]
    fn what_cannot_be_counted_is_refused() {
        let huge = i64::MAX as usize;
        assert!(matches!(Layout::contiguous(DType::F32, &[huge, 2]), Err(Error::TooLarge { .. })));
        assert!(matches!(Layout::contiguous(DType::F32, &[huge]), Err(Error::TooLarge { .. })));
        assert!(matches!(Layout::strided(DType::U8, &[2], &[huge], 1), Err(Error::TooLarge { .. })));
        assert!(matches!(Layout::strided(DType::U8, &[0], &[usize::MAX], 0), Err(Error::TooLarge { .. })));
        assert!(Layout::contiguous(DType::U8, &[huge - 1]).is_ok());
        assert!(matches!(Layout::strided(DType::U8, &[2], &[], 0), Err(Error::StrideCount { .. })));
    }
}
