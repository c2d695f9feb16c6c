//! The way forward: through the steps of each layer and direction, piece by piece of the batch.

use std::ops::Range;

use crate::arrange::{Arrange, Place};
use crate::buffer::Buffer;
use crate::cells::{Block, Forward};
use crate::copy::{Outside, Padding::Repeat};
use crate::error::Result;
use crate::layout::{Arrangement, Features, Layout, Seq, Shard};
use crate::parallel::{self, Parallel};

/// Rows of gates that are projected at once where they are not kept for the way back.
const PROJECTED_ROWS: usize = 256;

/// What the way back needs of the way forward.
pub(crate) struct Activations {
    pub x: Buffer,
    /// h before the first step; a step of the sequence for each row of the state.
    pub h_0: Buffer,
    pub layers: Vec<LayerActivations>,
}

pub(crate) struct LayerActivations {
    /// h of every step, a group for each direction.
    pub output: Buffer,
    /// What dropout multiplies the output by, and the product, which the next layer reads.
    pub dropout: Option<(Buffer, Buffer)>,
    pub directions: Vec<DirectionActivations>,
}

pub(crate) struct DirectionActivations {
    /// The gates of every step, or of as many as are projected at once.
    pub gates: Buffer,
    /// For LSTM: c before every step and after the last, or c alone.
    pub c: Buffer,
    /// For LSTM: tanh(c) of every step, or none.
    pub tanh_c: Buffer,
}

/// The caller's slices, as pointers.
pub(crate) struct Io {
    pub x: Outside<*const f32>,
    pub h_0: Option<*const f32>,
    pub c_0: Option<*const f32>,
    /// A mask for each layer but the last; time before batch.
    pub dropout: Vec<*const f32>,
    pub output: *mut f32,
    pub h_n: *mut f32,
    pub c_n: *mut f32,
}

// SAFETY: threads read disjoint parts, or write disjoint parts, of what the pointers point to.
unsafe impl Sync for Io {}

/// What the workspace has room for: all that the way back needs, or as little as may be.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    /// Whether there will be a way back.
    save: bool,
    /// A copy of x, and one of the top layer's output; else the caller's are read and written in place.
    pub x: bool,
    pub output: bool,
    /// Steps of gates, of c and of tanh(c): all, or some that are used again, or none.
    pub gates: usize,
    pub c: usize,
    pub tanh_c: usize,
}

impl Kept {
    pub(crate) fn all(layout: &Layout) -> Kept {
        let steps = layout.steps;
        Kept { save: true, x: true, output: true, gates: steps, c: steps + 1, tanh_c: steps }
    }

    pub(crate) fn least(layout: &Layout, io: &Io) -> Kept {
        let lanes = layout.arrangement == Arrangement::Lanes;
        let hidden = layout.config.hidden_size;
        Kept {
            save: false,
            x: lanes || io.x.step != layout.batch * io.x.batch,
            output: lanes || hidden != layout.pad(hidden),
            gates: PROJECTED_ROWS.div_ceil(layout.batch).min(layout.steps),
            c: 1,
            tanh_c: 0,
        }
    }
}

impl Activations {
    pub(crate) fn new(layout: &Layout, kept: Kept, dropout: bool) -> Result<Activations> {
        let config = layout.config;
        let state = |steps| if config.cell.has_c() { layout.len(layout.state(), steps) } else { 0 };
        let direction = || {
            Ok(DirectionActivations {
                gates: Buffer::new(layout.len(layout.gates(), kept.gates))?,
                c: Buffer::new(state(kept.c))?,
                tanh_c: Buffer::new(state(kept.tanh_c))?,
            })
        };
        let output = || Buffer::new(layout.len(layout.output(), layout.steps));
        let layer = |layer| {
            let top = layer + 1 == config.num_layers;
            let dropped = dropout && !top;
            Ok(LayerActivations {
                output: if kept.output || !top { output()? } else { Buffer::new(0)? },
                dropout: if dropped { Some((output()?, output()?)) } else { None },
                directions: (0..config.directions()).map(|_| direction()).collect::<Result<_>>()?,
            })
        };
        Ok(Activations {
            x: Buffer::new(if kept.x { layout.len(layout.input(0), layout.steps) } else { 0 })?,
            h_0: Buffer::new(layout.len(layout.state(), config.state_rows()))?,
            layers: (0..config.num_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// What `layer` reads.
    pub(crate) fn input(&self, layout: &Layout, layer: usize, shard: &Shard) -> Seq {
        let buffer = match layer.checked_sub(1).map(|below| &self.layers[below]) {
            None => &self.x,
            Some(below) => below.dropout.as_ref().map_or(&below.output, |(_, dropped)| dropped),
        };
        layout.seq(buffer.at(0), layout.input(layer), layout.steps, shard)
    }

    /// h of every step of a layer and direction.
    pub(crate) fn h(&self, layout: &Layout, layer: usize, direction: usize, shard: &Shard) -> Seq {
        let output = layout.seq(self.layers[layer].output.at(0), layout.output(), layout.steps, shard);
        output.offset(direction * layout.group(layout.config.hidden_size, shard))
    }

    /// h before the first step, as the only step of a sequence.
    pub(crate) fn h_0(&self, layout: &Layout, row: usize, shard: &Shard) -> Block {
        layout.seq(self.h_0.at(0), layout.state(), layout.config.state_rows(), shard).block(row)
    }
}

/// The steps of a direction: first to last, or last to first.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub steps: usize,
    pub reverse: bool,
}

impl Order {
    /// The step that comes `i`-th.
    pub(crate) fn step(self, i: usize) -> usize {
        if self.reverse { self.steps - 1 - i } else { i }
    }

    /// Where c lies before and after the step that comes `i`-th, if c of all steps is kept.
    pub(crate) fn c_slots(self, i: usize) -> (usize, usize) {
        let step = self.step(i);
        if self.reverse { (step + 1, step) } else { (step, step + 1) }
    }
}

/// Who shares the columns of a step: nobody, or a team of threads.
#[derive(Clone, Copy)]
pub(crate) struct Team<'a>(pub Option<&'a dyn Parallel>);

impl Team<'_> {
    /// Calls `work` with the panels of h's columns, shared out.
    pub(crate) fn split(self, layout: &Layout, work: impl Fn(Range<usize>) + Sync) {
        let panels = layout.panels();
        match self.0 {
            None => work(0..panels),
            Some(pool) => {
                let members = pool.threads().clamp(1, panels);
                parallel::for_each(pool, members, &|i| work(panels * i / members..panels * (i + 1) / members));
            }
        }
    }
}

/// A forward pass.
pub(crate) struct ForwardPass<'a, A: Arrange> {
    pub layout: &'a Layout,
    pub weights: &'a [A::Forward],
    pub activations: &'a Activations,
    pub kept: Kept,
    pub io: &'a Io,
}

impl<A: Arrange> ForwardPass<'_, A> {
    /// Runs a shard through all layers.
    ///
    /// # Safety
    /// The caller's slices are as long as the layout says, and no other thread works on this shard.
    pub(crate) unsafe fn run(&self, shard: &Shard, team: Team<'_>) {
        let (layout, io, activations) = (self.layout, self.io, self.activations);
        let config = layout.config;
        // SAFETY: the caller's promise; the buffers were made for this layout.
        unsafe {
            if self.kept.x {
                layout.load(io.x, layout.input(0), Repeat, self.input(0, shard), layout.steps, shard);
            }
            self.load_state(shard);
            for layer in 0..config.num_layers {
                for direction in 0..config.directions() {
                    self.run_direction(layer, direction, shard, team);
                }
                if let Some((mask, dropped)) = &activations.layers[layer].dropout {
                    self.drop_out(layer, mask, dropped, shard);
                }
            }
            if self.kept.output {
                let (top, features) = (self.h(config.num_layers - 1, 0, shard), layout.output());
                let (step, batch) = (layout.batch * features.count(), features.count());
                layout.store(top, features, Outside { at: io.output, step, batch }, layout.steps, shard);
            }
        }
    }

    /// What `layer` reads.
    fn input(&self, layer: usize, shard: &Shard) -> Seq {
        let Outside { at, step, batch } = self.io.x;
        if layer > 0 || self.kept.x {
            return self.activations.input(self.layout, layer, shard);
        }
        Seq { at: at.wrapping_add(shard.first * batch).cast_mut(), step, row: batch }
    }

    /// h of every step of a layer and direction.
    fn h(&self, layer: usize, direction: usize, shard: &Shard) -> Seq {
        let (layout, row) = (self.layout, self.layout.output().count());
        if layer + 1 < layout.config.num_layers || self.kept.output {
            return self.activations.h(layout, layer, direction, shard);
        }
        let at = self.io.output.wrapping_add(shard.first * row + direction * layout.config.hidden_size);
        Seq { at, step: layout.batch * row, row }
    }

    /// h and c before the first step; zeros if the caller gave none.
    unsafe fn load_state(&self, shard: &Shard) {
        let (layout, io) = (self.layout, self.io);
        let rows = layout.config.state_rows();
        let h_0 = layout.seq(self.activations.h_0.at(0), layout.state(), rows, shard);
        // SAFETY: the promise to `run`.
        unsafe {
            match io.h_0 {
                Some(at) => layout.load(state(layout, at), layout.state(), Repeat, h_0, rows, shard),
                None => layout.clear(layout.state(), h_0, rows, shard),
            }
        }
    }

    /// Runs a layer in one direction.
    unsafe fn run_direction(&self, layer: usize, direction: usize, shard: &Shard, team: Team<'_>) {
        let (layout, io, kept) = (self.layout, self.io, self.kept);
        let (config, kernels) = (layout.config, layout.kernels);
        let row = layer * config.directions() + direction;
        let weights = &self.weights[row];
        let activations = &self.activations.layers[layer].directions[direction];
        let order = Order { steps: layout.steps, reverse: direction == 1 };
        let place = Place { layout, layer, shard };

        let x = self.input(layer, shard);
        let h = self.h(layer, direction, shard);
        let gates = layout.seq(activations.gates.at(0), layout.gates(), kept.gates, shard);
        let c = layout.seq(activations.c.at(0), layout.state(), kept.c, shard);
        let tanh_c = layout.seq(activations.tanh_c.at(0), layout.state(), kept.tanh_c, shard);
        let (rows, columns) = layout.cell(shard);
        let gate = layout.group(config.hidden_size, shard);
        let forward = kernels.forward[config.cell as usize];
        let c_slots = |i| if kept.save { order.c_slots(i) } else { (0, 0) };

        // SAFETY: the promise to `run`; the members of a team write different columns.
        unsafe {
            if config.cell.has_c() {
                let first = Seq { at: c.block(c_slots(0).0).at, ..c };
                match io.c_0 {
                    Some(at) => {
                        let from = state(layout, at.add(row * layout.batch * config.hidden_size));
                        layout.load(from, layout.state(), Repeat, first, 1, shard);
                    }
                    None => layout.clear(layout.state(), first, 1, shard),
                }
            }
            for chunk in (0..layout.steps).step_by(kept.gates) {
                let chunk = chunk..(chunk + kept.gates).min(layout.steps);
                let base = order.step(chunk.start).min(order.step(chunk.end - 1)); // the earliest step of the chunk
                team.split(layout, |panels| {
                    A::project(place, weights, x, base..base + chunk.len(), gates, panels);
                });
                for i in chunk {
                    let step = order.step(i);
                    let h_prev = match i {
                        0 => self.activations.h_0(layout, row, shard),
                        _ => h.block(order.step(i - 1)),
                    };
                    let (c_prev, c_next) = c_slots(i);
                    let gates = gates.block(step - base);
                    team.split(layout, |panels| {
                        A::add_hidden(place, weights, x.block(step), h_prev, gates, panels.clone());
                        let (first, columns) = share(layout, panels, columns);
                        forward(&Forward {
                            rows,
                            columns,
                            save: kept.save,
                            gates: gates.right(first),
                            gate,
                            h_prev: h_prev.right(first),
                            h: h.block(step).right(first),
                            c_prev: c.block(c_prev).right(first),
                            c: c.block(c_next).right(first),
                            tanh_c: tanh_c.block(step).right(first),
                        });
                    });
                }
            }
            let last = layout.steps - 1;
            let h_n = Seq { at: h.block(order.step(last)).at, ..h };
            self.store_state(h_n, io.h_n, row, shard);
            if config.cell.has_c() {
                let c_n = Seq { at: c.block(c_slots(last).1).at, ..c };
                self.store_state(c_n, io.c_n, row, shard);
            }
        }
    }

    /// A row of the state, to the caller.
    unsafe fn store_state(&self, from: Seq, to: *mut f32, row: usize, shard: &Shard) {
        let (layout, hidden) = (self.layout, self.layout.config.hidden_size);
        let to = Outside { at: to.wrapping_add(row * layout.batch * hidden), step: 0, batch: hidden };
        // SAFETY: the promise to `run`.
        unsafe { layout.store(from, layout.state(), to, 1, shard) };
    }

    /// `dropped = mask * output`
    unsafe fn drop_out(&self, layer: usize, mask: &Buffer, dropped: &Buffer, shard: &Shard) {
        let (layout, features) = (self.layout, self.layout.output());
        let all = |buffer: &Buffer| layout.seq(buffer.at(0), features, layout.steps, shard);
        let (step, batch) = (layout.batch * features.count(), features.count());
        // SAFETY: the promise to `run`.
        unsafe {
            let from = Outside { at: self.io.dropout[layer], step, batch };
            layout.load(from, features, Repeat, all(mask), layout.steps, shard);
            let output = self.activations.h(layout, layer, 0, shard);
            multiply(layout, features, output, all(mask), all(dropped), shard);
        }
    }
}

/// A state of the caller's: a step for each row.
pub(crate) fn state<P>(layout: &Layout, at: P) -> Outside<P> {
    let hidden = layout.config.hidden_size;
    Outside { at, step: layout.batch * hidden, batch: hidden }
}

/// The first column and the number of columns of a share of the panels. In Lanes one member has them all.
pub(crate) fn share(layout: &Layout, panels: Range<usize>, columns: usize) -> (usize, usize) {
    let widest = layout.kernels.panel;
    let first = panels.start * widest;
    (first, (panels.end * widest).min(columns) - first)
}

/// `c = a * b`, number by number, at all steps.
///
/// # Safety
/// The sequences have these features, and no other thread uses this shard.
pub(crate) unsafe fn multiply(layout: &Layout, features: Features, a: Seq, b: Seq, c: Seq, shard: &Shard) {
    let (rows, columns) = layout.matrix(features, shard);
    for step in 0..layout.steps {
        for row in 0..rows {
            let at = |seq: Seq| seq.block(step).at.wrapping_add(row * seq.row);
            for column in 0..columns {
                // SAFETY: the caller's promise.
                unsafe { *at(c).add(column) = *at(a).add(column) * *at(b).add(column) };
            }
        }
    }
}
