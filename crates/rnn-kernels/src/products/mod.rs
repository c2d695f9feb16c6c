//! The matrix products of a layer, one implementation for each memory layout.

pub(crate) mod feature_major;
pub(crate) mod packed_matrix;
pub(crate) mod sample_major;

use std::ops::Range;

use crate::error::Result;
use crate::parameters::Parameters;
use crate::plan::{Panels, Plan};
use crate::pointers::{MatrixPtr, SequencePtr};
use crate::shard::Shard;

/// The part of a layer that a thread computes: a shard of the batch, and column panels of a step. Where a function names
/// no other matrix, they are panels of c (without a projection those of c and h are the same).
#[derive(Clone, Copy)]
pub(crate) struct LayerPart<'a> {
    pub plan: &'a Plan,
    pub layer: usize,
    pub shard: &'a Shard,
    pub panels: Panels,
}

/// The matrix products of one direction of a layer.
///
/// # Safety
/// For all unsafe functions:
/// - The weights were packed for the plan and the layer. Every matrix and sequence is the shard's part of a buffer (or
///   of an array of the caller) with the sizes of the plan.
/// - No other thread writes the operands, and none accesses this part of the result.
pub(crate) trait LayerProducts {
    /// The weights for the forward pass.
    type ForwardWeights: Send + Sync;

    /// The weights for the backward pass.
    type BackwardWeights: Send + Sync;

    /// Packs the weights of a direction of `layer` for the forward pass.
    fn pack_forward(plan: &Plan, layer: usize, parameters: &Parameters<'_>) -> Result<Self::ForwardWeights>;

    /// Packs the weights of a direction of `layer` for the backward pass.
    fn pack_backward(plan: &Plan, layer: usize, parameters: &Parameters<'_>) -> Result<Self::BackwardWeights>;

    /// Input projection: `gates = W_ih x + bias` for `steps`, with which both sequences start. Does nothing if the layout
    /// computes this product step by step.
    unsafe fn project_input(
        part: LayerPart<'_>,
        weights: &Self::ForwardWeights,
        x: SequencePtr<'_>,
        gates: SequencePtr<'_>,
        steps: Range<usize>,
    );

    /// Completes the pre-activations of some samples of a step: adds `W_hh h_prev` and whatever `project_input` did not
    /// add. (In the feature-major layout, for this function and the next one, these are all samples of the shard.)
    unsafe fn add_recurrent(
        part: LayerPart<'_>,
        weights: &Self::ForwardWeights,
        x: MatrixPtr,
        h_prev: MatrixPtr,
        gates: MatrixPtr,
        samples: usize,
    );

    /// Projection: `h = W_hr u` for some samples, where u is h before its projection. The panels of the part are those
    /// of h. (The feature-major layout has no projections.)
    unsafe fn project_output(
        _part: LayerPart<'_>,
        _weights: &Self::ForwardWeights,
        _u: MatrixPtr,
        _h: MatrixPtr,
        _samples: usize,
    ) {
    }

    /// `d_u = W_hr^T d_h` for some samples.
    unsafe fn projection_gradient(
        _part: LayerPart<'_>,
        _weights: &Self::BackwardWeights,
        _d_h: MatrixPtr,
        _d_u: MatrixPtr,
        _samples: usize,
    ) {
    }

    /// `d_h += W_hh^T d_gates` for some samples. The panels of the part are those of h.
    unsafe fn hidden_gradient(
        part: LayerPart<'_>,
        weights: &Self::BackwardWeights,
        d_gates: MatrixPtr,
        d_h: MatrixPtr,
        samples: usize,
    );

    /// `d_x = W_ih^T d_gates`, or `+=` if `accumulate`, for `steps`, with which both sequences start. Computes share
    /// `share.0` of `share.1` equal shares of all columns of x, not the panels of the part.
    unsafe fn input_gradient(
        part: LayerPart<'_>,
        weights: &Self::BackwardWeights,
        d_gates: SequencePtr<'_>,
        d_x: SequencePtr<'_>,
        steps: Range<usize>,
        accumulate: bool,
        share: (usize, usize),
    );
}
