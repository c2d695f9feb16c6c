//! Dot products of rows: `C[i][j] = sum over w of A[i][w] B[j][w]`, where the vectors hold consecutive w.
//!
//! The gradients of the weights in the feature-major layout are such sums over batch and time.

use super::simd::Simd;

/// A part of the sum: in each row `steps` segments of `width` numbers.
#[derive(Clone, Copy)]
pub(crate) struct Segments {
    pub a: *const f32,
    pub a_row_stride: usize,
    /// From a segment of a row of A to the next.
    pub a_step_stride: usize,
    pub b: *const f32,
    pub b_row_stride: usize,
    pub b_step_stride: usize,
    pub steps: usize,
    /// A multiple of the vector length.
    pub width: usize,
}

/// `C[rows][columns]`, with sums over all `segments`.
#[derive(Clone, Copy)]
pub(crate) struct DotProducts<'a> {
    pub rows: usize,
    pub columns: usize,
    pub segments: &'a [Segments],
    pub c: *mut f32,
    pub c_row_stride: usize,
    /// Whether to add to C or to overwrite it.
    pub accumulate: bool,
}

/// Computes C.
///
/// # Safety
/// For this function and the others of this module:
/// - The CPU supports the instruction set `S`.
/// - A, B and C are valid for the sizes in `product`. C overlaps no A and no B.
/// - No other thread writes these numbers, and none accesses C.
#[inline(always)]
pub(crate) unsafe fn dot_products<S: Simd>(product: &DotProducts<'_>) {
    let count = product.rows.div_ceil(S::DOT_TILE.0);
    let mut row = 0;
    for i in 0..count {
        // Tiles of equal height: 10 rows are 2, 3, 2 and 3. A tile of one row would load more than it multiplies.
        let end = product.rows * (i + 1) / count;
        // SAFETY: `end` is at most `rows`. The rest is the caller's guarantee.
        unsafe {
            match end - row {
                1 => row_of_tiles::<S, 1>(product, row),
                2 => row_of_tiles::<S, 2>(product, row),
                3 => row_of_tiles::<S, 3>(product, row),
                _ => row_of_tiles::<S, 4>(product, row),
            }
        }
        row = end;
    }
}

#[inline(always)]
unsafe fn row_of_tiles<S: Simd, const M: usize>(product: &DotProducts<'_>, row: usize) {
    let count = product.columns.div_ceil(S::DOT_TILE.1);
    let mut column = 0;
    for i in 0..count {
        let end = product.columns * (i + 1) / count;
        // SAFETY: `end` is at most `columns`. The rest is the caller's guarantee.
        unsafe {
            match end - column {
                1 => tile::<S, M, 1>(product, row, column),
                2 => tile::<S, M, 2>(product, row, column),
                3 => tile::<S, M, 3>(product, row, column),
                4 => tile::<S, M, 4>(product, row, column),
                _ => tile::<S, M, 5>(product, row, column),
            }
        }
        column = end;
    }
}

/// `M` rows and `N` columns of C.
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const N: usize>(product: &DotProducts<'_>, row: usize, column: usize) {
    // SAFETY: the caller guarantees that the tile lies inside C and that A and B are valid for the sizes.
    unsafe {
        let mut sum = [[S::splat(0.0); N]; M];
        for part in product.segments {
            let (mut a, mut b) = (part.a.add(row * part.a_row_stride), part.b.add(column * part.b_row_stride));
            for _ in 0..part.steps {
                for w in (0..part.width).step_by(S::LANES) {
                    let mut right = [S::splat(0.0); N];
                    for (j, right) in right.iter_mut().enumerate() {
                        *right = S::load(b.add(j * part.b_row_stride + w));
                    }
                    for (i, sums) in sum.iter_mut().enumerate() {
                        let left = S::load(a.add(i * part.a_row_stride + w));
                        for (sum, right) in sums.iter_mut().zip(right) {
                            *sum = S::fma(left, right, *sum);
                        }
                    }
                }
                a = a.wrapping_add(part.a_step_stride);
                b = b.wrapping_add(part.b_step_stride);
            }
        }
        for (i, sums) in sum.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                let c = product.c.add((row + i) * product.c_row_stride + column + j);
                *c = if product.accumulate { *c + S::sum(*sum) } else { S::sum(*sum) };
            }
        }
    }
}
