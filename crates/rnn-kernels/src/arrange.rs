//! What the two arrangements do differently: the matrix products.

use std::ops::Range;

use crate::cells::Block;
use crate::error::Result;
use crate::layout::{Layout, Seq, Shard};
use crate::parameters::Parameters;

/// The products of a layer and direction, in one arrangement.
///
/// # Safety
/// For all unsafe functions: every sequence has the layout's sizes, and no other thread writes what is read or touches
/// what is written here. `panels` are panels of h's columns: a team of threads shares the columns of a step.
pub(crate) trait Arrange {
    /// The weights for the way forward.
    type Forward: Send + Sync;

    /// The weights for the way backward.
    type Backward: Send + Sync;

    /// Room for the weights of `layer`, unfilled.
    fn forward_weights(layout: &Layout, layer: usize) -> Result<Self::Forward>;

    /// Room for the weights of `layer`, unfilled.
    fn backward_weights(layout: &Layout, layer: usize) -> Result<Self::Backward>;

    /// Fills it.
    fn fill_forward(layout: &Layout, layer: usize, weights: &Self::Forward, parameters: &Parameters<'_>);

    /// Fills it.
    fn fill_backward(layout: &Layout, layer: usize, weights: &Self::Backward, parameters: &Parameters<'_>);

    /// `gates = W_ih x + bias` for the given steps of x, into steps 0, 1, .. of `gates`, if that is quicker than doing it
    /// step by step.
    unsafe fn project(
        layout: &Layout,
        weights: &Self::Forward,
        layer: usize,
        x: Seq,
        steps: Range<usize>,
        gates: Seq,
        shard: &Shard,
        panels: Range<usize>,
    );

    /// Adds to the gates of a step what `project` has left out: `W_hh h_prev` at least.
    unsafe fn add_hidden(
        layout: &Layout,
        weights: &Self::Forward,
        layer: usize,
        x: Block,
        h_prev: Block,
        gates: Block,
        shard: &Shard,
        panels: Range<usize>,
    );

    /// `d_h += W_hh^T d_gates`
    unsafe fn hidden_gradient(
        layout: &Layout,
        weights: &Self::Backward,
        d_gates: Block,
        d_h: Block,
        shard: &Shard,
        panels: Range<usize>,
    );

    /// `d_x = W_ih^T d_gates` for the first `steps` of both, or `+=`; `part` of `parts` of the work.
    unsafe fn input_gradient(
        layout: &Layout,
        weights: &Self::Backward,
        layer: usize,
        d_gates: Seq,
        d_x: Seq,
        steps: usize,
        add: bool,
        shard: &Shard,
        part: (usize, usize),
    );
}
