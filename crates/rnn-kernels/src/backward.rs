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
        let (config, states) = (plan.config, 0..plan.config.state_rows());
        let [d_h, d_c] = [&gradients.h, &gradients.c].map(|buffer| self.activations.states(buffer, plan, shard));
        let has_c = config.cell.has_c();
        // SAFETY: `io` has the sizes of the plan, and so have the buffers. This thread alone uses the shard.
        unsafe {
            if let Some(given) = io.d_output {
                let d_output = self.d_output(config.num_layers - 1, shard);
                plan.load_steps(given, plan.output_features(), Zero, d_output, shard);
            }
            plan.load_states(io.d_h_n, Zero, d_h, states.clone(), shard);
            if has_c {
                plan.load_states(io.d_c_n, Zero, d_c, states.clone(), shard);
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
            for (from, wanted, exists) in [(d_h, io.d_h_0, true), (d_c, io.d_c_0, has_c)] {
                if let (Some(to), true) = (wanted, exists) {
                    for state in states.clone() {
                        plan.store(from.step(state), plan.state_features(), to.step(state), 0..shard.count, shard);
                    }
                }
            }
        }
    }

    fn d_output<'s>(&self, layer: usize, shard: &'s Shard) -> SequencePtr<'s> {
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
        let state = plan.state_features();
        let gates = plan.sequence(&saved.gates, plan.gate_features(), storage.gates, shard);
        let c = plan.sequence(&saved.c, state, storage.c, shard);
        let tanh_c = plan.sequence(&saved.tanh_c, state, storage.tanh_c, shard);
        let (h_0, c_0) = (activations.h_0(plan, state_row, shard), activations.c_0(plan, state_row, shard));

        let gate_stride = plan.group_stride(config.hidden_size, shard);
        let has_d_output = gradients.outputs[layer].len() > 0;
        let d_output = has_d_output.then(|| self.d_output(layer, shard).offset(direction * gate_stride));
        let [d_h, d_c] =
            [&gradients.h, &gradients.c].map(|buffer| activations.states(buffer, plan, shard).step(state_row));
        let backward = plan.kernels.backward[config.cell as usize];

        // SAFETY: the sequences are this shard's parts of buffers of the plan's sizes, and every step that is used
        // exists in them, with the rows that `order` gives. Members of a team write different columns of a step, and
        // `split_panels` returns only when all members have finished, so that no member reads d gates of a step before
        // they are complete.
        unsafe {
            let mut next: Option<(MatrixPtr, usize)> = None; // d gates of the step that follows in `order`, and its rows
            for (number, chunk) in plan.chunks(gradients.extent, shard, !order.reverse).enumerate() {
                let chunk_d_gates = gradients.d_gates(plan, state_row, number, chunk.start, shard);
                for step in order.steps(chunk.clone()).rev() {
                    let d_gates = chunk_d_gates.step(step - chunk.start);
                    team.split_panels(plan, |panels| {
                        if let Some((d_gates, samples)) = next {
                            P::hidden_gradient(part(panels), weights, d_gates, d_h, samples);
                        }
                        for part_of_step in order.rows(step) {
                            let (first, previous) = (part_of_step.rows.start, part_of_step.previous);
                            let (rows, columns) = plan.matrix_shape(state, part_of_step.rows.len(), shard);
                            let (column, columns) = panels.columns(plan, columns);
                            let at = |matrix: MatrixPtr| matrix.skip_rows(first).skip_columns(column);
                            backward(&BackwardStep {
                                rows,
                                columns,
                                gates: at(gates.step(step)),
                                d_gates: at(d_gates),
                                gate_stride,
                                d_output: d_output.map(|d_output| at(d_output.step(step))),
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
                self.input_gradient((layer, direction), chunk.clone(), chunk_d_gates, shard, team);
                if let Some(partial) = partial {
                    let first = task.first && number == 0;
                    self.weight_gradients.add_chunk(partial, (layer, direction), shard, chunk, chunk_d_gates, first);
                }
            }
            if let (Some((d_gates, samples)), true) = (next, self.io.d_h_0.is_some()) {
                team.split_panels(plan, |panels| P::hidden_gradient(part(panels), weights, d_gates, d_h, samples));
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
            (Some(below), _) => self.d_output(below, shard),
            (None, Some(x)) => plan.sequence(x, plan.input_features(0), Extent::AllSteps, shard),
            (None, None) => return,
        };
        let part = LayerPart { plan, layer, shard, panels: plan.panels() };
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
        let d_output = self.d_output(below, shard);
        // SAFETY: both buffers have these features and all steps. This thread alone uses the shard.
        unsafe { multiply(plan, features, d_output, mask, d_output, shard) };
    }
}
