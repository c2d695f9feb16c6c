//! Matrix products with register blocking, one column panel of the result at a time.
//!
//! `C = initial value + A_1 B_1 + A_2 B_2 + ..`, where C and every B are cut into panels that are a few vectors wide.
//! The micro-kernel keeps a tile of C in registers and adds all products to it. So each number of C is one chain of
//! multiply-adds in the order of the terms. Its bits do not depend on the tile that it is in, and therefore neither on
//! the batch size nor on the number of threads.

use super::simd::Simd;
use crate::pointers::blocks;
use crate::tuning::GEMM_DEPTH_BLOCK;

/// One product `A B` of the sum. A has `depth` columns, B has `depth` rows and as many columns as C.
#[derive(Clone, Copy)]
pub(crate) struct Term {
    pub a: *const f32,
    pub a_row_stride: usize,
    pub a_column_stride: usize,
    /// The first panel of B.
    pub b: *const f32,
    /// The columns of a panel of B are contiguous.
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

/// Adjacent column panels of C, and the products that they are the sum of.
#[derive(Clone, Copy)]
pub(crate) struct PanelProduct<'a> {
    pub rows: usize,
    /// Width of one panel in vectors, at most `TILE_VECTORS` of the instruction set; or of several panels, each of
    /// `TILE_VECTORS`; the last one may be narrower.
    pub vectors: usize,
    pub terms: &'a [Term],
    /// From a panel of B to the next, in every term.
    pub b_panel_stride: usize,
    pub c: *mut f32,
    pub c_row_stride: usize,
    pub init: Init,
}

/// Computes the panels.
///
/// # Safety
/// For this function and the others of this module:
/// - The CPU supports the instruction set `S`.
/// - A, B, C and the bias are valid for the sizes in `product`. C overlaps none of the others.
/// - No other thread writes these numbers, and none accesses the panels of C.
#[inline(always)]
pub(crate) unsafe fn panel_product<S: Simd>(product: &PanelProduct<'_>) {
    const { assert!(matches!(S::TILE_VECTORS, 2 | 4), "row_kernel exists for these widths") };
    let mut panel = 0;
    // SAFETY: the caller's guarantees, passed on. The panels exist.
    unsafe {
        if product.rows == 1 {
            while (panel * S::TILE_VECTORS) + ROW_VECTORS <= product.vectors {
                panel += if S::TILE_VECTORS == 4 {
                    row_kernel::<S, 2, 4>(product, panel)
                } else {
                    row_kernel::<S, 4, 2>(product, panel)
                };
            }
        }
        while panel * S::TILE_VECTORS < product.vectors {
            let (first, width) = (panel * S::TILE_VECTORS, panel * S::TILE_VECTORS * S::LANES);
            let init = match product.init {
                Init::ColumnBias(bias) => Init::ColumnBias(bias.wrapping_add(width)),
                init => init,
            };
            let vectors = (product.vectors - first).min(S::TILE_VECTORS);
            let one = PanelProduct { vectors, c: product.c.wrapping_add(width), init, ..*product };
            one_panel::<S>(&one, panel * product.b_panel_stride);
            panel += 1;
        }
    }
}

/// Vectors of a row that [`row_kernel`] computes together: multiply-adds take 4 cycles, and a core starts 2 per cycle.
const ROW_VECTORS: usize = 8;

/// Computes `P` panels of `N` vectors of a product with one row, from panel `panel` on. Returns `P`. The micro-kernel has
/// too few independent sums in a single row: there the latency of the multiply-adds limits the speed.
#[inline(always)]
unsafe fn row_kernel<S: Simd, const P: usize, const N: usize>(product: &PanelProduct<'_>, panel: usize) -> usize {
    let column = |i: usize, j: usize| ((panel + i) * N + j) * S::LANES;
    // SAFETY: the caller guarantees that these panels exist, and that A, B, C and the bias are valid for them.
    unsafe {
        let mut sum = [[S::splat(0.0); N]; P];
        for (i, sums) in sum.iter_mut().enumerate() {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = match product.init {
                    Init::Zero | Init::AccumulateAtEnd => S::splat(0.0),
                    Init::Accumulate => S::load(product.c.add(column(i, j))),
                    Init::ColumnBias(bias) => S::load(bias.add(column(i, j))),
                    Init::RowBias(bias) => S::splat(*bias),
                };
            }
        }
        for term in product.terms {
            let (mut a, mut b) = (term.a, term.b.wrapping_add(panel * product.b_panel_stride));
            for _ in 0..term.depth {
                let left = S::splat(*a);
                for (i, sums) in sum.iter_mut().enumerate() {
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = S::fma(left, S::load(b.add(i * product.b_panel_stride + j * S::LANES)), *sum);
                    }
                }
                a = a.wrapping_add(term.a_column_stride);
                b = b.wrapping_add(term.b_row_stride);
            }
        }
        for (i, sums) in sum.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                let c = product.c.add(column(i, j));
                let at_end = matches!(product.init, Init::AccumulateAtEnd);
                S::store(c, if at_end { S::add(S::load(c), *sum) } else { *sum });
            }
        }
    }
    P
}

/// Computes one panel, whose part of every B starts at `b_offset`.
#[inline(always)]
unsafe fn one_panel<S: Simd>(product: &PanelProduct<'_>, b_offset: usize) {
    let depth: usize = product.terms.iter().map(|term| term.depth).sum();
    let at_end = matches!(product.init, Init::AccumulateAtEnd);
    if depth < 2 * GEMM_DEPTH_BLOCK || product.rows <= S::TILE_ROWS[0] || at_end {
        // SAFETY: the caller's guarantees, passed on.
        unsafe { unblocked::<S>(product, b_offset) };
        return;
    }
    let mut init = product.init;
    for term in product.terms {
        for block in blocks(term.depth, GEMM_DEPTH_BLOCK) {
            let terms = &[Term {
                a: term.a.wrapping_add(block.start * term.a_column_stride),
                b: term.b.wrapping_add(block.start * term.b_row_stride),
                depth: block.len(),
                ..*term
            }];
            // SAFETY: the block is columns of the caller's A and rows of the caller's B.
            unsafe { unblocked::<S>(&PanelProduct { terms, init, ..*product }, b_offset) };
            init = Init::Accumulate;
        }
    }
}

/// Computes a panel with the whole depth at once.
#[inline(always)]
unsafe fn unblocked<S: Simd>(product: &PanelProduct<'_>, b_offset: usize) {
    // SAFETY: the caller's guarantees, passed on.
    unsafe {
        match product.vectors {
            1 => tiles::<S, 1>(product, b_offset),
            2 => tiles::<S, 2>(product, b_offset),
            3 if S::TILE_VECTORS >= 3 => tiles::<S, 3>(product, b_offset),
            4 if S::TILE_VECTORS >= 4 => tiles::<S, 4>(product, b_offset),
            width => debug_assert_eq!(width, 0, "a panel wider than a tile"),
        }
    }
}

/// Divides the rows into as few tiles as possible, whose heights differ by one at most.
#[inline(always)]
unsafe fn tiles<S: Simd, const N: usize>(product: &PanelProduct<'_>, b_offset: usize) {
    let max_rows = S::TILE_ROWS[N - 1];
    let count = product.rows.div_ceil(max_rows);
    let mut row = 0;
    for i in 0..count {
        let end = product.rows * (i + 1) / count;
        // SAFETY: `end` is at most `rows`, so the tile lies inside the panel. The rest is the caller's guarantee.
        unsafe {
            match end - row {
                1 => micro_kernel::<S, 1, N>(product, b_offset, row),
                2 => micro_kernel::<S, 2, N>(product, b_offset, row),
                3 => micro_kernel::<S, 3, N>(product, b_offset, row),
                4 => micro_kernel::<S, 4, N>(product, b_offset, row),
                5 => micro_kernel::<S, 5, N>(product, b_offset, row),
                6 => micro_kernel::<S, 6, N>(product, b_offset, row),
                7 if max_rows >= 7 => micro_kernel::<S, 7, N>(product, b_offset, row),
                8 if max_rows >= 8 => micro_kernel::<S, 8, N>(product, b_offset, row),
                9 if max_rows >= 9 => micro_kernel::<S, 9, N>(product, b_offset, row),
                10 if max_rows >= 10 => micro_kernel::<S, 10, N>(product, b_offset, row),
                11 if max_rows >= 11 => micro_kernel::<S, 11, N>(product, b_offset, row),
                12 if max_rows >= 12 => micro_kernel::<S, 12, N>(product, b_offset, row),
                height => debug_assert_eq!(height, 0, "a tile that does not fit into the registers"),
            }
        }
        row = end;
    }
}

/// Computes a tile of `M` rows and `N` vectors, from row `row` on.
#[inline(always)]
unsafe fn micro_kernel<S: Simd, const M: usize, const N: usize>(
    product: &PanelProduct<'_>,
    b_offset: usize,
    row: usize,
) {
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
            let (mut a, mut b) = (term.a.add(row * term.a_row_stride), term.b.add(b_offset));
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
