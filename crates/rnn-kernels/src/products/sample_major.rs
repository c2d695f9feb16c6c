//! The products in the sample-major layout: rows of samples times packed weights.

use std::ops::Range;

use super::packed_matrix::{PackedMatrix, PackedPanels, Strides};
use super::{LayerPart, LayerProducts};
use crate::buffer_pool::Buffer;
use crate::error::Result;
use crate::kernels::gemm::{Init, PanelProduct, Term};
use crate::parameters::Parameters;
use crate::plan::{Features, Panels, Plan};
use crate::pointers::{MatrixPtr, RowPair, SequencePtr};
use crate::shard::Shard;
use crate::tuning::ROW_BLOCK;

pub(crate) struct SampleMajor;

pub(crate) struct ForwardWeights {
    /// W_ih transposed, with a group of columns for each gate.
    input: PackedMatrix,
    /// W_hh transposed, with a group of columns for each gate.
    recurrent: PackedMatrix,
    bias: Buffer,
    /// W_hr transposed.
    projection: Option<PackedMatrix>,
}

pub(crate) struct BackwardWeights {
    /// W_ih, with a group of columns for each group of the layer's input.
    input: PackedMatrix,
    /// W_hh.
    recurrent: PackedMatrix,
    /// W_hr.
    projection: Option<PackedMatrix>,
}

impl LayerProducts for SampleMajor {
    type ForwardWeights = ForwardWeights;
    type BackwardWeights = BackwardWeights;

    fn pack_forward(plan: &Plan, layer: usize, parameters: &Parameters<'_>) -> Result<ForwardWeights> {
        let (hidden, input, state) =
            (plan.config.hidden_size, plan.config.layer_input_size(layer), plan.state_features());
        let gates = Features { groups: plan.config.cell.gates(), size: hidden };
        let transposed = |depth| Strides { group: hidden * depth, row: 1, column: depth };
        Ok(ForwardWeights {
            input: PackedMatrix::pack(plan.kernels, input, gates, parameters.weight_ih, transposed(input))?,
            recurrent: PackedMatrix::pack(
                plan.kernels,
                state.size,
                gates,
                parameters.weight_hh,
                transposed(state.size),
            )?,
            bias: parameters.gate_biases(&plan.config, plan.padded_hidden())?,
            projection: parameters
                .weight_hr
                .map(|weight_hr| PackedMatrix::pack(plan.kernels, hidden, state, weight_hr, transposed(hidden)))
                .transpose()?,
        })
    }

    fn pack_backward(plan: &Plan, layer: usize, parameters: &Parameters<'_>) -> Result<BackwardWeights> {
        let stacked = plan.config.cell.gates() * plan.config.hidden_size;
        let (input, state, cell) = (plan.input_features(layer), plan.state_features(), plan.cell_features());
        let row_major = |columns: Features| Strides { group: columns.size, row: columns.count(), column: 1 };
        Ok(BackwardWeights {
            input: PackedMatrix::pack(plan.kernels, stacked, input, parameters.weight_ih, row_major(input))?,
            recurrent: PackedMatrix::pack(plan.kernels, stacked, state, parameters.weight_hh, row_major(state))?,
            projection: parameters
                .weight_hr
                .map(|weight_hr| PackedMatrix::pack(plan.kernels, state.size, cell, weight_hr, row_major(cell)))
                .transpose()?,
        })
    }

    unsafe fn project_input(
        part: LayerPart<'_>,
        weights: &ForwardWeights,
        x: SequencePtr<'_>,
        gates: SequencePtr<'_>,
        steps: Range<usize>,
    ) {
        let LayerPart { plan, layer, shard, panels } = part;
        let (input, gate_stride) = (plan.input_features(layer), plan.padded_hidden());
        for RowPair { a: x, b: gates, rows } in row_blocks(x, gates, steps, shard) {
            for packed in weights.input.panels(panels) {
                let term = |group: usize| Term {
                    a: x.skip_columns(group * plan.padded(input.size)).ptr,
                    a_row_stride: x.row_stride,
                    a_column_stride: 1,
                    b: weights.input.row(&packed, group * input.size),
                    b_row_stride: packed.width,
                    depth: input.size,
                };
                let terms: [Term; 2] = [term(0), term(input.groups - 1)];
                let column = packed.group * gate_stride + packed.columns.start;
                let init = Init::ColumnBias(weights.bias.at(column));
                // SAFETY: the caller's guarantees. The columns of a gate block are inside the padded row.
                unsafe {
                    multiply(
                        plan,
                        rows,
                        &terms[..input.groups],
                        gates.skip_columns(column),
                        (&weights.input, &packed),
                        init,
                    )
                };
            }
        }
    }

    unsafe fn add_recurrent(
        part: LayerPart<'_>,
        weights: &ForwardWeights,
        _x: MatrixPtr,
        h_prev: MatrixPtr,
        gates: MatrixPtr,
        samples: usize,
    ) {
        let LayerPart { plan, panels, .. } = part;
        for packed in weights.recurrent.panels(panels) {
            let block = plan.config.cell.recurrent_block(packed.group);
            let column = block * plan.padded_hidden() + packed.columns.start;
            // The input projection wrote the blocks of all gates. GRU's fourth block is not among them.
            let projected = block == packed.group;
            let init = if projected { Init::Accumulate } else { Init::ColumnBias(weights.bias.at(column)) };
            let term = Term {
                a: h_prev.ptr,
                a_row_stride: h_prev.row_stride,
                a_column_stride: 1,
                b: weights.recurrent.row(&packed, 0),
                b_row_stride: packed.width,
                depth: plan.config.state_size(),
            };
            // SAFETY: the caller's guarantees. The columns of a gate block are inside the padded row.
            unsafe {
                multiply(plan, samples, &[term], gates.skip_columns(column), (&weights.recurrent, &packed), init)
            };
        }
    }

    unsafe fn project_output(
        part: LayerPart<'_>,
        weights: &ForwardWeights,
        u: MatrixPtr,
        h: MatrixPtr,
        samples: usize,
    ) {
        // SAFETY: the caller's guarantees.
        unsafe { project(part, weights.projection.as_ref(), u, part.plan.config.hidden_size, h, samples) };
    }

    unsafe fn projection_gradient(
        part: LayerPart<'_>,
        weights: &BackwardWeights,
        d_h: MatrixPtr,
        d_u: MatrixPtr,
        samples: usize,
    ) {
        // SAFETY: the caller's guarantees.
        unsafe { project(part, weights.projection.as_ref(), d_h, part.plan.config.state_size(), d_u, samples) };
    }

    unsafe fn hidden_gradient(
        part: LayerPart<'_>,
        weights: &BackwardWeights,
        d_gates: MatrixPtr,
        d_h: MatrixPtr,
        samples: usize,
    ) {
        let LayerPart { plan, panels, .. } = part;
        let cell = plan.config.cell;
        for packed in weights.recurrent.panels(panels) {
            let terms = gate_terms(plan, &weights.recurrent, &packed, d_gates, |gate| cell.recurrent_block(gate));
            let d_h = d_h.skip_columns(packed.columns.start);
            // SAFETY: the caller's guarantees. The panels are inside the padded row of h.
            unsafe {
                multiply(plan, samples, &terms[..cell.gates()], d_h, (&weights.recurrent, &packed), Init::Accumulate)
            };
        }
    }

    unsafe fn input_gradient(
        part: LayerPart<'_>,
        weights: &BackwardWeights,
        d_gates: SequencePtr<'_>,
        d_x: SequencePtr<'_>,
        steps: Range<usize>,
        accumulate: bool,
        (share, shares): (usize, usize),
    ) {
        let LayerPart { plan, layer, shard, .. } = part;
        let group_stride = plan.padded(plan.input_features(layer).size);
        let init = if accumulate { Init::Accumulate } else { Init::Zero };
        let count = weights.input.panels_per_group();
        let panels = Panels { start: count * share / shares, end: count * (share + 1) / shares };
        for RowPair { a: d_gates, b: d_x, rows } in row_blocks(d_gates, d_x, steps, shard) {
            for packed in weights.input.panels(panels) {
                let terms = gate_terms(plan, &weights.input, &packed, d_gates, |gate| gate);
                let d_x = d_x.skip_columns(packed.group * group_stride + packed.columns.start);
                // SAFETY: the caller's guarantees. The panels are inside the padded row of x.
                unsafe {
                    multiply(plan, rows, &terms[..plan.config.cell.gates()], d_x, (&weights.input, &packed), init)
                };
            }
        }
    }
}

/// `c = a weights`, where `a` has `depth` columns.
///
/// # Safety
/// Those of [`LayerProducts`].
unsafe fn project(
    part: LayerPart<'_>,
    weights: Option<&PackedMatrix>,
    a: MatrixPtr,
    depth: usize,
    c: MatrixPtr,
    samples: usize,
) {
    let LayerPart { plan, panels, .. } = part;
    for (weights, packed) in weights.into_iter().flat_map(|weights| weights.panels(panels).map(move |p| (weights, p))) {
        let term = Term {
            a: a.ptr,
            a_row_stride: a.row_stride,
            a_column_stride: 1,
            b: weights.row(&packed, 0),
            b_row_stride: packed.width,
            depth,
        };
        // SAFETY: the caller's guarantees. The panels are inside the padded row of C.
        unsafe {
            multiply(plan, samples, &[term], c.skip_columns(packed.columns.start), (weights, &packed), Init::Zero);
        }
    }
}

/// The product of d gates with panels of W_ih or W_hh: one term for each gate. The elements after the last gate are
/// not used.
fn gate_terms(
    plan: &Plan,
    weights: &PackedMatrix,
    panels: &PackedPanels,
    d_gates: MatrixPtr,
    block_of: impl Fn(usize) -> usize,
) -> [Term; 4] {
    let hidden = plan.config.hidden_size;
    std::array::from_fn(|gate| {
        let gate = gate.min(plan.config.cell.gates() - 1);
        Term {
            a: d_gates.skip_columns(block_of(gate) * plan.padded_hidden()).ptr,
            a_row_stride: d_gates.row_stride,
            a_column_stride: 1,
            b: weights.row(panels, gate * hidden),
            b_row_stride: panels.width,
            depth: hidden,
        }
    })
}

/// Divides the rows of two sequences at `steps`, with which both start, into blocks. Where the rows of a step follow
/// those of the step before in both, a block may contain several steps.
fn row_blocks(
    a: SequencePtr<'_>,
    b: SequencePtr<'_>,
    steps: Range<usize>,
    shard: &Shard,
) -> impl Iterator<Item = RowPair> {
    let pair = move |(i, step)| RowPair { a: a.step(i), b: b.step(i), rows: shard.rows(step) };
    RowPair::join(steps.enumerate().map(pair)).flat_map(|pair| pair.blocks(ROW_BLOCK))
}

/// Computes some panels of C.
///
/// # Safety
/// The terms, C and the bias are valid for `rows` rows and the columns of the panels. No other thread accesses these
/// panels of C, and none writes the rest.
unsafe fn multiply(
    plan: &Plan,
    rows: usize,
    terms: &[Term],
    c: MatrixPtr,
    (weights, panels): (&PackedMatrix, &PackedPanels),
    init: Init,
) {
    let vectors = panels.columns.len() / plan.kernels.lanes;
    let b_panel_stride = weights.panel_stride();
    let product = PanelProduct { rows, vectors, terms, b_panel_stride, c: c.ptr, c_row_stride: c.row_stride, init };
    // SAFETY: the CPU supports the instruction set, because the plan has its kernels. The rest is the caller's
    // guarantee.
    unsafe { (plan.kernels.panel_product)(&product) }
}
