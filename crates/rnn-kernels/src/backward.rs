//! The backward pass (backpropagation through time, BPTT): from the last layer to the first, and in each from the last
//! step to the first.

use std::ops::Range;

use crate::activations::{Activations, Storage, TimeOrder};
use crate::copy::Padding::Zero;
use crate::forward::multiply;
use crate::gradient_buffers::GradientBuffers;
use crate::io::BackwardIo;
use crate::kernels::cells::BackwardStep;
use crate::plan::{Plan, Shard};
use crate::pointers::SequencePtr;
use crate::products::{LayerPart, LayerProducts};
use crate::schedule::{ShardTask, Team};
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
    pub io: &'a BackwardIo,
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
        let (config, steps, state) = (plan.config, plan.steps, plan.state_features());
        let state_rows = config.state_rows();
        let d_h = plan.sequence(&gradients.h, state, state_rows, shard);
        let d_c = plan.sequence(&gradients.c, state, state_rows, shard);
        let has_c = config.cell.has_c();
        // SAFETY: `io` has the sizes of the plan, and so have the buffers. This thread alone uses the shard.
        unsafe {
            if let Some(given) = io.d_output {
                let d_output = self.d_output(config.num_layers - 1, shard);
                plan.load(given, plan.output_features(), Zero, d_output, steps, shard);
            }
            for (given, to, exists) in [(io.d_h_n, d_h, true), (io.d_c_n, d_c, has_c)] {
                match given {
                    _ if !exists => {}
                    Some(given) => plan.load(given, state, Zero, to, state_rows, shard),
                    None => plan.clear(state, to, state_rows, shard),
                }
            }
            for layer in (0..config.num_layers).rev() {
                for direction in 0..config.directions() {
                    self.run_direction((layer, direction), task, partial);
                }
                self.apply_dropout(layer, shard);
            }
            if let (Some(x), Some(d_x)) = (&gradients.x, io.d_x) {
                let features = plan.input_features(0);
                plan.store(plan.sequence(x, features, steps, shard), features, d_x, steps, shard);
            }
            for (from, wanted, exists) in [(d_h, io.d_h_0, true), (d_c, io.d_c_0, has_c)] {
                if let (Some(to), true) = (wanted, exists) {
                    plan.store(from, state, to, state_rows, shard);
                }
            }
        }
    }

    fn d_output(&self, layer: usize, shard: &Shard) -> SequencePtr {
        let buffer = &self.gradients.outputs[layer];
        self.plan.sequence(buffer, self.plan.output_features(), self.plan.steps, shard)
    }

    /// Runs back through one direction of a layer.
    unsafe fn run_direction(
        &self,
        (layer, direction): (usize, usize),
        task: &ShardTask<'_>,
        partial: Option<&PartialGradients>,
    ) {
        let (plan, gradients, shard, team) = (self.plan, self.gradients, task.shard, task.team);
        let (config, steps, chunk) = (plan.config, plan.steps, gradients.chunk);
        let state_row = plan.state_row(layer, direction);
        let weights = &self.weights[state_row];
        let saved = &self.activations.layers[layer].directions[direction];
        let order = TimeOrder { steps, reverse: direction == 1 };
        let part = |panels| LayerPart { plan, layer, shard, panels };

        let h = self.activations.h(plan, layer, direction, shard);
        let (state, storage) = (plan.state_features(), Storage::for_backward(plan));
        let gates = plan.sequence(&saved.gates, plan.gate_features(), storage.gates, shard);
        let c = plan.sequence(&saved.c, state, storage.c, shard);
        let tanh_c = plan.sequence(&saved.tanh_c, state, storage.tanh_c, shard);

        // Chunk 0 is processed first. Double buffering: the d gates of even and odd chunks have a half of the buffer
        // each, because the first step of a chunk still reads those of the chunk before. Inside a chunk they are in the
        // order of time.
        let (d_gates, buffer_steps) = gradients.d_gates(plan, state_row);
        let d_gates = plan.sequence(d_gates, plan.gate_features(), buffer_steps, shard);
        let chunk_of = |i: usize| (steps - 1 - i) / chunk;
        let chunk_steps = |number: usize| {
            let end = steps - number * chunk;
            let (a, b) = (order.step(end.saturating_sub(chunk)), order.step(end - 1));
            a.min(b)..a.max(b) + 1
        };
        let chunk_d_gates = |number: usize| d_gates.skip_steps(number % 2 * chunk);
        let d_gates_at = |i: usize| {
            let number = chunk_of(i);
            chunk_d_gates(number).step(order.step(i) - chunk_steps(number).start)
        };

        let gate_stride = plan.group_stride(config.hidden_size, shard);
        let has_d_output = gradients.outputs[layer].len() > 0;
        let d_output = has_d_output.then(|| self.d_output(layer, shard).offset(direction * gate_stride));
        let [d_h, d_c] = [&gradients.h, &gradients.c]
            .map(|buffer| plan.sequence(buffer, state, config.state_rows(), shard).step(state_row));
        let (rows, columns) = plan.matrix_shape(state, shard);
        let backward = plan.kernels.backward[config.cell as usize];

        // SAFETY: the sequences are this shard's parts of buffers of the plan's sizes, and every step that is used
        // exists in them. Members of a team write different columns of a step, and `split_panels` returns only when all
        // members have finished, so that no member reads d gates of a step before they are complete.
        unsafe {
            for i in (0..steps).rev() {
                let step = order.step(i);
                let h_prev = match i {
                    0 => self.activations.h_0(plan, state_row, shard),
                    _ => h.step(order.step(i - 1)),
                };
                team.split_panels(plan, |panels| {
                    if i + 1 < steps {
                        P::hidden_gradient(part(panels), weights, d_gates_at(i + 1), d_h);
                    }
                    let (first, columns) = panels.columns(plan, columns);
                    backward(&BackwardStep {
                        rows,
                        columns,
                        gates: gates.step(step).skip_columns(first),
                        d_gates: d_gates_at(i).skip_columns(first),
                        gate_stride,
                        d_output: d_output.map(|d_output| d_output.step(step).skip_columns(first)),
                        h_prev: h_prev.skip_columns(first),
                        h: h.step(step).skip_columns(first),
                        c_prev: c.step(order.c_slots(i).0).skip_columns(first),
                        tanh_c: tanh_c.step(step).skip_columns(first),
                        d_h: d_h.skip_columns(first),
                        d_c: d_c.skip_columns(first),
                    });
                });
                let number = chunk_of(i);
                if i == 0 || chunk_of(i - 1) != number {
                    let (steps, d_gates) = (chunk_steps(number), chunk_d_gates(number));
                    self.input_gradient((layer, direction), steps.clone(), d_gates, shard, team);
                    if let Some(partial) = partial {
                        let first = task.first && number == 0;
                        self.weight_gradients.add_chunk(partial, (layer, direction), shard, steps, d_gates, first);
                    }
                }
            }
            if self.io.d_h_0.is_some() {
                team.split_panels(plan, |panels| P::hidden_gradient(part(panels), weights, d_gates_at(0), d_h));
            }
        }
    }

    /// The gradient with respect to the input of a layer at the given steps, if it is needed.
    unsafe fn input_gradient(
        &self,
        (layer, direction): (usize, usize),
        steps: Range<usize>,
        d_gates: SequencePtr,
        shard: &Shard,
        team: Team<'_>,
    ) {
        let (plan, weights) = (self.plan, &self.weights[self.plan.state_row(layer, direction)]);
        let d_input = match (layer.checked_sub(1), &self.gradients.x) {
            (Some(below), _) => self.d_output(below, shard),
            (None, Some(x)) => plan.sequence(x, plan.input_features(0), plan.steps, shard),
            (None, None) => return,
        };
        let part = LayerPart { plan, layer, shard, panels: plan.panels() };
        let d_input = d_input.skip_steps(steps.start);
        // SAFETY: the sequences are this shard's parts of buffers of the plan's sizes. Members of a team compute
        // different shares.
        let compute = |share| unsafe {
            P::input_gradient(part, weights, d_gates, d_input, steps.len(), direction > 0, share);
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
        let mask = plan.sequence(&dropout.mask, features, plan.steps, shard);
        let d_output = self.d_output(below, shard);
        // SAFETY: both buffers have these features and the steps of the plan. This thread alone uses the shard.
        unsafe { multiply(plan, features, d_output, mask, d_output, shard) };
    }
}
