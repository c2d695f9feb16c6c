//! The way back: through time, last step first, layer by layer from the top; then the gradients of the weights.

use std::ops::Range;

use crate::arrange::{Arrange, Place};
use crate::buffer::Buffer;
use crate::cells::Backward;
use crate::copy::{Outside, Padding::Zero};
use crate::error::Result;
use crate::forward::{Activations, Kept, Order, Team, multiply, share, state};
use crate::gradients::{Partial, Sums};
use crate::layout::{Layout, Seq, Shard};
use crate::parallel;

/// What the way back computes on its way.
pub(crate) struct Gradients {
    /// d output of each layer; the top one's is the caller's.
    pub outputs: Vec<Buffer>,
    pub x: Option<Buffer>,
    /// d gates: of all steps, a buffer for each layer and direction; or of twice `chunk` steps, one for all.
    gates: Vec<Buffer>,
    /// How many steps the walk takes before it does something with their d gates.
    chunk: usize,
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
    /// `chunk` is the number of steps after which d gates are no longer needed, or of all steps if they are kept.
    pub(crate) fn new(layout: &Layout, io: &BackwardIo, chunk: usize) -> Result<Gradients> {
        let (config, rows) = (layout.config, layout.config.state_rows());
        let output = |layer| {
            let given = layer + 1 == config.num_layers && io.d_output.is_none();
            Buffer::new(if given { 0 } else { layout.len(layout.output(), layout.steps) })
        };
        let x = || Buffer::new(layout.len(layout.input(0), layout.steps));
        Ok(Gradients {
            outputs: (0..config.num_layers).map(output).collect::<Result<_>>()?,
            x: io.d_x.map(|_| x()).transpose()?,
            gates: if chunk == layout.steps {
                (0..rows).map(|_| Buffer::new(layout.len(layout.gates(), chunk))).collect::<Result<_>>()?
            } else {
                vec![Buffer::new(layout.len(layout.gates(), 2 * chunk))?]
            },
            chunk,
            h: Buffer::new(layout.len(layout.state(), rows))?,
            c: Buffer::new(if config.cell.has_c() { layout.len(layout.state(), rows) } else { 0 })?,
        })
    }

    /// Whether d gates are used up while the walk goes on.
    pub(crate) fn in_chunks(&self, layout: &Layout) -> bool {
        self.chunk < layout.steps
    }

    /// d gates of a layer and direction.
    pub(crate) fn d_gates(&self, row: usize) -> &Buffer {
        self.gates.get(row).unwrap_or(&self.gates[0])
    }
}

/// A backward pass.
pub(crate) struct BackwardPass<'a, A: Arrange> {
    pub layout: &'a Layout,
    pub weights: &'a [A::Backward],
    pub activations: &'a Activations,
    pub gradients: &'a Gradients,
    pub io: &'a BackwardIo,
    pub sums: &'a Sums<'a>,
}

impl<A: Arrange> BackwardPass<'_, A> {
    /// Runs a shard back through all layers. The gradients of the parameters are added to `partial`, if there is one;
    /// `first` says that this is the first shard that does so.
    ///
    /// # Safety
    /// The caller's slices are as long as the layout says, and no other thread works on this shard or with `partial`.
    pub(crate) unsafe fn run(&self, shard: &Shard, team: Team<'_>, partial: Option<&Partial>, first: bool) {
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
                    self.run_direction((layer, direction), shard, team, partial, first);
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
    unsafe fn run_direction(
        &self,
        (layer, direction): (usize, usize),
        shard: &Shard,
        team: Team<'_>,
        partial: Option<&Partial>,
        first_shard: bool,
    ) {
        let (layout, gradients, chunk) = (self.layout, self.gradients, self.gradients.chunk);
        let (config, steps) = (layout.config, layout.steps);
        let row = layer * config.directions() + direction;
        let weights = &self.weights[row];
        let activations = &self.activations.layers[layer].directions[direction];
        let order = Order { steps, reverse: direction == 1 };
        let place = Place { layout, layer, shard };
        let kept = Kept::all(layout);

        let h = self.activations.h(layout, layer, direction, shard);
        let gates = layout.seq(activations.gates.at(0), layout.gates(), kept.gates, shard);
        let c = layout.seq(activations.c.at(0), layout.state(), kept.c, shard);
        let tanh_c = layout.seq(activations.tanh_c.at(0), layout.state(), kept.tanh_c, shard);
        // d gates of a chunk lie in the order of time; chunks take turns in the two halves of the buffer.
        let d_gates = layout.seq(
            gradients.d_gates(row).at(0),
            layout.gates(),
            if chunk == steps { steps } else { 2 * chunk },
            shard,
        );
        let turn = |i: usize| (steps - 1 - i) / chunk;
        let steps_of = |turn: usize| {
            let (last, end) =
                (order.step((steps - turn * chunk).saturating_sub(chunk)), order.step(steps - turn * chunk - 1));
            last.min(end)..last.max(end) + 1
        };
        let half = |turn: usize| d_gates.offset(turn % 2 * chunk * d_gates.step);
        let d_gates_at = |i: usize| half(turn(i)).block(order.step(i) - steps_of(turn(i)).start);
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
                        A::hidden_gradient(place, weights, d_gates_at(i + 1), d_h, panels.clone());
                    }
                    let (first, columns) = share(layout, panels, columns);
                    backward(&Backward {
                        rows,
                        columns,
                        gates: gates.block(step).right(first),
                        d_gates: d_gates_at(i).right(first),
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
                if i == 0 || turn(i - 1) != turn(i) {
                    let (steps, d_gates) = (steps_of(turn(i)), half(turn(i)));
                    self.input_gradient((layer, direction), steps.clone(), d_gates, shard, team);
                    if let Some(partial) = partial {
                        let first = first_shard && turn(i) == 0;
                        self.sums.add(partial, (layer, direction), shard, steps, d_gates, first);
                    }
                }
            }
            if self.io.d_h_0.is_some() {
                team.split(layout, |panels| A::hidden_gradient(place, weights, d_gates_at(0), d_h, panels));
            }
        }
    }

    /// The gradient of what a layer reads at some steps, if anybody wants it.
    unsafe fn input_gradient(
        &self,
        (layer, direction): (usize, usize),
        steps: Range<usize>,
        d_gates: Seq,
        shard: &Shard,
        team: Team<'_>,
    ) {
        let (layout, weights) = (self.layout, &self.weights[layer * self.layout.config.directions() + direction]);
        let Some(d_x) = self.d_input(layer, shard) else { return };
        let place = Place { layout, layer, shard };
        let (d_x, count, add) = (d_x.offset(steps.start * d_x.step), steps.len(), direction > 0);
        // SAFETY: the promise to `run`; the members of a team write different columns or steps.
        let gradient = |part, parts| unsafe {
            A::input_gradient(place, weights, d_gates, d_x, count, add, (part, parts));
        };
        match team.0 {
            None => gradient(0, 1),
            Some(pool) => {
                let parts = pool.threads().max(1); // asked once: another answer would make other parts
                parallel::for_each(pool, parts, &|part| gradient(part, parts));
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
