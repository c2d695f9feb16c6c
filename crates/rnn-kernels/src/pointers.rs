//! Raw pointers to matrices and sequences, with their strides. Strides count numbers (f32), not bytes.
//!
//! Several threads write one buffer at the same time, each thread its own part. Rust's slices cannot express that where
//! the parts are interleaved, so the kernels use pointers.

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

/// A sequence: one row-major matrix for each time step. The matrix of step `t` starts `t * step_stride` numbers after
/// `ptr`.
///
/// The caller's arrays have the same form: a row holds the features of one sample.
#[derive(Clone, Copy)]
pub(crate) struct SequencePtr {
    pub ptr: *mut f32,
    pub step_stride: usize,
    pub row_stride: usize,
}

impl SequencePtr {
    /// The matrix of a time step.
    pub(crate) fn step(self, step: usize) -> MatrixPtr {
        MatrixPtr { ptr: self.ptr.wrapping_add(step * self.step_stride), row_stride: self.row_stride }
    }

    /// The sequence without its first `count` time steps.
    pub(crate) fn skip_steps(self, count: usize) -> SequencePtr {
        self.offset(count * self.step_stride)
    }

    /// The same sequence, moved by `offset` numbers.
    pub(crate) fn offset(self, offset: usize) -> SequencePtr {
        SequencePtr { ptr: self.ptr.wrapping_add(offset), ..self }
    }
}

// SAFETY: both types hold addresses only, and every method that accesses memory is `unsafe`. Its caller guarantees that
// no two threads access the same number while one of them writes it.
unsafe impl Send for MatrixPtr {}
// SAFETY: as for `Send`.
unsafe impl Sync for MatrixPtr {}
// SAFETY: as for `MatrixPtr`.
unsafe impl Send for SequencePtr {}
// SAFETY: as for `MatrixPtr`.
unsafe impl Sync for SequencePtr {}
