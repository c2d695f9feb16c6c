//! The backward pass (backpropagation through time, BPTT): from the last layer to the first, and in each from the last
//! step to the first.

use std::ops::Range;

use crate::activations::{Activations, Storage};
use crate::copy::Padding::Zero;
use crate::forward::multiply;
use crate::gradient_buffers::GradientBuffers;
use crate::io::BackwardIo;
use crate::kernels::cells::BackwardStep;
use crate::plan::{Extent, Plan};
use crate::pointers::{MatrixPtr, SequencePtr};
use crate::products::{LayerPart, LayerProducts};
use crate::schedule::{ShardTask, Team};
use crate::shard::{Shard, TimeOrder};
use crate::threads::for_each_once;
use crate::weight_gradients::WeightGradients;
use crate::weight_gradients::sample_major::PartialGradients;

/// A backward pass.
pub(crate) struct BackwardPass<'a, P: LayerProducts> {
    pub plan: &'a Plan,
    pub weights: &'a [P::BackwardWeights],
    pub activations: &'a Activations,
    pub gradients: &'a GradientBuffers,
    pub weight_gradients: &'a WeightGradients<'a>,
    pub io: &'a BackwardIo<'a>,
}

impl<P: LayerProducts> BackwardPass<'_, P> {
    /// Runs a shard back through all layers. If d gates are kept for a chunk of steps only, `partial` has the weight
    /// gradients of the thread, to which the pass adds those of each chunk.
    ///
    /// # Safety
    /// For this function and the others of this type:
    /// - The caller's arrays in `io` have the sizes of the plan, and nothing else uses those that are written.
    /// - The weights, the activations and the gradient buffers were made for the plan. A forward pass filled the
    ///   activations.
    /// - At the same time, other threads may run other shards, but neither this shard nor one with the same `partial`.
    pub(crate) unsafe fn run(&self, task: &ShardTask<'_>, partial: Option<&PartialGradients>) {
        let (plan, io, gradients, shard) = (self.plan, self.io, self.gradients, task.shard);
        let config = plan.config;
        let (state, cell) = (plan.state_features(), plan.cell_features());
        let (d_h, d_c) = (plan.states(&gradients.h, state, shard), plan.states(&gradients.c, cell, shard));
        let has_c = config.cell.has_c();
        // SAFETY: `io` has the sizes of the plan, and so have the buffers. This thread alone uses the shard.
        unsafe {
            if let (Some(given), false) = (io.d_output, plan.output_in_place()) {
                let copy = self.d_output_buffer(config.num_layers - 1, shard);
                plan.load_steps(given, plan.output_features(), Zero, copy, shard);
            }
            plan.load_states(io.d_h_n, state, Zero, d_h, shard);
            if has_c {
                plan.load_states(io.d_c_n, cell, Zero, d_c, shard);
            }
            for layer in (0..config.num_layers).rev() {
                for direction in 0..config.directions() {
                    self.run_direction((layer, direction), task, partial);
                }
                self.apply_dropout(layer, shard);
            }
            if let (Some(x), Some(d_x)) = (&gradients.x, io.d_x) {
                let features = plan.input_features(0);
                plan.store_steps(plan.sequence(x, features, Extent::AllSteps, shard), features, d_x, shard);
            }
            for (from, features, wanted) in [(d_h, state, io.d_h_0), (d_c, cell, io.d_c_0.filter(|_| has_c))] {
                for (to, row) in wanted.into_iter().flat_map(|to| (0..config.state_rows()).map(move |row| (to, row))) {
                    plan.store(from.step(row), features, to.step(row), 0..shard.count, shard);
                }
            }
        }
    }

    /// d output of a layer; of the last layer the caller's array or a copy of it, or `None` if the caller gave none.
    fn d_output<'s>(&'s self, layer: usize, shard: &'s Shard) -> Option<SequencePtr<'s>> {
        if layer + 1 == self.plan.config.num_layers {
            let given = self.io.d_output?;
            if self.plan.output_in_place() {
                return Some(given.offset(shard.first * given.row_stride));
            }
        }
        Some(self.d_output_buffer(layer, shard))
    }

    /// The workspace for d output of a layer.
    fn d_output_buffer<'s>(&self, layer: usize, shard: &'s Shard) -> SequencePtr<'s> {
        let buffer = &self.gradients.outputs[layer];
        self.plan.sequence(buffer, self.plan.output_features(), Extent::AllSteps, shard)
    }

    /// Runs back through one direction of a layer.
    unsafe fn run_direction(
        &self,
        (layer, direction): (usize, usize),
        task: &ShardTask<'_>,
        partial: Option<&PartialGradients>,
    ) {
        let (plan, gradients, shard, team) = (self.plan, self.gradients, task.shard, task.team);
        let (config, activations, storage) = (plan.config, self.activations, Storage::FOR_BACKWARD);
        let state_row = plan.state_row(layer, direction);
        let weights = &self.weights[state_row];
        let saved = &activations.layers[layer].directions[direction];
        let order = TimeOrder { shard, reverse: direction == 1 };
        let part = |panels| LayerPart { plan, layer, shard, panels };

        let h = activations.h(plan, layer, direction, shard);
        let (state, cell) = (plan.state_features(), plan.cell_features());
        let gates = plan.sequence(&saved.gates, plan.gate_features(), storage.gates, shard);
        let c = plan.sequence(&saved.c, cell, storage.c, shard);
        let tanh_c = plan.sequence(&saved.tanh_c, cell, storage.tanh_c, shard);
        let (h_0, c_0) = (activations.h_0(plan, state_row, shard), activations.c_0(plan, state_row, shard));

        let gate_stride = plan.group_stride(config.hidden_size, shard);
        let state_stride = plan.group_stride(config.state_size(), shard);
        let d_output = self.d_output(layer, shard).map(|d_output| d_output.offset(direction * state_stride));
        let d_h = plan.states(&gradients.h, state, shard).step(state_row);
        let d_c = plan.states(&gradients.c, cell, shard).step(state_row);
        let d_unprojected = plan.sequence(&gradients.unprojected, cell, Extent::States(1), shard).step(0);
        let backward = plan.kernels.backward[config.cell as usize];

        // SAFETY: the sequences are this shard's parts of buffers and arrays of the plan's sizes, and every step that is
        // used exists in them, with the rows that `order` gives. Members of a team write different columns of a step, and
        // `split_panels` returns only when all members have finished, so that no member reads d gates of a step before
        // they are complete.
        unsafe {
            for (number, chunk) in plan.chunks(gradients.extent, shard, !order.reverse).enumerate() {
                let chunk_gradients = gradients.steps(plan, state_row, chunk.start, shard);
                // d gates of the step that follows in `order` in this chunk, and its rows
                let mut next: Option<(MatrixPtr, usize)> = None;
                for step in order.steps(chunk.clone()).rev() {
                    let d_gates = chunk_gradients.gates.step(step - chunk.start);
                    let d_projected = chunk_gradients.projected.map(|d_h| d_h.step(step - chunk.start));
                    let d_output = d_output.map(|d_output| d_output.step(step));
                    if let Some(d_projected) = d_projected {
                        team.split_panels(plan.state_panels(), |panels| {
                            if let Some((d_gates, samples)) = next {
                                P::hidden_gradient(part(panels), weights, d_gates, d_h, samples);
                            }
                            let (rows, columns) = plan.matrix_shape(state, shard.rows(step), shard);
                            let (column, columns) = panels.columns(plan, columns);
                            let at = |matrix: MatrixPtr| matrix.skip_columns(column);
                            take_gradient(at(d_h), d_output.map(at), at(d_projected), rows, columns);
                        });
                    }
                    team.split_panels(plan.cell_panels(), |panels| {
                        if let Some(d_projected) = d_projected {
                            let samples = shard.rows(step);
                            P::projection_gradient(part(panels), weights, d_projected, d_unprojected, samples);
                        } else if let Some((d_gates, samples)) = next {
                            P::hidden_gradient(part(panels), weights, d_gates, d_h, samples);
                        }
                        let (d_h, d_output) = match d_projected {
                            Some(_) => (d_unprojected, None),
                            None => (d_h, d_output),
                        };
                        for part_of_step in order.rows(step) {
                            let (first, previous) = (part_of_step.rows.start, part_of_step.previous);
                            let (rows, columns) = plan.matrix_shape(cell, part_of_step.rows.len(), shard);
                            let (column, columns) = panels.columns(plan, columns);
                            let at = |matrix: MatrixPtr| matrix.skip_rows(first).skip_columns(column);
                            backward(&BackwardStep {
                                rows,
                                columns,
                                gates: at(gates.step(step)),
                                d_gates: at(d_gates),
                                gate_stride,
                                d_output: d_output.map(at),
                                h_prev: at(previous.map_or(h_0, |previous| h.step(previous))),
                                h: at(h.step(step)),
                                c_prev: at(previous.map_or(c_0, |previous| c.step(previous))),
                                tanh_c: at(tanh_c.step(step)),
                                d_h: at(d_h),
                                d_c: at(d_c),
                            });
                        }
                    });
                    next = Some((d_gates, shard.rows(step)));
                }
                // The next chunk replaces these d gates.
                let last = if order.reverse { chunk.end == shard.steps } else { chunk.start == 0 };
                if let (Some((d_gates, samples)), true) = (next, !last || self.io.d_h_0.is_some()) {
                    team.split_panels(plan.state_panels(), |panels| {
                        P::hidden_gradient(part(panels), weights, d_gates, d_h, samples);
                    });
                }
                self.input_gradient((layer, direction), chunk.clone(), chunk_gradients.gates, shard, team);
                if let Some(partial) = partial {
                    let first = task.first && number == 0;
                    self.weight_gradients.add_chunk(partial, (layer, direction), shard, chunk, chunk_gradients, first);
                }
            }
        }
    }

    /// The gradient with respect to the input of a layer at the given steps, if it is needed.
    unsafe fn input_gradient(
        &self,
        (layer, direction): (usize, usize),
        steps: Range<usize>,
        d_gates: SequencePtr<'_>,
        shard: &Shard,
        team: Team<'_>,
    ) {
        let (plan, weights) = (self.plan, &self.weights[self.plan.state_row(layer, direction)]);
        let d_input = match (layer.checked_sub(1), &self.gradients.x) {
            (Some(below), _) => self.d_output_buffer(below, shard),
            (None, Some(x)) => plan.sequence(x, plan.input_features(0), Extent::AllSteps, shard),
            (None, None) => return,
        };
        let part = LayerPart { plan, layer, shard, panels: plan.cell_panels() };
        let d_input = d_input.skip_steps(steps.start);
        // SAFETY: the sequences are this shard's parts of buffers of the plan's sizes. Members of a team compute
        // different shares.
        let compute = |share| unsafe {
            P::input_gradient(part, weights, d_gates, d_input, steps.clone(), direction > 0, share);
        };
        match team.0 {
            None => compute((0, 1)),
            Some(pool) => {
                let shares = pool.threads().max(1); // read once: it must be the same for all members
                for_each_once(pool, shares, &|share| compute((share, shares)));
            }
        }
    }

    /// Multiplies the gradient of the output of the layer below by its dropout mask.
    unsafe fn apply_dropout(&self, layer: usize, shard: &Shard) {
        let Some(below) = layer.checked_sub(1) else { return };
        let Some(dropout) = &self.activations.layers[below].dropout else { return };
        let (plan, features) = (self.plan, self.plan.output_features());
        let mask = plan.sequence(&dropout.mask, features, Extent::AllSteps, shard);
        let d_output = self.d_output_buffer(below, shard);
        // SAFETY: both buffers have these features and all steps. This thread alone uses the shard.
        unsafe { multiply(plan, features, d_output, mask, d_output, shard) };
    }
}

/// Moves d h of a step to `to`: the part from the next step, which becomes zero, plus d output.
///
/// # Safety
/// The matrices have these rows and columns. No other thread accesses `d_h` and `to`, and none writes `d_output`.
unsafe fn take_gradient(d_h: MatrixPtr, d_output: Option<MatrixPtr>, to: MatrixPtr, rows: usize, columns: usize) {
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        // SAFETY: the row and the column exist in all three.
        unsafe {
            let from_next_step = d_h.at(row, column).replace(0.0);
            *to.at(row, column) = from_next_step + d_output.map_or(0.0, |d_output| *d_output.at(row, column));
        }
    }
}
