//! Products in the arrangement Rows: rows of h times packed weights.

use std::ops::Range;

use crate::arrange::{Arrange, Place};
use crate::buffer::Buffer;
use crate::cells::Block;
use crate::error::Result;
use crate::gemm::{Panel, Start, Term};
use crate::layout::{Features, Layout, Seq, Shard};
use crate::parameters::Parameters;

/// Rows that pass through all panels before the next rows do: what the second-level cache holds.
const ROW_BLOCK: usize = 128;

/// A matrix cut into panels of columns: groups of columns, each padded to whole vectors and cut into panels as wide as a
/// tile. The rows of a panel lie one behind the other.
pub(crate) struct Panels {
    buffer: Buffer,
    depth: usize,
    columns: Features,
    padded: usize,
    widest: usize,
}

impl Panels {
    fn new(layout: &Layout, depth: usize, columns: Features) -> Result<Panels> {
        let padded = layout.pad(columns.size);
        let buffer = Buffer::new(depth * columns.groups * padded)?;
        Ok(Panels { buffer, depth, columns, padded, widest: layout.kernels.panel })
    }

    /// Panels in a group.
    fn per_group(&self) -> usize {
        self.padded.div_ceil(self.widest)
    }

    /// The columns of a panel, within its group.
    fn span(&self, panel: usize) -> Range<usize> {
        let start = panel * self.widest;
        start..(start + self.widest).min(self.padded)
    }

    /// Row `row` of a panel.
    fn at(&self, group: usize, panel: usize, row: usize) -> *mut f32 {
        let span = self.span(panel);
        self.buffer.at((group * self.padded + span.start) * self.depth + row * span.len())
    }

    /// Fills all panels from a matrix: the number in `row` and `column` of a group is `row * by_row + column * by_column`
    /// numbers behind the group's first.
    fn fill(&self, matrix: &[f32], group_start: impl Fn(usize) -> usize, by_row: usize, by_column: usize) {
        const BLOCK: usize = 16; // columns at a time, so that the lines they come from stay in the cache
        let size = self.columns.size;
        for (group, panel) in (0..self.columns.groups).flat_map(|g| (0..self.per_group()).map(move |p| (g, p))) {
            let (span, start) = (self.span(panel), group_start(group));
            debug_assert!(start + (self.depth - 1) * by_row + (size - 1) * by_column < matrix.len());
            for first in span.clone().step_by(BLOCK) {
                let columns = first..(first + BLOCK).min(span.end);
                for row in 0..self.depth {
                    for column in columns.clone() {
                        // SAFETY: the panel has `depth` rows of `span` numbers, and this thread alone fills it; the matrix
                        // has a number for each row and for each column below `size`.
                        unsafe {
                            *self.at(group, panel, row).add(column - span.start) = if column < size {
                                *matrix.get_unchecked(start + row * by_row + column * by_column)
                            } else {
                                0.0
                            };
                        }
                    }
                }
            }
        }
    }
}

pub(crate) struct Rows;

pub(crate) struct ForwardWeights {
    /// W_ih transposed; a group of columns for each gate.
    input: Panels,
    /// W_hh transposed; a group of columns for each gate.
    hidden: Panels,
    bias: Buffer,
}

pub(crate) struct BackwardWeights {
    /// W_ih; a group of columns for each group of the layer's input.
    input: Panels,
    /// W_hh.
    hidden: Panels,
}

impl Arrange for Rows {
    type Forward = ForwardWeights;
    type Backward = BackwardWeights;

    fn forward_weights(layout: &Layout, layer: usize) -> Result<ForwardWeights> {
        let config = layout.config;
        let gates = Features::new(config.cell.gates(), config.hidden_size);
        Ok(ForwardWeights {
            input: Panels::new(layout, config.layer_input(layer), gates)?,
            hidden: Panels::new(layout, config.hidden_size, gates)?,
            bias: Buffer::new(config.cell.blocks() * layout.pad(config.hidden_size))?,
        })
    }

    fn backward_weights(layout: &Layout, layer: usize) -> Result<BackwardWeights> {
        let stacked = layout.config.cell.gates() * layout.config.hidden_size;
        Ok(BackwardWeights {
            input: Panels::new(layout, stacked, layout.input(layer))?,
            hidden: Panels::new(layout, stacked, layout.state())?,
        })
    }

    fn fill_forward(layout: &Layout, layer: usize, weights: &ForwardWeights, parameters: &Parameters<'_>) {
        let (hidden, input) = (layout.config.hidden_size, layout.config.layer_input(layer));
        weights.input.fill(parameters.weight_ih, |gate| gate * hidden * input, 1, input);
        weights.hidden.fill(parameters.weight_hh, |gate| gate * hidden * hidden, 1, hidden);
        parameters.fill_bias(layout, layout.pad(hidden), &weights.bias);
    }

    fn fill_backward(layout: &Layout, layer: usize, weights: &BackwardWeights, parameters: &Parameters<'_>) {
        let (hidden, input) = (layout.config.hidden_size, layout.input(layer));
        weights.input.fill(parameters.weight_ih, |group| group * input.size, input.count(), 1);
        weights.hidden.fill(parameters.weight_hh, |_| 0, hidden, 1);
    }

    unsafe fn project(
        place: Place<'_>,
        weights: &ForwardWeights,
        x: Seq,
        steps: Range<usize>,
        gates: Seq,
        panels: Range<usize>,
    ) {
        let Place { layout, layer, shard } = place;
        let (input, padded) = (layout.input(layer), layout.pad(layout.input(layer).size));
        let gate = padded_hidden(layout);
        for (x, gates, rows) in row_blocks(layout, x.offset(steps.start * x.step), gates, steps.len(), shard) {
            for_panels(&weights.input, panels.clone(), |group, panel, span| {
                let term = |i: usize| Term {
                    a: x.at.wrapping_add(i * padded),
                    a_row: x.row,
                    a_col: 1,
                    b: weights.input.at(group, panel, i * input.size),
                    b_row: span.len(),
                    depth: input.size,
                };
                let terms: [Term; 2] = [term(0), term(input.groups - 1)];
                let start = Start::Columns(weights.bias.at(group * gate + span.start));
                let c = gates.at.wrapping_add(group * gate + span.start);
                // SAFETY: the caller's promise.
                unsafe { multiply(layout, rows, &terms[..input.groups], c, gates.row, span.len(), start) };
            });
        }
    }

    unsafe fn add_hidden(
        place: Place<'_>,
        weights: &ForwardWeights,
        _x: Block,
        h_prev: Block,
        gates: Block,
        panels: Range<usize>,
    ) {
        let Place { layout, shard, .. } = place;
        let gate = padded_hidden(layout);
        for_panels(&weights.hidden, panels, |group, panel, span| {
            let block = layout.config.cell.hidden_block(group);
            let start = if block == group {
                Start::Present
            } else {
                Start::Columns(weights.bias.at(block * gate + span.start))
            };
            let term = Term {
                a: h_prev.at,
                a_row: h_prev.row,
                a_col: 1,
                b: weights.hidden.at(group, panel, 0),
                b_row: span.len(),
                depth: layout.config.hidden_size,
            };
            let c = gates.at.wrapping_add(block * gate + span.start);
            // SAFETY: the caller's promise.
            unsafe { multiply(layout, shard.count, &[term], c, gates.row, span.len(), start) };
        });
    }

    unsafe fn hidden_gradient(
        place: Place<'_>,
        weights: &BackwardWeights,
        d_gates: Block,
        d_h: Block,
        panels: Range<usize>,
    ) {
        let Place { layout, shard, .. } = place;
        let cell = layout.config.cell;
        for_panels(&weights.hidden, panels, |group, panel, span| {
            let terms = gate_terms(layout, &weights.hidden, (group, panel), d_gates, |g| cell.hidden_block(g));
            let c = d_h.at.wrapping_add(span.start);
            // SAFETY: the caller's promise.
            unsafe { multiply(layout, shard.count, &terms[..cell.gates()], c, d_h.row, span.len(), Start::Present) };
        });
    }

    unsafe fn input_gradient(
        place: Place<'_>,
        weights: &BackwardWeights,
        d_gates: Seq,
        d_x: Seq,
        steps: usize,
        add: bool,
        (part, parts): (usize, usize),
    ) {
        let Place { layout, layer, shard } = place;
        let padded = layout.pad(layout.input(layer).size);
        let start = if add { Start::Present } else { Start::Zero };
        let count = weights.input.per_group();
        let panels = count * part / parts..count * (part + 1) / parts;
        for (d_gates, d_x, rows) in row_blocks(layout, d_gates, d_x, steps, shard) {
            for_panels(&weights.input, panels.clone(), |group, panel, span| {
                let terms = gate_terms(layout, &weights.input, (group, panel), d_gates, |g| g);
                let c = d_x.at.wrapping_add(group * padded + span.start);
                let terms = &terms[..layout.config.cell.gates()];
                // SAFETY: the caller's promise.
                unsafe { multiply(layout, rows, terms, c, d_x.row, span.len(), start) };
            });
        }
    }
}

/// From a block of gates to the next.
fn padded_hidden(layout: &Layout) -> usize {
    layout.pad(layout.config.hidden_size)
}

/// Visits the given panels of every group.
fn for_panels(matrix: &Panels, panels: Range<usize>, mut visit: impl FnMut(usize, usize, Range<usize>)) {
    for group in 0..matrix.columns.groups {
        for panel in panels.clone() {
            visit(group, panel, matrix.span(panel));
        }
    }
}

/// The product of a panel with the gates, a term for each.
fn gate_terms(
    layout: &Layout,
    matrix: &Panels,
    (group, panel): (usize, usize),
    d_gates: Block,
    block_of: impl Fn(usize) -> usize,
) -> [Term; 4] {
    let hidden = layout.config.hidden_size;
    let gates = layout.config.cell.gates();
    let gate = padded_hidden(layout);
    std::array::from_fn(|g| {
        let g = g.min(gates - 1);
        Term {
            a: d_gates.at.wrapping_add(block_of(g) * gate),
            a_row: d_gates.row,
            a_col: 1,
            b: matrix.at(group, panel, g * hidden),
            b_row: matrix.span(panel).len(),
            depth: hidden,
        }
    })
}

/// Cuts the rows of two sequences into blocks. A shard that is the whole batch has its rows one behind the other, step
/// upon step; of another, a block lies within a step.
fn row_blocks(
    layout: &Layout,
    a: Seq,
    c: Seq,
    steps: usize,
    shard: &Shard,
) -> impl Iterator<Item = (Block, Block, usize)> {
    let whole = shard.count == layout.batch;
    let (outer, rows) = if whole { (1, steps * shard.count) } else { (steps, shard.count) };
    let blocks = rows.div_ceil(ROW_BLOCK);
    (0..outer).flat_map(move |step| {
        (0..blocks).map(move |i| {
            let (first, end) = (rows * i / blocks, rows * (i + 1) / blocks);
            let from = |seq: Seq| Block { at: seq.block(step).at.wrapping_add(first * seq.row), row: seq.row };
            (from(a), from(c), end - first)
        })
    })
}

/// One panel.
///
/// # Safety
/// The pointers reach as far as the sizes say.
unsafe fn multiply(
    layout: &Layout,
    rows: usize,
    terms: &[Term],
    c: *mut f32,
    c_row: usize,
    width: usize,
    start: Start,
) {
    let vectors = width / layout.kernels.lanes;
    // SAFETY: the CPU has the instruction set, or there would be no layout with its kernels; the rest is the caller's promise.
    unsafe { (layout.kernels.gemm)(&Panel { rows, vectors, terms, c, c_row, start }) }
}
