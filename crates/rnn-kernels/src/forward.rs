//! The forward pass: a shard of the batch runs through all layers, directions and time steps.

use crate::activations::{Activations, Dropout, Storage, TimeOrder};
use crate::copy::Padding::Repeat;
use crate::io::ForwardIo;
use crate::kernels::cells::ForwardStep;
use crate::plan::{Features, Plan, Shard};
use crate::pointers::SequencePtr;
use crate::products::{LayerPart, LayerProducts};
use crate::schedule::Team;

/// A forward pass.
pub(crate) struct ForwardPass<'a, P: LayerProducts> {
    pub plan: &'a Plan,
    pub weights: &'a [P::ForwardWeights],
    pub activations: &'a Activations,
    pub storage: Storage,
    pub io: &'a ForwardIo,
}

impl<P: LayerProducts> ForwardPass<'_, P> {
    /// Runs a shard through all layers.
    ///
    /// # Safety
    /// For this function and the others of this type:
    /// - The caller's arrays in `io` have the sizes of the plan, and nothing else uses those that are written.
    /// - The weights and the activations were made for the plan.
    /// - At the same time, other threads may run other shards, but not this one.
    pub(crate) unsafe fn run(&self, shard: &Shard, team: Team<'_>) {
        let (plan, io, config) = (self.plan, self.io, self.plan.config);
        let (input, output, state) = (plan.input_features(0), plan.output_features(), plan.state_features());
        let state_rows = config.state_rows();
        let h_0 = plan.sequence(&self.activations.h_0, state, state_rows, shard);
        // SAFETY: `io` has the sizes of the plan, and so have the buffers. This thread alone uses the shard.
        unsafe {
            if self.storage.x {
                plan.load(io.x, input, Repeat, self.input(0, shard), plan.steps, shard);
            }
            match io.h_0 {
                Some(given) => plan.load(given, state, Repeat, h_0, state_rows, shard),
                None => plan.clear(state, h_0, state_rows, shard),
            }
            for layer in 0..config.num_layers {
                for direction in 0..config.directions() {
                    self.run_direction(layer, direction, shard, team);
                }
                if let Some(dropout) = &self.activations.layers[layer].dropout {
                    self.apply_dropout(layer, dropout, shard);
                }
            }
            if self.storage.output {
                plan.store(self.h(config.num_layers - 1, 0, shard), output, io.output, plan.steps, shard);
            }
        }
    }

    /// The input of `layer`.
    fn input(&self, layer: usize, shard: &Shard) -> SequencePtr {
        if layer > 0 || self.storage.x {
            return self.activations.input(self.plan, layer, shard);
        }
        self.io.x.offset(shard.first * self.io.x.row_stride)
    }

    /// h of every step of a layer and direction.
    fn h(&self, layer: usize, direction: usize, shard: &Shard) -> SequencePtr {
        let (config, output) = (self.plan.config, self.io.output);
        if layer + 1 < config.num_layers || self.storage.output {
            return self.activations.h(self.plan, layer, direction, shard);
        }
        output.offset(shard.first * output.row_stride + direction * config.hidden_size)
    }

    /// Runs one direction of a layer.
    unsafe fn run_direction(&self, layer: usize, direction: usize, shard: &Shard, team: Team<'_>) {
        let (plan, io, storage, config) = (self.plan, self.io, self.storage, self.plan.config);
        let state_row = plan.state_row(layer, direction);
        let weights = &self.weights[state_row];
        let buffers = &self.activations.layers[layer].directions[direction];
        let order = TimeOrder { steps: plan.steps, reverse: direction == 1 };
        let part = |panels| LayerPart { plan, layer, shard, panels };

        let (x, h) = (self.input(layer, shard), self.h(layer, direction, shard));
        let gates = plan.sequence(&buffers.gates, plan.gate_features(), storage.gates, shard);
        let state = plan.state_features();
        let c = plan.sequence(&buffers.c, state, storage.c, shard);
        let tanh_c = plan.sequence(&buffers.tanh_c, state, storage.tanh_c, shard);
        let c_slots = |i| if storage.for_backward { order.c_slots(i) } else { (0, 0) };
        let (rows, columns) = plan.matrix_shape(state, shard);
        let gate_stride = plan.group_stride(config.hidden_size, shard);
        let forward = plan.kernels.forward[config.cell as usize];

        // SAFETY: the sequences are this shard's parts of buffers and arrays of the plan's sizes, and every step that
        // is used exists in them. Members of a team write different columns of a step, and `split_panels` returns only
        // when all members have finished, so that no member reads h of a step before it is complete.
        unsafe {
            if config.cell.has_c() {
                let c_0 = c.skip_steps(c_slots(0).0);
                match io.c_0 {
                    Some(given) => plan.load(given.skip_steps(state_row), state, Repeat, c_0, 1, shard),
                    None => plan.clear(state, c_0, 1, shard),
                }
            }
            for chunk in (0..plan.steps).step_by(storage.gates) {
                let chunk = chunk..(chunk + storage.gates).min(plan.steps);
                let base = order.step(chunk.start).min(order.step(chunk.end - 1)); // the earliest time step of the chunk
                team.split_panels(plan, |panels| {
                    P::project_input(part(panels), weights, x.skip_steps(base), gates, chunk.len());
                });
                for i in chunk {
                    let step = order.step(i);
                    let h_prev = match i {
                        0 => self.activations.h_0(plan, state_row, shard),
                        _ => h.step(order.step(i - 1)),
                    };
                    let (c_prev, c_next) = c_slots(i);
                    let gates = gates.step(step - base);
                    team.split_panels(plan, |panels| {
                        P::add_recurrent(part(panels), weights, x.step(step), h_prev, gates);
                        let (first, columns) = panels.columns(plan, columns);
                        forward(&ForwardStep {
                            rows,
                            columns,
                            save: storage.for_backward,
                            gates: gates.skip_columns(first),
                            gate_stride,
                            h_prev: h_prev.skip_columns(first),
                            h: h.step(step).skip_columns(first),
                            c_prev: c.step(c_prev).skip_columns(first),
                            c: c.step(c_next).skip_columns(first),
                            tanh_c: tanh_c.step(step).skip_columns(first),
                        });
                    });
                }
            }
            let last = plan.steps - 1;
            plan.store(h.skip_steps(order.step(last)), state, io.h_n.skip_steps(state_row), 1, shard);
            if let (Some(c_n), true) = (io.c_n, config.cell.has_c()) {
                plan.store(c.skip_steps(c_slots(last).1), state, c_n.skip_steps(state_row), 1, shard);
            }
        }
    }

    /// Loads the dropout mask of a layer and multiplies the output by it.
    unsafe fn apply_dropout(&self, layer: usize, dropout: &Dropout, shard: &Shard) {
        let (plan, features) = (self.plan, self.plan.output_features());
        let mask = plan.sequence(&dropout.mask, features, plan.steps, shard);
        let dropped = plan.sequence(&dropout.output, features, plan.steps, shard);
        let output = self.activations.h(plan, layer, 0, shard);
        // SAFETY: the three buffers and the caller's mask have these features and `plan.steps` steps. This thread alone
        // uses the shard.
        unsafe {
            plan.load(self.io.dropout[layer], features, Repeat, mask, plan.steps, shard);
            multiply(plan, features, output, mask, dropped, shard);
        }
    }
}

/// `c = a * b`, element by element, at all steps.
///
/// # Safety
/// The sequences are the shard's parts of buffers with these features and the steps of the plan, and no other thread
/// uses them.
pub(crate) unsafe fn multiply(
    plan: &Plan,
    features: Features,
    a: SequencePtr,
    b: SequencePtr,
    c: SequencePtr,
    shard: &Shard,
) {
    let (rows, columns) = plan.matrix_shape(features, shard);
    for step in 0..plan.steps {
        let (a, b, c) = (a.step(step), b.step(step), c.step(step));
        for row in 0..rows {
            for column in 0..columns {
                // SAFETY: the step, the row and the column exist in all three.
                unsafe { *c.at(row, column) = *a.at(row, column) * *b.at(row, column) };
            }
        }
    }
}
