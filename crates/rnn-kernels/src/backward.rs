//! The way back: through time, last step first, layer by layer from the top; then the gradients of the weights.

use crate::arrange::Arrange;
use crate::buffer::Buffer;
use crate::cells::Backward;
use crate::copy::{Outside, Padding::Zero};
use crate::error::Result;
use crate::forward::{Activations, Kept, Order, Team, multiply, share, state};
use crate::layout::{Layout, Seq, Shard};

/// What the way back computes on its way.
pub(crate) struct Gradients {
    /// d output of each layer; the top one's is the caller's.
    pub outputs: Vec<Buffer>,
    pub x: Option<Buffer>,
    /// d gates of each layer and direction.
    pub gates: Vec<Buffer>,
    /// d h and d c of the present step, for each layer and direction.
    pub h: Buffer,
    pub c: Buffer,
}

/// The caller's slices, as pointers.
pub(crate) struct BackwardIo {
    pub d_output: Option<Outside<*const f32>>,
    pub d_h_n: Option<*const f32>,
    pub d_c_n: Option<*const f32>,
    /// Time before batch.
    pub d_x: Option<*mut f32>,
    pub d_h_0: Option<*mut f32>,
    pub d_c_0: Option<*mut f32>,
}

// SAFETY: threads read disjoint parts, or write disjoint parts, of what the pointers point to.
unsafe impl Sync for BackwardIo {}

impl Gradients {
    pub(crate) fn new(layout: &Layout, io: &BackwardIo) -> Result<Gradients> {
        let (config, rows) = (layout.config, layout.config.state_rows());
        let output = |layer| {
            let given = layer + 1 == config.num_layers && io.d_output.is_none();
            Buffer::new(if given { 0 } else { layout.len(layout.output(), layout.steps) })
        };
        let x = || Buffer::new(layout.len(layout.input(0), layout.steps));
        Ok(Gradients {
            outputs: (0..config.num_layers).map(output).collect::<Result<_>>()?,
            x: io.d_x.map(|_| x()).transpose()?,
            gates: (0..rows).map(|_| Buffer::new(layout.len(layout.gates(), layout.steps))).collect::<Result<_>>()?,
            h: Buffer::new(layout.len(layout.state(), rows))?,
            c: Buffer::new(if config.cell.has_c() { layout.len(layout.state(), rows) } else { 0 })?,
        })
    }
}

/// A backward pass.
pub(crate) struct BackwardPass<'a, A: Arrange> {
    pub layout: &'a Layout,
    pub weights: &'a [A::Backward],
    pub activations: &'a Activations,
    pub gradients: &'a Gradients,
    pub io: &'a BackwardIo,
}

impl<A: Arrange> BackwardPass<'_, A> {
    /// Runs a shard back through all layers.
    ///
    /// # Safety
    /// The caller's slices are as long as the layout says, and no other thread works on this shard.
    pub(crate) unsafe fn run(&self, shard: &Shard, team: Team<'_>) {
        let (layout, io, gradients) = (self.layout, self.io, self.gradients);
        let (config, steps) = (layout.config, layout.steps);
        let rows = config.state_rows();
        // SAFETY: the caller's promise; the buffers were made for this layout.
        unsafe {
            if let Some(d_output) = io.d_output {
                layout.load(d_output, layout.output(), Zero, self.d_output(config.num_layers - 1, shard), steps, shard);
            }
            let states = [(io.d_h_n, &gradients.h, true), (io.d_c_n, &gradients.c, config.cell.has_c())];
            for (given, buffer, _) in states.into_iter().filter(|(_, _, exists)| *exists) {
                let to = layout.seq(buffer.at(0), layout.state(), rows, shard);
                match given {
                    Some(at) => layout.load(state(layout, at), layout.state(), Zero, to, rows, shard),
                    None => layout.clear(layout.state(), to, rows, shard),
                }
            }
            for layer in (0..config.num_layers).rev() {
                for direction in 0..config.directions() {
                    self.run_direction(layer, direction, shard, team);
                }
                self.drop_out(layer, shard);
            }
            if let (Some(x), Some(at)) = (&gradients.x, io.d_x) {
                let features = layout.input(0);
                let from = layout.seq(x.at(0), features, steps, shard);
                let to = Outside { at, step: layout.batch * features.count(), batch: features.count() };
                layout.store(from, features, to, steps, shard);
            }
            let states = [(io.d_h_0, &gradients.h), (io.d_c_0, &gradients.c)];
            for (at, buffer) in states.into_iter().filter_map(|(at, buffer)| Some((at?, buffer))) {
                let from = layout.seq(buffer.at(0), layout.state(), rows, shard);
                layout.store(from, layout.state(), state(layout, at), rows, shard);
            }
        }
    }

    fn d_output(&self, layer: usize, shard: &Shard) -> Seq {
        self.layout.seq(self.gradients.outputs[layer].at(0), self.layout.output(), self.layout.steps, shard)
    }

    /// Back through a layer in one direction.
    unsafe fn run_direction(&self, layer: usize, direction: usize, shard: &Shard, team: Team<'_>) {
        let (layout, gradients) = (self.layout, self.gradients);
        let (config, steps) = (layout.config, layout.steps);
        let row = layer * config.directions() + direction;
        let weights = &self.weights[row];
        let activations = &self.activations.layers[layer].directions[direction];
        let order = Order { steps, reverse: direction == 1 };
        let kept = Kept::new(layout, true);

        let h = self.activations.h(layout, layer, direction, shard);
        let gates = layout.seq(activations.gates.at(0), layout.gates(), kept.gates, shard);
        let c = layout.seq(activations.c.at(0), layout.state(), kept.c, shard);
        let tanh_c = layout.seq(activations.tanh_c.at(0), layout.state(), kept.tanh_c, shard);
        let d_gates = layout.seq(gradients.gates[row].at(0), layout.gates(), steps, shard);
        let gate = layout.group(config.hidden_size, shard);
        let d_output =
            (gradients.outputs[layer].len() > 0).then(|| self.d_output(layer, shard).offset(direction * gate));
        let states = |buffer: &Buffer| layout.seq(buffer.at(0), layout.state(), config.state_rows(), shard).block(row);
        let (d_h, d_c) = (states(&gradients.h), states(&gradients.c));
        let (rows, columns) = layout.cell(shard);
        let backward = layout.kernels.backward[config.cell as usize];

        // SAFETY: the promise to `run`; the members of a team write different columns.
        unsafe {
            for i in (0..steps).rev() {
                let step = order.step(i);
                let h_prev = match i {
                    0 => self.activations.h_0(layout, row, shard),
                    _ => h.block(order.step(i - 1)),
                };
                team.split(layout, |panels| {
                    if i + 1 < steps {
                        let later = d_gates.block(order.step(i + 1));
                        A::hidden_gradient(layout, weights, later, d_h, shard, panels.clone());
                    }
                    let (first, columns) = share(layout, panels, columns);
                    backward(&Backward {
                        rows,
                        columns,
                        gates: gates.block(step).right(first),
                        d_gates: d_gates.block(step).right(first),
                        gate,
                        d_output: d_output.map(|d_output| d_output.block(step).right(first)),
                        h_prev: h_prev.right(first),
                        h: h.block(step).right(first),
                        c_prev: c.block(order.c_slots(i).0).right(first),
                        tanh_c: tanh_c.block(step).right(first),
                        d_h: d_h.right(first),
                        d_c: d_c.right(first),
                    });
                });
            }
            if self.io.d_h_0.is_some() {
                let first = d_gates.block(order.step(0));
                team.split(layout, |panels| A::hidden_gradient(layout, weights, first, d_h, shard, panels));
            }
            if let Some(d_x) = self.d_input(layer, shard) {
                let add = direction > 0;
                match team.0 {
                    None => A::input_gradient(layout, weights, layer, d_gates, d_x, add, shard, (0, 1)),
                    Some(pool) => {
                        let parts = pool.threads();
                        pool.for_each(parts, &|part| {
                            A::input_gradient(layout, weights, layer, d_gates, d_x, add, shard, (part, parts));
                        });
                    }
                }
            }
        }
    }

    /// Where the gradient of what `layer` reads goes, if anybody wants it.
    fn d_input(&self, layer: usize, shard: &Shard) -> Option<Seq> {
        match layer.checked_sub(1) {
            Some(below) => Some(self.d_output(below, shard)),
            None => {
                let x = self.gradients.x.as_ref()?;
                Some(self.layout.seq(x.at(0), self.layout.input(0), self.layout.steps, shard))
            }
        }
    }

    /// Back through the dropout below a layer.
    unsafe fn drop_out(&self, layer: usize, shard: &Shard) {
        let Some(below) = layer.checked_sub(1) else { return };
        let Some((mask, _)) = &self.activations.layers[below].dropout else { return };
        let (layout, features) = (self.layout, self.layout.output());
        let mask = layout.seq(mask.at(0), features, layout.steps, shard);
        let d_output = self.d_output(below, shard);
        // SAFETY: the promise to `run`.
        unsafe { multiply(layout, features, d_output, mask, d_output, shard) };
    }
}
