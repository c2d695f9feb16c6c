//! The calls: check the slices, choose the layout, cut the batch, run.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::arrange::Arrange;
use crate::backward::{BackwardIo, BackwardPass, Gradients};
use crate::config::Config;
use crate::copy::Outside;
use crate::error::{Error, Result, check_length};
use crate::forward::{Activations, ForwardPass, Io, Kept, Team};
use crate::gradients::{ParameterGradients, Sums};
use crate::isa::InstructionSet;
use crate::lanes::{self, Lanes};
use crate::layout::{Arrangement, Layout, Shard};
use crate::parallel::Parallel;
use crate::parameters::by_direction;
use crate::rows::{self, Rows};

/// Numbers for each step and sample: `step` apart from step to step, `batch` from sample to sample, features side by side.
#[derive(Debug, Clone, Copy)]
pub struct Sequence<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// From a step to the next.
    pub step: usize,
    /// From a sample to the next.
    pub batch: usize,
}

impl<'a> Sequence<'a> {
    /// Time before batch, nothing between.
    pub fn contiguous(data: &'a [f32], batch: usize, features: usize) -> Sequence<'a> {
        Sequence { data, step: batch * features, batch: features }
    }

    fn outside(&self, what: &'static str, steps: usize, batch: usize, features: usize) -> Result<Outside<*const f32>> {
        let reach = |count: usize, stride: usize| (count - 1).saturating_mul(stride);
        let expected = reach(steps, self.step).saturating_add(reach(batch, self.batch)).saturating_add(features);
        if self.data.len() < expected {
            return Err(Error::Length { what, expected, got: self.data.len() });
        }
        Ok(Outside { at: self.data.as_ptr(), step: self.step, batch: self.batch })
    }
}

/// What goes into a forward pass.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Steps of the sequences.
    pub steps: usize,
    /// Sequences.
    pub batch: usize,
    /// (steps, batch, input_size)
    pub x: Sequence<'a>,
    /// (state_rows, batch, hidden_size); `None` for zeros.
    pub h_0: Option<&'a [f32]>,
    /// The same, for LSTM.
    pub c_0: Option<&'a [f32]>,
    /// What the output of each layer but the last is multiplied by, (steps, batch, output_size) each; empty for no dropout.
    pub dropout: &'a [&'a [f32]],
}

/// What comes out of it.
#[derive(Debug)]
pub struct Output<'a> {
    /// h of the last layer at each step, (steps, batch, output_size).
    pub output: &'a mut [f32],
    /// (state_rows, batch, hidden_size)
    pub h_n: &'a mut [f32],
    /// The same, for LSTM.
    pub c_n: Option<&'a mut [f32]>,
}

/// The gradients of the loss with respect to what came out; `None` for zeros.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutputGradients<'a> {
    /// (steps, batch, output_size)
    pub output: Option<Sequence<'a>>,
    /// (state_rows, batch, hidden_size)
    pub h_n: Option<&'a [f32]>,
    /// The same, for LSTM.
    pub c_n: Option<&'a [f32]>,
}

/// Where the gradients with respect to what went in are written; `None` for those that nobody wants.
#[derive(Debug, Default)]
pub struct InputGradients<'a> {
    /// (steps, batch, input_size)
    pub x: Option<&'a mut [f32]>,
    /// (state_rows, batch, hidden_size)
    pub h_0: Option<&'a mut [f32]>,
    /// The same, for LSTM.
    pub c_0: Option<&'a mut [f32]>,
    /// In torch's order; empty for none.
    pub parameters: Vec<Option<&'a mut [f32]>>,
}

/// A stack of recurrent layers: `torch.nn.RNN`, `LSTM` or `GRU` without its parameters.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    config: Config,
    set: InstructionSet,
}

/// Weights as forward passes want them. They serve every call until the parameters change.
pub struct Weights {
    layout: Layout,
    matrices: Matrices,
}

enum Matrices {
    Rows(Vec<rows::ForwardWeights>),
    Lanes(Vec<lanes::Weights>),
}

/// What a forward pass leaves for the way back. It can be walked any number of times.
pub struct Tape {
    layout: Layout,
    activations: Activations,
}

impl Network {
    /// A network that runs on the instruction set of [`InstructionSet::chosen`].
    ///
    /// # Errors
    /// [`Error::ZeroSize`]; [`Error::InstructionSet`] if the environment asks for one that the CPU lacks.
    pub fn new(config: Config) -> Result<Network> {
        Network::with_instruction_set(config, InstructionSet::chosen()?)
    }

    /// A network that runs on the given instruction set.
    ///
    /// # Errors
    /// [`Error::ZeroSize`].
    pub fn with_instruction_set(config: Config, set: InstructionSet) -> Result<Network> {
        config.validate()?;
        Ok(Network { config, set })
    }

    /// The sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the kernels are compiled for.
    pub fn instruction_set(&self) -> InstructionSet {
        self.set
    }

    fn layout(&self, steps: usize, batch: usize) -> Result<Layout> {
        for (name, size) in [("the number of steps", steps), ("the batch size", batch)] {
            if size == 0 {
                return Err(Error::ZeroSize { name });
            }
        }
        let arrangement = Arrangement::choose(&self.config, batch, self.set.0);
        Ok(Layout { config: self.config, kernels: self.set.0, arrangement, steps, batch })
    }

    /// Puts weights in order for forward passes with `batch` sequences. `parameters` are torch's, in its order:
    /// `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, then the reverse direction's, then the next layer's.
    ///
    /// # Errors
    /// [`Error::ParameterCount`], [`Error::Length`], [`Error::Memory`].
    pub fn pack(&self, parameters: &[&[f32]], batch: usize, pool: &dyn Parallel) -> Result<Weights> {
        let layout = self.layout(1, batch)?;
        let matrices = match layout.arrangement {
            Arrangement::Rows => Matrices::Rows(pack_forward::<Rows>(&layout, parameters, pool)?),
            Arrangement::Lanes => Matrices::Lanes(pack_forward::<Lanes>(&layout, parameters, pool)?),
        };
        Ok(Weights { layout, matrices })
    }

    /// Runs the network over a batch of sequences.
    ///
    /// # Errors
    /// [`Error::ZeroSize`] for no steps or no sequences, [`Error::Length`] for a slice that does not fit, also for weights of
    /// another network or for a batch that they do [not fit](Weights::fits), [`Error::Memory`].
    pub fn forward(&self, weights: &Weights, input: &Input<'_>, output: Output<'_>, pool: &dyn Parallel) -> Result<()> {
        self.run_forward(weights, input, output, false, pool).map(drop)
    }

    /// The same, and keeps what [`backward`](Self::backward) needs.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_saving(
        &self,
        weights: &Weights,
        input: &Input<'_>,
        output: Output<'_>,
        pool: &dyn Parallel,
    ) -> Result<Tape> {
        self.run_forward(weights, input, output, true, pool)
    }

    fn run_forward(
        &self,
        weights: &Weights,
        input: &Input<'_>,
        output: Output<'_>,
        save: bool,
        pool: &dyn Parallel,
    ) -> Result<Tape> {
        let layout = self.layout(input.steps, input.batch)?;
        if !weights.fits(self, input.batch) {
            return Err(Error::OtherWeights);
        }
        let io = self.forward_io(input, output)?;
        let kept = Kept::new(&layout, save);
        let activations = Activations::new(&layout, kept, !input.dropout.is_empty())?;
        match &weights.matrices {
            Matrices::Rows(weights) => {
                let pass = ForwardPass::<Rows> { layout: &layout, weights, activations: &activations, kept, io: &io };
                // SAFETY: the slices were checked, and the shards are disjoint.
                run_shards(&layout, pool, |shard, team, _, _| unsafe { pass.run(shard, team) });
            }
            Matrices::Lanes(weights) => {
                let pass = ForwardPass::<Lanes> { layout: &layout, weights, activations: &activations, kept, io: &io };
                // SAFETY: as above.
                run_shards(&layout, pool, |shard, team, _, _| unsafe { pass.run(shard, team) });
            }
        }
        Ok(Tape { layout, activations })
    }

    /// The slices as pointers, once they are known to be long enough.
    fn forward_io(&self, input: &Input<'_>, output: Output<'_>) -> Result<Io> {
        let config = &self.config;
        let (steps, batch) = (input.steps, input.batch);
        let state = config.state_rows() * batch * config.hidden_size;
        let outputs = steps * batch * config.output_size();
        let given = |what, slice: Option<&[f32]>| {
            slice.map(|slice| check_length(what, slice, state).map(|()| slice.as_ptr())).transpose()
        };
        check_length("output", output.output, outputs)?;
        check_length("h_n", output.h_n, state)?;
        let c_n = match output.c_n {
            Some(c_n) => {
                check_length("c_n", c_n, state)?;
                c_n.as_mut_ptr()
            }
            None if config.cell.has_c() => return Err(Error::Length { what: "c_n", expected: state, got: 0 }),
            None => std::ptr::null_mut(),
        };
        if !input.dropout.is_empty() && input.dropout.len() + 1 != config.num_layers {
            let (expected, got) = (config.num_layers - 1, input.dropout.len());
            return Err(Error::Masks { expected, got });
        }
        for mask in input.dropout {
            check_length("dropout", mask, outputs)?;
        }
        Ok(Io {
            x: input.x.outside("x", steps, batch, config.input_size)?,
            h_0: given("h_0", input.h_0)?,
            c_0: given("c_0", input.c_0)?,
            dropout: input.dropout.iter().map(|mask| mask.as_ptr()).collect(),
            output: output.output.as_mut_ptr(),
            h_n: output.h_n.as_mut_ptr(),
            c_n,
        })
    }

    /// Walks a tape back. `parameters` are those of the forward pass.
    ///
    /// # Errors
    /// As [`forward`](Self::forward) and [`pack`](Self::pack).
    pub fn backward(
        &self,
        tape: &Tape,
        parameters: &[&[f32]],
        gradients: &OutputGradients<'_>,
        wanted: InputGradients<'_>,
        pool: &dyn Parallel,
    ) -> Result<()> {
        if tape.layout.config != self.config || tape.layout.kernels.lanes != self.set.0.lanes {
            return Err(Error::OtherWeights);
        }
        let layout = &tape.layout;
        let (io, wanted) = self.backward_io(layout, gradients, wanted)?;
        let threads = layout.useful_threads(pool.threads());
        let chunk = layout.chunk(threads);
        let computed = Gradients::new(layout, &io, chunk)?;
        let sums = Sums { layout, activations: &tape.activations, gradients: &computed, wanted: &wanted };
        match layout.arrangement {
            Arrangement::Rows => backward::<Rows>(tape, parameters, &io, &sums, pool)?,
            Arrangement::Lanes => backward::<Lanes>(tape, parameters, &io, &sums, pool)?,
        }
        Ok(())
    }

    fn backward_io(
        &self,
        layout: &Layout,
        gradients: &OutputGradients<'_>,
        wanted: InputGradients<'_>,
    ) -> Result<(BackwardIo, Vec<ParameterGradients>)> {
        let config = &self.config;
        let (steps, batch) = (layout.steps, layout.batch);
        let state = config.state_rows() * batch * config.hidden_size;
        let given = |what, slice: Option<&[f32]>| {
            slice.map(|slice| check_length(what, slice, state).map(|()| slice.as_ptr())).transpose()
        };
        let room = |what, slice: Option<&mut [f32]>, len| {
            slice.map(|slice| check_length(what, slice, len).map(|()| slice.as_mut_ptr())).transpose()
        };
        let d_output = gradients.output.map(|d| d.outside("d output", steps, batch, config.output_size()));
        let io = BackwardIo {
            d_output: d_output.transpose()?,
            d_h_n: given("d h_n", gradients.h_n)?,
            d_c_n: given("d c_n", gradients.c_n)?,
            d_x: room("d x", wanted.x, steps * batch * config.input_size)?,
            d_h_0: room("d h_0", wanted.h_0, state)?,
            d_c_0: room("d c_0", wanted.c_0, state)?,
        };
        Ok((io, self.parameter_gradients(wanted.parameters)?))
    }

    fn parameter_gradients(&self, wanted: Vec<Option<&mut [f32]>>) -> Result<Vec<ParameterGradients>> {
        let shapes = self.config.parameter_shapes();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        if wanted.len() != shapes.len() {
            return Err(Error::ParameterCount { expected: shapes.len(), got: wanted.len() });
        }
        let mut pointers = Vec::with_capacity(wanted.len());
        for (slice, (rows, columns)) in wanted.into_iter().zip(shapes) {
            pointers.push(match slice {
                Some(slice) => {
                    check_length("d parameter", slice, rows * columns)?;
                    Some(slice.as_mut_ptr())
                }
                None => None,
            });
        }
        let direction = |group: &[Option<*mut f32>]| ParameterGradients {
            weight_ih: group[0],
            weight_hh: group[1],
            bias_ih: group.get(2).copied().flatten(),
            bias_hh: group.get(3).copied().flatten(),
        };
        Ok(pointers.chunks(self.config.parameters_per_direction()).map(direction).collect())
    }
}

impl Tape {
    /// Steps of the sequences.
    pub fn steps(&self) -> usize {
        self.layout.steps
    }

    /// Sequences.
    pub fn batch(&self) -> usize {
        self.layout.batch
    }
}

impl Weights {
    /// Whether they serve a network and a number of sequences: narrow networks have two arrangements, one for few sequences.
    pub fn fits(&self, network: &Network, batch: usize) -> bool {
        let kernels = network.set.0;
        self.layout.config == network.config
            && std::ptr::eq(self.layout.kernels, kernels)
            && self.layout.arrangement == Arrangement::choose(&network.config, batch, kernels)
    }
}

/// Packs the weights of every layer and direction, side by side.
fn pack_forward<A: Arrange>(layout: &Layout, parameters: &[&[f32]], pool: &dyn Parallel) -> Result<Vec<A::Forward>> {
    let parameters = by_direction(&layout.config, parameters)?;
    let layer = |row| row / layout.config.directions();
    let packed = (0..parameters.len()).map(|row| A::forward_weights(layout, layer(row))).collect::<Result<Vec<_>>>()?;
    for_each(pool, layout, packed.len(), |row| A::fill_forward(layout, layer(row), &packed[row], &parameters[row]));
    Ok(packed)
}

fn backward<A: Arrange>(
    tape: &Tape,
    parameters: &[&[f32]],
    io: &BackwardIo,
    sums: &Sums<'_>,
    pool: &dyn Parallel,
) -> Result<()> {
    let (layout, gradients) = (&tape.layout, sums.gradients);
    let parameters = by_direction(&layout.config, parameters)?;
    let layer = |row| row / layout.config.directions();
    let weights =
        (0..parameters.len()).map(|row| A::backward_weights(layout, layer(row))).collect::<Result<Vec<_>>>()?;
    for_each(pool, layout, weights.len(), |row| A::fill_backward(layout, layer(row), &weights[row], &parameters[row]));
    let pass = BackwardPass::<A> { layout, weights: &weights, activations: &tape.activations, gradients, io, sums };
    let threads = layout.useful_threads(pool.threads());
    if !gradients.in_chunks(layout) || sums.wanted.is_empty() {
        // SAFETY: the slices were checked, and the shards are disjoint.
        run_shards(layout, pool, |shard, team, _, _| unsafe { pass.run(shard, team, None, false) });
        return sums.compute_all(threads, pool);
    }
    let partials = (0..threads).map(|_| sums.partial()).collect::<Result<Vec<_>>>()?;
    let used = AtomicUsize::new(0);
    run_shards(layout, pool, |shard, team, thread, first| {
        used.fetch_max(thread + 1, Relaxed);
        // SAFETY: as above; every thread has sums of its own.
        unsafe { pass.run(shard, team, Some(&partials[thread]), first) };
    });
    let partials = &partials[..used.into_inner()];
    for_each(pool, layout, parameters.len(), |row| {
        // SAFETY: all shards are back, and every layer and direction has one thread.
        unsafe { sums.finish(partials, row) };
    });
    Ok(())
}

/// Packs side by side what is worth it.
fn for_each(pool: &dyn Parallel, layout: &Layout, count: usize, work: impl Fn(usize) + Sync) {
    if count > 1 && layout.config.hidden_size * layout.config.hidden_size >= WORTH_SHARING {
        pool.for_each(count, &work);
    } else {
        (0..count).for_each(work);
    }
}

/// Numbers of a weight from which on a second thread packs the next one meanwhile.
const WORTH_SHARING: usize = 4096;

/// Runs every shard: each thread some, one after the other; or the whole batch by itself with a team of threads, where that
/// is quicker. `run` is told its thread, and whether it is the first that this thread runs.
fn run_shards(layout: &Layout, pool: &dyn Parallel, run: impl Fn(&Shard, Team<'_>, usize, bool) + Sync) {
    let threads = layout.useful_threads(pool.threads());
    if layout.needs_team(threads) {
        run(&layout.whole(), Team(Some(pool)), 0, true);
        return;
    }
    let shards = layout.shards(threads);
    let threads = threads.min(shards.len());
    let share = |thread: usize| {
        let mine = &shards[shards.len() * thread / threads..shards.len() * (thread + 1) / threads];
        for (i, shard) in mine.iter().enumerate() {
            run(shard, Team(None), thread, i == 0);
        }
    };
    if threads == 1 { share(0) } else { pool.for_each(threads, &share) }
}
