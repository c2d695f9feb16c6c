//! Raw pointers to matrices and sequences, with their strides. Strides count numbers (f32), not bytes.
//!
//! Several threads write one buffer at the same time, each thread its own part. Rust's slices cannot express that where
//! the parts are interleaved, so the kernels use pointers.

use std::ops::Range;

/// A row-major matrix. Row `i` starts `i * row_stride` numbers after `ptr`.
#[derive(Clone, Copy)]
pub(crate) struct MatrixPtr {
    pub ptr: *mut f32,
    pub row_stride: usize,
}

impl MatrixPtr {
    /// The matrix without its first `count` columns.
    pub(crate) fn skip_columns(self, count: usize) -> MatrixPtr {
        MatrixPtr { ptr: self.ptr.wrapping_add(count), ..self }
    }

    /// The matrix without its first `count` rows.
    pub(crate) fn skip_rows(self, count: usize) -> MatrixPtr {
        MatrixPtr { ptr: self.ptr.wrapping_add(count * self.row_stride), ..self }
    }

    /// The address of one number.
    ///
    /// # Safety
    /// The matrix has this row and column.
    #[inline(always)]
    pub(crate) unsafe fn at(self, row: usize, column: usize) -> *mut f32 {
        // SAFETY: the caller guarantees that the address lies in the matrix, hence in one allocation.
        unsafe { self.ptr.add(row * self.row_stride + column) }
    }
}

/// The same number of rows of two matrices.
#[derive(Clone, Copy)]
pub(crate) struct RowPair {
    pub a: MatrixPtr,
    pub b: MatrixPtr,
    pub rows: usize,
}

impl RowPair {
    /// Joins pairs whose rows follow one another in memory.
    pub(crate) fn join(pairs: impl Iterator<Item = RowPair>) -> impl Iterator<Item = RowPair> {
        let follows = |a: MatrixPtr, rows, b: MatrixPtr| a.row_stride == b.row_stride && a.skip_rows(rows).ptr == b.ptr;
        let mut pairs = pairs.peekable();
        std::iter::from_fn(move || {
            let mut joined = pairs.next()?;
            while let Some(pair) =
                pairs.next_if(|pair| follows(joined.a, joined.rows, pair.a) && follows(joined.b, joined.rows, pair.b))
            {
                joined.rows += pair.rows;
            }
            Some(joined)
        })
    }

    /// Cuts the rows into blocks of almost equal size, at most `max` rows.
    pub(crate) fn blocks(self, max: usize) -> impl Iterator<Item = RowPair> {
        blocks(self.rows, max).map(move |block| RowPair {
            a: self.a.skip_rows(block.start),
            b: self.b.skip_rows(block.start),
            rows: block.len(),
        })
    }
}

/// Cuts `0..total` into blocks of almost equal size, at most `max`.
pub(crate) fn blocks(total: usize, max: usize) -> impl Iterator<Item = Range<usize>> {
    let count = total.div_ceil(max);
    (0..count).map(move |i| part(total, i, count))
}

/// Part `i` of `0..total`, cut into `count` parts of almost equal size.
pub(crate) fn part(total: usize, i: usize, count: usize) -> Range<usize> {
    let (size, longer) = (total / count, total % count); // the first `longer` parts have one more
    let start = i * size + i.min(longer);
    start..start + size + usize::from(i < longer)
}

/// A sequence: one row-major matrix for each time step.
///
/// The caller's arrays have the same form: a row holds the features of one sample.
#[derive(Clone, Copy)]
pub(crate) struct SequencePtr<'a> {
    /// The matrix of the first step.
    pub ptr: *mut f32,
    pub row_stride: usize,
    pub steps: StepOffsets<'a>,
}

/// Where the matrix of each time step starts.
#[derive(Clone, Copy)]
pub(crate) enum StepOffsets<'a> {
    /// The distance from a matrix to the next, in numbers.
    Stride(usize),
    /// The number of rows before each step. Those before the first step are not part of the sequence.
    Rows(&'a [usize]),
}

impl SequencePtr<'_> {
    /// The matrix of a time step.
    pub(crate) fn step(self, step: usize) -> MatrixPtr {
        MatrixPtr { ptr: self.ptr.wrapping_add(self.step_offset(step)), row_stride: self.row_stride }
    }

    /// The distance from the first step to another, in numbers.
    pub(crate) fn step_offset(self, step: usize) -> usize {
        match self.steps {
            StepOffsets::Stride(stride) => step * stride,
            StepOffsets::Rows(rows) => (rows[step] - rows[0]) * self.row_stride,
        }
    }

    /// The sequence without its first `count` time steps.
    pub(crate) fn skip_steps(self, count: usize) -> Self {
        SequencePtr { ptr: self.step(count).ptr, ..self.starting_with(count) }
    }

    /// Memory at the same address that holds the time steps from `first` on.
    pub(crate) fn starting_with(self, first: usize) -> Self {
        let steps = match self.steps {
            StepOffsets::Stride(stride) => StepOffsets::Stride(stride),
            StepOffsets::Rows(rows) => StepOffsets::Rows(&rows[first..]),
        };
        SequencePtr { steps, ..self }
    }

    /// The same sequence, moved by `offset` numbers.
    pub(crate) fn offset(self, offset: usize) -> Self {
        SequencePtr { ptr: self.ptr.wrapping_add(offset), ..self }
    }
}

// SAFETY: both types hold addresses only, and every method that accesses memory is `unsafe`. Its caller guarantees that
// no two threads access the same number while one of them writes it.
unsafe impl Send for MatrixPtr {}
// SAFETY: as for `Send`.
unsafe impl Sync for MatrixPtr {}
// SAFETY: as for `MatrixPtr`.
unsafe impl Send for SequencePtr<'_> {}
// SAFETY: as for `MatrixPtr`.
unsafe impl Sync for SequencePtr<'_> {}
