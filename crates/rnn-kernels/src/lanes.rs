//! Products in the arrangement Lanes: the weights, as torch keeps them, times a block of samples.

use std::ops::Range;

use crate::arrange::{Arrange, Place};
use crate::buffer::Buffer;
use crate::cells::Block;
use crate::config::Cell;
use crate::error::Result;
use crate::gemm::{Panel, Start, Term};
use crate::layout::{Layout, Seq, Shard};
use crate::parameters::Parameters;

pub(crate) struct Lanes;

/// Copies of torch's weights: they are small here.
pub(crate) struct Weights {
    input: Buffer,
    hidden: Buffer,
    bias: Buffer,
}

impl Arrange for Lanes {
    type Forward = Weights;
    type Backward = Weights;

    fn forward_weights(layout: &Layout, layer: usize) -> Result<Weights> {
        let (cell, hidden) = (layout.config.cell, layout.config.hidden_size);
        Ok(Weights {
            input: Buffer::new(cell.gates() * hidden * layout.config.layer_input(layer))?,
            hidden: Buffer::new(cell.gates() * hidden * hidden)?,
            bias: Buffer::new(cell.blocks() * hidden)?,
        })
    }

    fn backward_weights(layout: &Layout, layer: usize) -> Result<Weights> {
        Lanes::forward_weights(layout, layer)
    }

    fn fill_forward(layout: &Layout, _layer: usize, weights: &Weights, parameters: &Parameters<'_>) {
        for (to, from) in [(&weights.input, parameters.weight_ih), (&weights.hidden, parameters.weight_hh)] {
            // SAFETY: the lengths were checked, and this thread alone fills the buffer.
            unsafe { to.at(0).copy_from_nonoverlapping(from.as_ptr(), from.len()) };
        }
        parameters.fill_bias(layout, layout.config.hidden_size, &weights.bias);
    }

    fn fill_backward(layout: &Layout, layer: usize, weights: &Weights, parameters: &Parameters<'_>) {
        Lanes::fill_forward(layout, layer, weights, parameters);
    }

    unsafe fn project(
        _place: Place<'_>,
        _weights: &Weights,
        _x: Seq,
        _steps: Range<usize>,
        _gates: Seq,
        _panels: Range<usize>,
    ) {
        // add_hidden adds both products while the gates are in registers.
    }

    unsafe fn add_hidden(
        place: Place<'_>,
        weights: &Weights,
        x: Block,
        h_prev: Block,
        gates: Block,
        _panels: Range<usize>,
    ) {
        let Place { layout, layer, shard } = place;
        let (cell, hidden, input) = (layout.config.cell, layout.config.hidden_size, layout.config.layer_input(layer));
        let from_x = |gate: usize| Term {
            a: weights.input.at(gate * hidden * input),
            a_row: input,
            a_col: 1,
            b: x.at,
            b_row: x.row,
            depth: input,
        };
        let from_h = |gate: usize| Term {
            a: weights.hidden.at(gate * hidden * hidden),
            a_row: hidden,
            a_col: 1,
            b: h_prev.at,
            b_row: h_prev.row,
            depth: hidden,
        };
        let product = |block: usize, blocks: usize, terms: &[Term]| {
            let c = Block { at: gates.at.wrapping_add(block * layout.group(hidden, shard)), row: gates.row };
            // SAFETY: the caller's promise.
            unsafe { multiply(layout, blocks * hidden, terms, c, Start::Rows(weights.bias.at(block * hidden)), shard) };
        };
        if cell == Cell::Gru {
            product(0, 2, &[from_x(0), from_h(0)]);
            product(2, 1, &[from_x(2)]);
            product(3, 1, &[from_h(2)]);
        } else {
            product(0, cell.gates(), &[from_x(0), from_h(0)]);
        }
    }

    unsafe fn hidden_gradient(place: Place<'_>, weights: &Weights, d_gates: Block, d_h: Block, _panels: Range<usize>) {
        let Place { layout, shard, .. } = place;
        let (cell, hidden) = (layout.config.cell, layout.config.hidden_size);
        let term = |gate: usize, gates: usize| Term {
            a: weights.hidden.at(gate * hidden * hidden),
            a_row: 1,
            a_col: hidden,
            b: d_gates.at.wrapping_add(cell.hidden_block(gate) * layout.group(hidden, shard)),
            b_row: d_gates.row,
            depth: gates * hidden,
        };
        let product = |terms: &[Term]| {
            // SAFETY: the caller's promise.
            unsafe { multiply(layout, hidden, terms, d_h, Start::Present, shard) };
        };
        match cell {
            Cell::Gru => product(&[term(0, 2), term(2, 1)]),
            _ => product(&[term(0, cell.gates())]),
        }
    }

    unsafe fn input_gradient(
        place: Place<'_>,
        weights: &Weights,
        d_gates: Seq,
        d_x: Seq,
        steps: usize,
        add: bool,
        (part, parts): (usize, usize),
    ) {
        let Place { layout, layer, shard } = place;
        let (hidden, input) = (layout.config.hidden_size, layout.config.layer_input(layer));
        let start = if add { Start::Present } else { Start::Zero };
        for step in steps * part / parts..steps * (part + 1) / parts {
            let term = Term {
                a: weights.input.at(0),
                a_row: 1,
                a_col: input,
                b: d_gates.block(step).at,
                b_row: d_gates.row,
                depth: layout.config.cell.gates() * hidden,
            };
            // SAFETY: the caller's promise.
            unsafe { multiply(layout, input, &[term], d_x.block(step), start, shard) };
        }
    }
}

/// `c = start + terms`, as wide as the block of samples.
///
/// # Safety
/// The pointers reach as far as the sizes say.
unsafe fn multiply(layout: &Layout, rows: usize, terms: &[Term], c: Block, start: Start, shard: &Shard) {
    let vectors = shard.width / layout.kernels.lanes;
    let panel = Panel { rows, vectors, terms, c: c.at, c_row: c.row, start };
    // SAFETY: the CPU has the instruction set, or there would be no layout with its kernels; the rest is the caller's promise.
    unsafe { (layout.kernels.gemm)(&panel) }
}
