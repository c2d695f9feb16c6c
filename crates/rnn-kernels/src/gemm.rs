//! Matrix products, one panel at a time.
//!
//! `C = start + A_1 B_1 + A_2 B_2 + ..`, where C is as wide as a few vectors, and so is every B. A tile of C stays in
//! registers while the products run through it, so each number of C is one chain of multiply-adds in the order of the
//! terms: the same bits whatever tile it falls in, hence whatever the batch and the number of threads.

use crate::simd::Simd;

/// One product `A B` of a sum: A is m x `depth`, B is `depth` x the panel's width.
#[derive(Clone, Copy)]
pub(crate) struct Term {
    pub a: *const f32,
    /// From a row of A to the next.
    pub a_row: usize,
    /// From a column of A to the next.
    pub a_col: usize,
    pub b: *const f32,
    /// From a row of B to the next; columns lie side by side.
    pub b_row: usize,
    pub depth: usize,
}

/// What C holds before the products are added.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    Zero,
    /// What is there: the chain of multiply-adds goes on from it.
    Present,
    /// What is there, but the chain starts from zero and is added at its end: a long sum in blocks loses less to rounding.
    Apart,
    /// One number for each column.
    Columns(*const f32),
    /// One number for each row.
    Rows(*const f32),
}

/// A panel of C and the products that make it.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    pub rows: usize,
    /// Width in vectors, at most the instruction set's `TILE_VECTORS`.
    pub vectors: usize,
    pub terms: &'a [Term],
    pub c: *mut f32,
    pub c_row: usize,
    pub start: Start,
}

/// Rows of B that stay in the first-level cache while the rows of A pass by.
const DEPTH: usize = 128;

/// Computes a panel.
///
/// # Safety
/// The CPU has the instruction set `S`; all pointers reach as far as the sizes say; C overlaps no A and no B.
#[inline(always)]
pub(crate) unsafe fn panel<S: Simd>(panel: &Panel<'_>) {
    let depth: usize = panel.terms.iter().map(|term| term.depth).sum();
    let apart = matches!(panel.start, Start::Apart);
    if depth < 2 * DEPTH || panel.rows <= S::TILE_ROWS[0] || apart {
        // SAFETY: the caller's promise, here and below.
        unsafe { across::<S>(panel) };
        return;
    }
    let mut start = panel.start;
    for term in panel.terms {
        let pieces = term.depth.div_ceil(DEPTH);
        for i in 0..pieces {
            let first = term.depth * i / pieces;
            let terms = &[Term {
                a: term.a.wrapping_add(first * term.a_col),
                b: term.b.wrapping_add(first * term.b_row),
                depth: term.depth * (i + 1) / pieces - first,
                ..*term
            }];
            // SAFETY: as above; the terms are parts of the caller's.
            unsafe { across::<S>(&Panel { terms, start, ..*panel }) };
            start = Start::Present;
        }
    }
}

/// Computes a panel without cutting its terms.
#[inline(always)]
unsafe fn across<S: Simd>(panel: &Panel<'_>) {
    // SAFETY: the promise to `panel`.
    unsafe {
        match panel.vectors {
            1 => tiles::<S, 1>(panel),
            2 => tiles::<S, 2>(panel),
            3 if S::TILE_VECTORS >= 3 => tiles::<S, 3>(panel),
            4 if S::TILE_VECTORS >= 4 => tiles::<S, 4>(panel),
            width => debug_assert_eq!(width, 0, "a panel wider than a tile"),
        }
    }
}

/// Cuts the rows into the smallest number of tiles, of sizes that differ by one at most.
#[inline(always)]
unsafe fn tiles<S: Simd, const N: usize>(panel: &Panel<'_>) {
    let most = S::TILE_ROWS[N - 1];
    let count = panel.rows.div_ceil(most);
    let mut row = 0;
    for i in 0..count {
        let end = panel.rows * (i + 1) / count;
        // SAFETY: the rows exist, and the promise to `panel`.
        unsafe {
            match end - row {
                1 => tile::<S, 1, N>(panel, row),
                2 => tile::<S, 2, N>(panel, row),
                3 => tile::<S, 3, N>(panel, row),
                4 => tile::<S, 4, N>(panel, row),
                5 => tile::<S, 5, N>(panel, row),
                6 => tile::<S, 6, N>(panel, row),
                7 if most >= 7 => tile::<S, 7, N>(panel, row),
                8 if most >= 8 => tile::<S, 8, N>(panel, row),
                9 if most >= 9 => tile::<S, 9, N>(panel, row),
                10 if most >= 10 => tile::<S, 10, N>(panel, row),
                11 if most >= 11 => tile::<S, 11, N>(panel, row),
                12 if most >= 12 => tile::<S, 12, N>(panel, row),
                height => debug_assert_eq!(height, 0, "a tile taller than there are registers"),
            }
        }
        row = end;
    }
}

/// `M` rows of `N` vectors.
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const N: usize>(panel: &Panel<'_>, row: usize) {
    // SAFETY: the promise to `panel`; rows `row..row + M` exist.
    unsafe {
        let c = panel.c.add(row * panel.c_row);
        let mut sum = [[S::splat(0.0); N]; M];
        for (i, sums) in sum.iter_mut().enumerate() {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = match panel.start {
                    Start::Zero | Start::Apart => S::splat(0.0),
                    Start::Present => S::load(c.add(i * panel.c_row + j * S::LANES)),
                    Start::Columns(columns) => S::load(columns.add(j * S::LANES)),
                    Start::Rows(rows) => S::splat(*rows.add(row + i)),
                };
            }
        }
        let tile = row / M; // the first tiles ask, each for a line of every row, for what comes next in B
        for term in panel.terms {
            let (mut a, mut b) = (term.a.add(row * term.a_row), term.b);
            let ahead = if tile < N { term.depth * term.b_row + tile * S::LANES } else { 0 };
            for _ in 0..term.depth {
                S::prefetch(b.wrapping_add(ahead));
                let mut right = [S::splat(0.0); N];
                for (j, right) in right.iter_mut().enumerate() {
                    *right = S::load(b.add(j * S::LANES));
                }
                for (i, sums) in sum.iter_mut().enumerate() {
                    let left = S::splat(*a.add(i * term.a_row));
                    for (sum, right) in sums.iter_mut().zip(right) {
                        *sum = S::fma(left, right, *sum);
                    }
                }
                a = a.wrapping_add(term.a_col);
                b = b.wrapping_add(term.b_row);
            }
        }
        for (i, sums) in sum.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                let c = c.add(i * panel.c_row + j * S::LANES);
                let sum = if matches!(panel.start, Start::Apart) { S::add(S::load(c), *sum) } else { *sum };
                S::store(c, sum);
            }
        }
    }
}
