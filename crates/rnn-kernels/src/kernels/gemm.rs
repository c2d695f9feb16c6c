//! Matrix products with register blocking, one column panel of the result at a time.
//!
//! `C = initial value + A_1 B_1 + A_2 B_2 + ..`, where C and every B are a few vectors wide. The micro-kernel keeps a
//! tile of C in registers and adds all products to it. So each number of C is one chain of multiply-adds in the order
//! of the terms. Its bits do not depend on the tile that it is in, and therefore neither on the batch size nor on the
//! number of threads.

use super::simd::Simd;
use crate::tuning::GEMM_DEPTH_BLOCK;

/// One product `A B` of the sum. A has `depth` columns, B has `depth` rows and is as wide as the panel.
#[derive(Clone, Copy)]
pub(crate) struct Term {
    pub a: *const f32,
    pub a_row_stride: usize,
    pub a_column_stride: usize,
    pub b: *const f32,
    /// The columns of B are contiguous.
    pub b_row_stride: usize,
    pub depth: usize,
}

/// The value of C before the products are added.
#[derive(Clone, Copy)]
pub(crate) enum Init {
    Zero,
    /// The present value of C. The chain of multiply-adds continues from it.
    Accumulate,
    /// The present value of C, but the chain starts from zero and is added to C at its end. Sums over many steps lose
    /// less to rounding in this way.
    AccumulateAtEnd,
    /// One number for each column.
    ColumnBias(*const f32),
    /// One number for each row.
    RowBias(*const f32),
}

/// A column panel of C, and the products that it is the sum of.
#[derive(Clone, Copy)]
pub(crate) struct PanelProduct<'a> {
    pub rows: usize,
    /// Width of the panel in vectors, at most `TILE_VECTORS` of the instruction set.
    pub vectors: usize,
    pub terms: &'a [Term],
    pub c: *mut f32,
    pub c_row_stride: usize,
    pub init: Init,
}

/// Computes a panel.
///
/// # Safety
/// For this function and the others of this module:
/// - The CPU supports the instruction set `S`.
/// - A, B, C and the bias are valid for the sizes in `product`. C overlaps none of the others.
/// - No other thread writes these numbers, and none accesses the panel of C.
#[inline(always)]
pub(crate) unsafe fn panel_product<S: Simd>(product: &PanelProduct<'_>) {
    let depth: usize = product.terms.iter().map(|term| term.depth).sum();
    let at_end = matches!(product.init, Init::AccumulateAtEnd);
    if depth < 2 * GEMM_DEPTH_BLOCK || product.rows <= S::TILE_ROWS[0] || at_end {
        // SAFETY: the caller's guarantees, passed on.
        unsafe { unblocked::<S>(product) };
        return;
    }
    let mut init = product.init;
    for term in product.terms {
        let blocks = term.depth.div_ceil(GEMM_DEPTH_BLOCK);
        for i in 0..blocks {
            let first = term.depth * i / blocks;
            let terms = &[Term {
                a: term.a.wrapping_add(first * term.a_column_stride),
                b: term.b.wrapping_add(first * term.b_row_stride),
                depth: term.depth * (i + 1) / blocks - first,
                ..*term
            }];
            // SAFETY: the block is columns of the caller's A and rows of the caller's B.
            unsafe { unblocked::<S>(&PanelProduct { terms, init, ..*product }) };
            init = Init::Accumulate;
        }
    }
}

/// Computes a panel with the whole depth at once.
#[inline(always)]
unsafe fn unblocked<S: Simd>(product: &PanelProduct<'_>) {
    // SAFETY: the caller's guarantees, passed on.
    unsafe {
        match product.vectors {
            1 => tiles::<S, 1>(product),
            2 => tiles::<S, 2>(product),
            3 if S::TILE_VECTORS >= 3 => tiles::<S, 3>(product),
            4 if S::TILE_VECTORS >= 4 => tiles::<S, 4>(product),
            width => debug_assert_eq!(width, 0, "a panel wider than a tile"),
        }
    }
}

/// Divides the rows into as few tiles as possible, whose heights differ by one at most.
#[inline(always)]
unsafe fn tiles<S: Simd, const N: usize>(product: &PanelProduct<'_>) {
    let max_rows = S::TILE_ROWS[N - 1];
    let count = product.rows.div_ceil(max_rows);
    let mut row = 0;
    for i in 0..count {
        let end = product.rows * (i + 1) / count;
        // SAFETY: `end` is at most `rows`, so the tile lies inside the panel. The rest is the caller's guarantee.
        unsafe {
            match end - row {
                1 => micro_kernel::<S, 1, N>(product, row),
                2 => micro_kernel::<S, 2, N>(product, row),
                3 => micro_kernel::<S, 3, N>(product, row),
                4 => micro_kernel::<S, 4, N>(product, row),
                5 => micro_kernel::<S, 5, N>(product, row),
                6 => micro_kernel::<S, 6, N>(product, row),
                7 if max_rows >= 7 => micro_kernel::<S, 7, N>(product, row),
                8 if max_rows >= 8 => micro_kernel::<S, 8, N>(product, row),
                9 if max_rows >= 9 => micro_kernel::<S, 9, N>(product, row),
                10 if max_rows >= 10 => micro_kernel::<S, 10, N>(product, row),
                11 if max_rows >= 11 => micro_kernel::<S, 11, N>(product, row),
                12 if max_rows >= 12 => micro_kernel::<S, 12, N>(product, row),
                height => debug_assert_eq!(height, 0, "a tile that does not fit into the registers"),
            }
        }
        row = end;
    }
}

/// Computes a tile of `M` rows and `N` vectors, from row `row` on.
#[inline(always)]
unsafe fn micro_kernel<S: Simd, const M: usize, const N: usize>(product: &PanelProduct<'_>, row: usize) {
    // SAFETY: the caller guarantees that rows `row..row + M` exist, that the panel is `N` vectors wide, and that A, B,
    // C and the bias are valid for these sizes.
    unsafe {
        let c = product.c.add(row * product.c_row_stride);
        let mut sum = [[S::splat(0.0); N]; M];
        for (i, sums) in sum.iter_mut().enumerate() {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = match product.init {
                    Init::Zero | Init::AccumulateAtEnd => S::splat(0.0),
                    Init::Accumulate => S::load(c.add(i * product.c_row_stride + j * S::LANES)),
                    Init::ColumnBias(bias) => S::load(bias.add(j * S::LANES)),
                    Init::RowBias(bias) => S::splat(*bias.add(row + i)),
                };
            }
        }
        let tile = row / M; // the first N tiles prefetch what follows in B, each one cache line of every row
        for term in product.terms {
            let (mut a, mut b) = (term.a.add(row * term.a_row_stride), term.b);
            let ahead = if tile < N { term.depth * term.b_row_stride + tile * S::LANES } else { 0 };
            for _ in 0..term.depth {
                S::prefetch(b.wrapping_add(ahead));
                let mut right = [S::splat(0.0); N];
                for (j, right) in right.iter_mut().enumerate() {
                    *right = S::load(b.add(j * S::LANES));
                }
                for (i, sums) in sum.iter_mut().enumerate() {
                    let left = S::splat(*a.add(i * term.a_row_stride));
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = S::fma(left, right, *sum);
                    }
                }
                a = a.wrapping_add(term.a_column_stride);
                b = b.wrapping_add(term.b_row_stride);
            }
        }
        for (i, sums) in sum.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                let c = c.add(i * product.c_row_stride + j * S::LANES);
                let at_end = matches!(product.init, Init::AccumulateAtEnd);
                S::store(c, if at_end { S::add(S::load(c), *sum) } else { *sum });
            }
        }
    }
}
