//! Inner products of rows: `C[i][j] = sum of a_i[w] b_j[w]`, with w along the vectors.
//!
//! The gradients of the weights in the layout that has the batch along the vectors (lanes.rs) are such sums over batch
//! and time.

use crate::simd::Simd;

/// A stretch of the sum: `steps` pieces of each row, `width` numbers long.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub a: *const f32,
    /// From a row of A to the next, and from a piece of it to the next.
    pub a_row: usize,
    pub a_step: usize,
    pub b: *const f32,
    pub b_row: usize,
    pub b_step: usize,
    pub steps: usize,
    /// A multiple of the number of lanes.
    pub width: usize,
}

/// `C[rows][columns]` as inner products over all spans.
#[derive(Clone, Copy)]
pub(crate) struct Dots<'a> {
    pub rows: usize,
    pub columns: usize,
    pub spans: &'a [Span],
    pub c: *mut f32,
    pub c_row: usize,
    /// To what C holds, or in its place.
    pub add: bool,
}

/// Computes C.
///
/// # Safety
/// The CPU has the instruction set `S`; all pointers reach as far as the sizes say; C overlaps no A and no B.
#[inline(always)]
pub(crate) unsafe fn dots<S: Simd>(dots: &Dots<'_>) {
    let count = dots.rows.div_ceil(S::DOTS.0);
    let mut row = 0;
    for i in 0..count {
        let end = dots.rows * (i + 1) / count; // 10 rows are 2, 3, 2 and 3: a tile of one row loads more than it multiplies
        // SAFETY: the rows exist, and the caller's promise.
        unsafe {
            match end - row {
                1 => row_of_tiles::<S, 1>(dots, row),
                2 => row_of_tiles::<S, 2>(dots, row),
                3 => row_of_tiles::<S, 3>(dots, row),
                _ => row_of_tiles::<S, 4>(dots, row),
            }
        }
        row = end;
    }
}

#[inline(always)]
unsafe fn row_of_tiles<S: Simd, const M: usize>(dots: &Dots<'_>, row: usize) {
    let count = dots.columns.div_ceil(S::DOTS.1);
    let mut column = 0;
    for i in 0..count {
        let end = dots.columns * (i + 1) / count;
        // SAFETY: the columns exist, and the promise to `dots`.
        unsafe {
            match end - column {
                1 => tile::<S, M, 1>(dots, row, column),
                2 => tile::<S, M, 2>(dots, row, column),
                3 => tile::<S, M, 3>(dots, row, column),
                4 => tile::<S, M, 4>(dots, row, column),
                _ => tile::<S, M, 5>(dots, row, column),
            }
        }
        column = end;
    }
}

#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const N: usize>(dots: &Dots<'_>, row: usize, column: usize) {
    // SAFETY: the promise to `dots`; the tile lies within C.
    unsafe {
        let mut sum = [[S::splat(0.0); N]; M];
        for span in dots.spans {
            let (mut a, mut b) = (span.a.add(row * span.a_row), span.b.add(column * span.b_row));
            for _ in 0..span.steps {
                for w in (0..span.width).step_by(S::LANES) {
                    let mut right = [S::splat(0.0); N];
                    for (j, right) in right.iter_mut().enumerate() {
                        *right = S::load(b.add(j * span.b_row + w));
                    }
                    for (i, sums) in sum.iter_mut().enumerate() {
                        let left = S::load(a.add(i * span.a_row + w));
                        for (sum, right) in sums.iter_mut().zip(right) {
                            *sum = S::fma(left, right, *sum);
                        }
                    }
                }
                a = a.wrapping_add(span.a_step);
                b = b.wrapping_add(span.b_step);
            }
        }
        for (i, sums) in sum.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                let c = dots.c.add((row + i) * dots.c_row + column + j);
                *c = if dots.add { *c + S::sum(*sum) } else { S::sum(*sum) };
            }
        }
    }
}
