//! The calls: check the slices, choose the layout, cut the batch, run.

use crate::backward::Gradients;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::forward::{Activations, ForwardPass, Kept};
use crate::gradients::Sums;
use crate::io::{Input, InputGradients, Output, OutputGradients, backward_io, forward_io};
use crate::isa::InstructionSet;
use crate::lanes::{self, Lanes};
use crate::layout::{Arrangement, Layout};
use crate::parallel::Parallel;
use crate::rows::{self, Rows};
use crate::run::{pack_forward, run_shards, walk_back};

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
        let io = forward_io(&self.config, input, output)?;
        let kept = if save { Kept::all(&layout) } else { Kept::least(&layout, &io) };
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
        let (io, wanted) = backward_io(layout, gradients, wanted)?;
        let threads = layout.useful_threads(pool.threads());
        let chunk = layout.chunk(threads);
        let computed = Gradients::new(layout, &io, chunk)?;
        let sums = Sums { layout, activations: &tape.activations, gradients: &computed, wanted: &wanted };
        match layout.arrangement {
            Arrangement::Rows => walk_back::<Rows>(parameters, &io, &sums, pool)?,
            Arrangement::Lanes => walk_back::<Lanes>(parameters, &io, &sums, pool)?,
        }
        Ok(())
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
