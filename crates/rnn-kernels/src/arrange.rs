//! What the two arrangements do differently: the matrix products.

use std::ops::Range;

use crate::cells::Block;
use crate::error::Result;
use crate::layout::{Layout, Seq, Shard};
use crate::parameters::Parameters;

/// A layer, for a shard.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub layout: &'a Layout,
    pub layer: usize,
    pub shard: &'a Shard,
}

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
        place: Place<'_>,
        weights: &Self::Forward,
        x: Seq,
        steps: Range<usize>,
        gates: Seq,
        panels: Range<usize>,
    );

    /// Adds to the gates of a step what `project` has left out: `W_hh h_prev` at least.
    unsafe fn add_hidden(
        place: Place<'_>,
        weights: &Self::Forward,
        x: Block,
        h_prev: Block,
        gates: Block,
        panels: Range<usize>,
    );

    /// `d_h += W_hh^T d_gates`
    unsafe fn hidden_gradient(
        place: Place<'_>,
        weights: &Self::Backward,
        d_gates: Block,
        d_h: Block,
        panels: Range<usize>,
    );

    /// `d_x = W_ih^T d_gates` for the first `steps` of both, or `+=`; `part` of `parts` of the work.
    unsafe fn input_gradient(
        place: Place<'_>,
        weights: &Self::Backward,
        d_gates: Seq,
        d_x: Seq,
        steps: usize,
        add: bool,
        part: (usize, usize),
    );
}
