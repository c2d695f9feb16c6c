//! The products in the feature-major layout: torch's weights, not packed, times a matrix of samples.

use std::ops::Range;

use super::{LayerPart, LayerProducts};
use crate::buffer_pool::Buffer;
use crate::config::CellKind;
use crate::error::Result;
use crate::kernels::gemm::{Init, PanelProduct, Term};
use crate::parameters::Parameters;
use crate::plan::Plan;
use crate::pointers::{MatrixPtr, SequencePtr};
use crate::shard::Shard;

pub(crate) struct FeatureMajor;

/// Copies of torch's weights, which are small in this layout.
pub(crate) struct Weights {
    input: Buffer,
    recurrent: Buffer,
    bias: Buffer,
}

impl LayerProducts for FeatureMajor {
    type ForwardWeights = Weights;
    type BackwardWeights = Weights;

    fn pack_forward(plan: &Plan, _layer: usize, parameters: &Parameters<'_>) -> Result<Weights> {
        Ok(Weights {
            input: Buffer::copy_of(parameters.weight_ih)?,
            recurrent: Buffer::copy_of(parameters.weight_hh)?,
            bias: parameters.gate_biases(&plan.config, plan.config.hidden_size)?,
        })
    }

    fn pack_backward(plan: &Plan, layer: usize, parameters: &Parameters<'_>) -> Result<Weights> {
        FeatureMajor::pack_forward(plan, layer, parameters)
    }

    unsafe fn project_input(
        _part: LayerPart<'_>,
        _weights: &Weights,
        _x: SequencePtr<'_>,
        _gates: SequencePtr<'_>,
        _steps: Range<usize>,
    ) {
        // `add_recurrent` adds both products while the pre-activations are in registers.
    }

    unsafe fn add_recurrent(
        part: LayerPart<'_>,
        weights: &Weights,
        x: MatrixPtr,
        h_prev: MatrixPtr,
        gates: MatrixPtr,
        _samples: usize,
    ) {
        let LayerPart { plan, layer, shard, .. } = part;
        let (cell, hidden, input) = (plan.config.cell, plan.config.hidden_size, plan.config.layer_input_size(layer));
        let term = |weight: &Buffer, gate: usize, depth: usize, b: MatrixPtr| Term {
            a: weight.at(gate * hidden * depth),
            a_row_stride: depth,
            a_column_stride: 1,
            b: b.ptr,
            b_row_stride: b.row_stride,
            depth,
        };
        let from_x = |gate| term(&weights.input, gate, input, x);
        let from_h = |gate| term(&weights.recurrent, gate, hidden, h_prev);
        let product = |block: usize, blocks: usize, terms: &[Term]| {
            let init = Init::RowBias(weights.bias.at(block * hidden));
            // SAFETY: the caller's guarantees. The gate blocks are rows of `gates`, one after the other.
            unsafe { multiply(plan, blocks * hidden, terms, gates.skip_rows(block * hidden), init, shard) };
        };
        if cell == CellKind::Gru {
            product(0, 2, &[from_x(0), from_h(0)]);
            product(2, 1, &[from_x(2)]);
            product(3, 1, &[from_h(2)]);
        } else {
            product(0, cell.gates(), &[from_x(0), from_h(0)]);
        }
    }

    unsafe fn hidden_gradient(
        part: LayerPart<'_>,
        weights: &Weights,
        d_gates: MatrixPtr,
        d_h: MatrixPtr,
        _samples: usize,
    ) {
        let LayerPart { plan, shard, .. } = part;
        let (cell, hidden) = (plan.config.cell, plan.config.hidden_size);
        let term = |gate: usize, gates: usize| Term {
            a: weights.recurrent.at(gate * hidden * hidden),
            a_row_stride: 1,
            a_column_stride: hidden,
            b: d_gates.skip_rows(cell.recurrent_block(gate) * hidden).ptr,
            b_row_stride: d_gates.row_stride,
            depth: gates * hidden,
        };
        let product = |terms: &[Term]| {
            // SAFETY: the caller's guarantees.
            unsafe { multiply(plan, hidden, terms, d_h, Init::Accumulate, shard) };
        };
        match cell {
            CellKind::Gru => product(&[term(0, 2), term(2, 1)]),
            _ => product(&[term(0, cell.gates())]),
        }
    }

    unsafe fn input_gradient(
        part: LayerPart<'_>,
        weights: &Weights,
        d_gates: SequencePtr<'_>,
        d_x: SequencePtr<'_>,
        steps: Range<usize>,
        accumulate: bool,
        (share, shares): (usize, usize),
    ) {
        let LayerPart { plan, layer, shard, .. } = part;
        let input = plan.config.layer_input_size(layer);
        let init = if accumulate { Init::Accumulate } else { Init::Zero };
        let steps = steps.len();
        for step in steps * share / shares..steps * (share + 1) / shares {
            let d_gates = d_gates.step(step);
            let term = Term {
                a: weights.input.ptr(),
                a_row_stride: 1,
                a_column_stride: input,
                b: d_gates.ptr,
                b_row_stride: d_gates.row_stride,
                depth: plan.config.cell.gates() * plan.config.hidden_size,
            };
            // SAFETY: the caller's guarantees.
            unsafe { multiply(plan, input, &[term], d_x.step(step), init, shard) };
        }
    }
}

/// Computes `rows` rows of C, as wide as the shard.
///
/// # Safety
/// The terms, C and the bias are valid for these sizes. No other thread accesses these rows of C, and none writes the
/// rest.
unsafe fn multiply(plan: &Plan, rows: usize, terms: &[Term], c: MatrixPtr, init: Init, shard: &Shard) {
    let vectors = shard.padded / plan.kernels.lanes;
    let product = PanelProduct { rows, vectors, terms, b_panel_stride: 0, c: c.ptr, c_row_stride: c.row_stride, init };
    // SAFETY: the CPU supports the instruction set, because the plan has its kernels. The rest is the caller's
    // guarantee.
    unsafe { (plan.kernels.panel_product)(&product) }
}
