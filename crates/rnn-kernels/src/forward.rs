//! The forward pass: a shard of the batch runs through all layers, directions and time steps.

use crate::activations::{Activations, Dropout, Storage};
use crate::copy::Padding::Repeat;
use crate::io::ForwardIo;
use crate::kernels::cells::ForwardStep;
use crate::plan::{Extent, Features, Plan};
use crate::pointers::SequencePtr;
use crate::products::{LayerPart, LayerProducts};
use crate::schedule::Team;
use crate::shard::{Shard, TimeOrder};
use crate::threads::for_each_once;

/// A forward pass.
pub(crate) struct ForwardPass<'a, P: LayerProducts> {
    pub plan: &'a Plan,
    pub weights: &'a [P::ForwardWeights],
    pub activations: &'a Activations,
    pub storage: Storage,
    pub io: &'a ForwardIo<'a>,
}

impl<P: LayerProducts> ForwardPass<'_, P> {
    /// Runs a shard through all layers.
    ///
    /// # Safety
    /// For this function and the others of this type:
    /// - The caller's arrays in `io` have the sizes of the plan, and nothing else uses those that are written.
    /// - The weights and the activations were made for the plan.
    /// - At the same time, other threads may run other shards, and other directions of the same layer and shard.
    pub(crate) unsafe fn run(&self, shard: &Shard, team: Team<'_>) {
        let (plan, io, activations, config) = (self.plan, self.io, self.activations, self.plan.config);
        // SAFETY: `io` has the sizes of the plan, and so have the buffers. This thread alone uses the shard.
        unsafe {
            if self.storage.x {
                plan.load_steps(io.x, plan.input_features(0), Repeat, self.input(0, shard), shard);
            }
            let (state, cell) = (plan.state_features(), plan.cell_features());
            plan.load_states(io.h_0, state, Repeat, plan.states(&activations.h_0, state, shard), shard);
            if config.cell.has_c() {
                plan.load_states(io.c_0, cell, Repeat, plan.states(&activations.c_0, cell, shard), shard);
            }
            for layer in 0..config.num_layers {
                self.run_layer(layer, shard, team);
                if let Some(dropout) = &activations.layers[layer].dropout {
                    self.apply_dropout(layer, dropout, shard);
                }
            }
            if self.storage.output {
                plan.store_steps(self.h(config.num_layers - 1, 0, shard), plan.output_features(), io.output, shard);
            }
        }
    }

    /// The input of `layer`.
    fn input<'s>(&'s self, layer: usize, shard: &'s Shard) -> SequencePtr<'s> {
        if layer > 0 || self.storage.x {
            return self.activations.input(self.plan, layer, shard);
        }
        self.io.x.offset(shard.first * self.io.x.row_stride)
    }

    /// h of every step of a layer and direction.
    fn h<'s>(&'s self, layer: usize, direction: usize, shard: &'s Shard) -> SequencePtr<'s> {
        let (config, output) = (self.plan.config, self.io.output);
        if layer + 1 < config.num_layers || self.storage.output {
            return self.activations.h(self.plan, layer, direction, shard);
        }
        output.offset(shard.first * output.row_stride + direction * config.state_size())
    }

    /// Runs all directions of a layer. A team with fewer than two threads for each direction runs both at the same time:
    /// each thread computes whole steps, and the threads wait once for a layer. A larger team runs them one after the
    /// other and shares the columns of each step.
    unsafe fn run_layer(&self, layer: usize, shard: &Shard, team: Team<'_>) {
        let directions = self.plan.config.directions();
        // SAFETY: the caller's guarantees. The directions read the same input. They write different buffers, different
        // features of h, and different rows of the last states.
        let run = |direction, team| unsafe { self.run_direction(layer, direction, shard, team) };
        match team.0 {
            Some(pool) if directions > 1 && pool.threads() < 2 * directions => {
                for_each_once(pool, directions, &|direction| run(direction, Team(None)));
            }
            _ => (0..directions).for_each(|direction| run(direction, team)),
        }
    }

    /// Runs one direction of a layer.
    unsafe fn run_direction(&self, layer: usize, direction: usize, shard: &Shard, team: Team<'_>) {
        let (plan, io, storage, config) = (self.plan, self.io, self.storage, self.plan.config);
        let state_row = plan.state_row(layer, direction);
        let weights = &self.weights[state_row];
        let buffers = &self.activations.layers[layer].directions[direction];
        let order = TimeOrder { shard, reverse: direction == 1 };
        let part = |panels| LayerPart { plan, layer, shard, panels };

        let (x, h) = (self.input(layer, shard), self.h(layer, direction, shard));
        let gates = plan.sequence(&buffers.gates, plan.gate_features(), storage.gates, shard);
        let (state, cell) = (plan.state_features(), plan.cell_features());
        let c = plan.sequence(&buffers.c, cell, storage.c, shard);
        let tanh_c = plan.sequence(&buffers.tanh_c, cell, storage.tanh_c, shard);
        let unprojected = plan.sequence(&buffers.unprojected, cell, storage.c, shard);
        let (h_0, c_0) = (self.activations.h_0(plan, state_row, shard), self.activations.c_0(plan, state_row, shard));
        let saved = |sequence: SequencePtr<'_>, step| sequence.step(if storage.for_backward { step } else { 0 });
        let c_at = |step| saved(c, step);
        let gate_stride = plan.group_stride(config.hidden_size, shard);
        let forward = plan.kernels.forward[config.cell as usize];

        // SAFETY: the sequences are this shard's parts of buffers and arrays of the plan's sizes, and every step that
        // is used exists in them, with the rows that `order` gives. Members of a team write different columns of a
        // step, and `split_panels` returns only when all members have finished, so that no member reads h of a step
        // before it is complete.
        unsafe {
            for chunk in plan.chunks(Storage::PROJECTED, shard, order.reverse) {
                let start = chunk.start;
                let gates = if storage.for_backward { gates.skip_steps(start) } else { gates.starting_with(start) };
                team.split_panels(plan.cell_panels(), |panels| {
                    P::project_input(part(panels), weights, x.skip_steps(start), gates, chunk.clone());
                });
                for step in order.steps(chunk.clone()) {
                    let (gates, x) = (gates.step(step - start), x.step(step));
                    let cell_output = if plan.projected() { saved(unprojected, step) } else { h.step(step) };
                    team.split_panels(plan.cell_panels(), |panels| {
                        for part_of_step in order.rows(step) {
                            let (first, previous) = (part_of_step.rows.start, part_of_step.previous);
                            let samples = part_of_step.rows.len();
                            let (rows, columns) = plan.matrix_shape(cell, samples, shard);
                            let (column, columns) = panels.columns(plan, columns);
                            let (gates, x) = (gates.skip_rows(first), x.skip_rows(first));
                            let h_prev = previous.map_or(h_0, |previous| h.step(previous)).skip_rows(first);
                            let c_prev = previous.map_or(c_0, c_at).skip_rows(first);
                            P::add_recurrent(part(panels), weights, x, h_prev, gates, samples);
                            forward(&ForwardStep {
                                rows,
                                columns,
                                save: storage.for_backward,
                                gates: gates.skip_columns(column),
                                gate_stride,
                                h_prev: h_prev.skip_columns(column),
                                h: cell_output.skip_rows(first).skip_columns(column),
                                c_prev: c_prev.skip_columns(column),
                                c: c_at(step).skip_rows(first).skip_columns(column),
                                tanh_c: saved(tanh_c, step).skip_rows(first).skip_columns(column),
                            });
                        }
                    });
                    if plan.projected() {
                        team.split_panels(plan.state_panels(), |panels| {
                            P::project_output(part(panels), weights, cell_output, h.step(step), shard.rows(step));
                        });
                    }
                    let ending = order.ending(step);
                    plan.store(h.step(step), state, io.h_n.step(state_row), ending.clone(), shard);
                    if let (Some(c_n), true) = (io.c_n, config.cell.has_c()) {
                        plan.store(c_at(step), cell, c_n.step(state_row), ending, shard);
                    }
                }
            }
        }
    }

    /// Loads the dropout mask of a layer and multiplies the output by it.
    unsafe fn apply_dropout(&self, layer: usize, dropout: &Dropout, shard: &Shard) {
        let (plan, features) = (self.plan, self.plan.output_features());
        let mask = plan.sequence(&dropout.mask, features, Extent::AllSteps, shard);
        let dropped = plan.sequence(&dropout.output, features, Extent::AllSteps, shard);
        let output = self.activations.h(plan, layer, 0, shard);
        // SAFETY: the three buffers and the caller's mask have these features and all steps. This thread alone uses the
        // shard.
        unsafe {
            plan.load_steps(self.io.dropout[layer], features, Repeat, mask, shard);
            multiply(plan, features, output, mask, dropped, shard);
        }
    }
}

/// `c = a * b`, element by element, at all steps.
///
/// # Safety
/// The sequences are the shard's parts of buffers with these features and all steps, and no other thread uses them.
pub(crate) unsafe fn multiply(
    plan: &Plan,
    features: Features,
    a: SequencePtr<'_>,
    b: SequencePtr<'_>,
    c: SequencePtr<'_>,
    shard: &Shard,
) {
    for step in 0..shard.steps {
        let (rows, columns) = plan.matrix_shape(features, shard.rows(step), shard);
        let (a, b, c) = (a.step(step), b.step(step), c.step(step));
        for row in 0..rows {
            for column in 0..columns {
                // SAFETY: the step, the row and the column exist in all three.
                unsafe { *c.at(row, column) = *a.at(row, column) * *b.at(row, column) };
            }
        }
    }
}
