//! Softmax and cross-entropy of rows of scores, in one pass over memory: a row stays in the first-level cache.

use super::math::exp;
use super::simd::Simd;

/// Longest vector of all instruction sets, in numbers.
const MAX_LANES: usize = 16;

/// Rows of scores, one for each example.
#[derive(Clone, Copy)]
pub(crate) struct SoftmaxRows {
    pub rows: usize,
    pub columns: usize,
    /// In: the scores. Out, with `gradients`: the gradients of the losses.
    pub scores: *mut f32,
    pub row_stride: usize,
    /// The column of each row's target. A negative number: the row is ignored.
    pub targets: *const i64,
    /// Out: the loss of each row, 0 for an ignored row.
    pub losses: *mut f32,
    /// Whether the scores are replaced by the gradients.
    pub gradients: bool,
}

/// Computes `loss = log(sum of exp(score)) - score[target]`, and its gradient `softmax(scores) - (column == target)`.
///
/// # Safety
/// - The CPU supports the instruction set `S`.
/// - `scores`, `targets` and `losses` are valid for the sizes. They do not overlap.
/// - Every target is negative or less than `columns`.
/// - No other thread uses what is written, and none writes the targets.
#[inline(always)]
pub(crate) unsafe fn cross_entropy<S: Simd>(operands: &SoftmaxRows) {
    let &SoftmaxRows { rows, columns, scores, row_stride, targets, losses, gradients } = operands;
    for row in 0..rows {
        // SAFETY: the row exists, and its target is one of the columns.
        unsafe {
            let scores = scores.add(row * row_stride);
            let Ok(target) = usize::try_from(*targets.add(row)) else {
                *losses.add(row) = 0.0;
                if gradients {
                    scores.write_bytes(0, columns);
                }
                continue;
            };
            let score = *scores.add(target);
            let maximum = maximum::<S>(scores, columns);
            let sum = sum_of_exp::<S>(scores, columns, maximum, gradients);
            *losses.add(row) = (maximum - score) + sum.ln();
            if gradients {
                multiply::<S>(scores, columns, 1.0 / sum);
                *scores.add(target) -= 1.0;
            }
        }
    }
}

/// The largest number of a row. (If there is a NaN, any number; the sum is NaN then.)
#[inline(always)]
unsafe fn maximum<S: Simd>(row: *const f32, columns: usize) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; MAX_LANES];
    // SAFETY: the caller guarantees the CPU and the row. `lanes` has room for a vector.
    unsafe {
        let mut maximum = S::splat(f32::NEG_INFINITY);
        for (first, count) in vectors::<S>(columns) {
            maximum = S::max(load::<S>(row.add(first), count, f32::NEG_INFINITY), maximum);
        }
        S::store(lanes.as_mut_ptr(), maximum);
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// The sum of `exp(x - maximum)` over a row. With `store`, each x is replaced by its exponential.
#[inline(always)]
unsafe fn sum_of_exp<S: Simd>(row: *mut f32, columns: usize, maximum: f32, store: bool) -> f32 {
    // SAFETY: as in `maximum`.
    unsafe {
        let (shift, mut sum) = (S::splat(maximum), S::splat(0.0));
        for (first, count) in vectors::<S>(columns) {
            let x = row.add(first);
            let e = exp::<S>(S::sub(load::<S>(x, count, f32::NEG_INFINITY), shift));
            sum = S::add(sum, e);
            if store {
                store_part::<S>(x, count, e);
            }
        }
        S::sum(sum)
    }
}

/// Multiplies a row by `factor`.
#[inline(always)]
unsafe fn multiply<S: Simd>(row: *mut f32, columns: usize, factor: f32) {
    // SAFETY: as in `maximum`.
    unsafe {
        let factor = S::splat(factor);
        for (first, count) in vectors::<S>(columns) {
            let x = row.add(first);
            store_part::<S>(x, count, S::mul(load::<S>(x, count, 0.0), factor));
        }
    }
}

/// The first column and the number of columns of each vector of a row. The last one may be incomplete.
#[inline(always)]
fn vectors<S: Simd>(columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..columns).step_by(S::LANES).map(move |first| (first, (columns - first).min(S::LANES)))
}

/// Loads the first `count` numbers of a vector. The others are `fill`.
#[inline(always)]
unsafe fn load<S: Simd>(ptr: *const f32, count: usize, fill: f32) -> S::V {
    // SAFETY: the caller guarantees the CPU and `count` numbers at `ptr`. `numbers` has room for a vector.
    unsafe {
        if count == S::LANES {
            return S::load(ptr);
        }
        let mut numbers = [fill; MAX_LANES];
        ptr.copy_to_nonoverlapping(numbers.as_mut_ptr(), count);
        S::load(numbers.as_ptr())
    }
}

/// Stores the first `count` numbers of a vector.
#[inline(always)]
unsafe fn store_part<S: Simd>(ptr: *mut f32, count: usize, x: S::V) {
    // SAFETY: as in `load`.
    unsafe {
        if count == S::LANES {
            return S::store(ptr, x);
        }
        let mut numbers = [0.0; MAX_LANES];
        S::store(numbers.as_mut_ptr(), x);
        ptr.copy_from_nonoverlapping(numbers.as_ptr(), count);
    }
}
