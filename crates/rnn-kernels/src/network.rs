//! The public entry points: pack the weights, run a forward pass, run a backward pass.

use crate::activations::{Activations, Storage};
use crate::backward::BackwardPass;
use crate::batch::{Batch, BatchShape};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::forward::ForwardPass;
use crate::gradient_buffers::GradientBuffers;
use crate::io::{BackwardIo, ForwardIo, Input, InputGradients, Output, OutputGradients, backward_io, forward_io};
use crate::kernels::instruction_set::{InstructionSet, Kernels};
use crate::parameters::{Parameters, by_direction};
use crate::plan::{Layout, Plan};
use crate::products::LayerProducts;
use crate::products::feature_major::{self, FeatureMajor};
use crate::products::sample_major::{self, SampleMajor};
use crate::schedule::run_shards;
use crate::threads::{Serial, ThreadPool, for_each_once, map};
use crate::tuning::MIN_SHARED_WEIGHTS;
use crate::weight_gradients::WeightGradients;

/// A stack of recurrent layers: `torch.nn.RNN`, `LSTM` or `GRU` without the parameters.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    config: Config,
    set: InstructionSet,
}

/// Weights packed for forward passes. They are valid until the parameters change.
pub struct PackedWeights {
    plan: Plan,
    matrices: Matrices,
}

enum Matrices {
    SampleMajor(Vec<sample_major::ForwardWeights>),
    FeatureMajor(Vec<feature_major::Weights>),
}

/// The activations of a forward pass, for the backward pass. It can be used any number of times.
pub struct Tape {
    plan: Plan,
    activations: Activations,
}

impl Network {
    /// A network that runs on the instruction set [`InstructionSet::chosen`].
    ///
    /// # Errors
    /// - [`Error::ZeroSize`] and, for sizes that overflow, [`Error::OutOfMemory`].
    /// - [`Error::InstructionSet`] if the environment variable names a set that the CPU does not support.
    pub fn new(config: Config) -> Result<Network> {
        Network::with_instruction_set(config, InstructionSet::chosen()?)
    }

    /// A network that runs on the given instruction set.
    ///
    /// # Errors
    /// [`Error::ZeroSize`] and, for sizes that overflow, [`Error::OutOfMemory`].
    pub fn with_instruction_set(config: Config, set: InstructionSet) -> Result<Network> {
        config.validate()?;
        Ok(Network { config, set })
    }

    /// The architecture.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The instruction set that the network runs on.
    pub fn instruction_set(&self) -> InstructionSet {
        self.set
    }

    /// Packs the weights for forward passes over a batch. `parameters` are in torch's order: `weight_ih_l0`,
    /// `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, then those of the reverse direction, then those of the next layer.
    ///
    /// # Errors
    /// - [`Error::ZeroSize`] and [`Error::BatchSizes`] for a batch that [`forward`](Self::forward) rejects.
    /// - [`Error::ParameterCount`] and [`Error::Length`] if the parameters do not fit the configuration.
    /// - [`Error::OutOfMemory`].
    pub fn pack(&self, parameters: &[&[f32]], batch: Batch<'_>, pool: &dyn ThreadPool) -> Result<PackedWeights> {
        let plan = Plan::without_shards(self.config, self.set.0, BatchShape::new(batch)?);
        let matrices = match plan.layout {
            Layout::SampleMajor => Matrices::SampleMajor(pack_all(&plan, parameters, pool, SampleMajor::pack_forward)?),
            Layout::FeatureMajor => {
                Matrices::FeatureMajor(pack_all(&plan, parameters, pool, FeatureMajor::pack_forward)?)
            }
        };
        Ok(PackedWeights { plan, matrices })
    }

    /// Runs the network over a batch of sequences.
    ///
    /// # Errors
    /// - [`Error::ZeroSize`] for no steps or no sequences.
    /// - [`Error::BatchSizes`] for a packed batch that is not sorted by decreasing length.
    /// - [`Error::Length`] and [`Error::DropoutMaskCount`] for slices that do not fit the sizes.
    /// - [`Error::WeightsMismatch`] if the weights do not [fit](PackedWeights::fits).
    /// - [`Error::OutOfMemory`].
    pub fn forward(
        &self,
        weights: &PackedWeights,
        input: &Input<'_>,
        output: Output<'_>,
        pool: &dyn ThreadPool,
    ) -> Result<()> {
        self.run_forward(weights, input, output, false, pool).map(drop)
    }

    /// As [`forward`](Self::forward); also keeps the activations for [`backward`](Self::backward).
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with_tape(
        &self,
        weights: &PackedWeights,
        input: &Input<'_>,
        output: Output<'_>,
        pool: &dyn ThreadPool,
    ) -> Result<Tape> {
        self.run_forward(weights, input, output, true, pool)
    }

    fn run_forward(
        &self,
        weights: &PackedWeights,
        input: &Input<'_>,
        output: Output<'_>,
        for_backward: bool,
        pool: &dyn ThreadPool,
    ) -> Result<Tape> {
        let shape = BatchShape::new(input.batch)?;
        if !weights.fit(self, &shape) {
            return Err(Error::WeightsMismatch);
        }
        let io = forward_io(&self.config, &shape, input, output)?;
        let plan = Plan::new(self.config, self.set.0, shape.clone(), pool.threads());
        let storage =
            if for_backward { Storage::FOR_BACKWARD } else { Storage::for_inference(&plan, io.x_has_gaps(&shape)) };
        let activations = Activations::new(&plan, storage, !input.dropout.is_empty())?;
        // SAFETY: `forward_io` checked the lengths of the caller's slices, and `output` is borrowed exclusively. The
        // weights fit, and the activations were made for this plan and storage.
        unsafe { weights.run_forward(&plan, &activations, storage, &io, pool) };
        Ok(Tape { plan, activations })
    }

    /// Backpropagation through time: computes the gradients that `wanted` names. `parameters` are those of the forward
    /// pass.
    ///
    /// # Errors
    /// - [`Error::WeightsMismatch`] if the tape is of another network.
    /// - [`Error::ParameterCount`] and [`Error::Length`] for slices that do not fit the sizes.
    /// - [`Error::OutOfMemory`].
    pub fn backward(
        &self,
        tape: &Tape,
        parameters: &[&[f32]],
        gradients: &OutputGradients<'_>,
        wanted: InputGradients<'_>,
        pool: &dyn ThreadPool,
    ) -> Result<()> {
        let plan = &tape.plan;
        if plan.config != self.config || plan.kernels.lanes != self.set.0.lanes {
            return Err(Error::WeightsMismatch);
        }
        let io = backward_io(&plan.config, &plan.shape, gradients, wanted)?;
        match plan.layout {
            Layout::SampleMajor => run_backward::<SampleMajor>(tape, parameters, &io, pool),
            Layout::FeatureMajor => run_backward::<FeatureMajor>(tape, parameters, &io, pool),
        }
    }
}

impl Tape {
    /// Number of time steps.
    pub fn steps(&self) -> usize {
        self.plan.shape.steps
    }

    /// Number of sequences.
    pub fn batch(&self) -> usize {
        self.plan.shape.batch
    }
}

impl PackedWeights {
    /// Whether the weights can be used for a network and a batch. (A narrow network has two memory layouts, one of them
    /// for small batches and for sequences of different lengths.)
    pub fn fits(&self, network: &Network, batch: Batch<'_>) -> bool {
        BatchShape::new(batch).is_ok_and(|shape| self.fit(network, &shape))
    }

    fn fit(&self, network: &Network, shape: &BatchShape) -> bool {
        let kernels = network.set.0;
        self.fit_layout(&network.config, kernels, Layout::choose(&network.config, shape, kernels))
    }

    /// Whether the weights were packed for this network and memory layout.
    pub(crate) fn fit_layout(&self, config: &Config, kernels: &'static Kernels, layout: Layout) -> bool {
        self.plan.config == *config && std::ptr::eq(self.plan.kernels, kernels) && self.plan.layout == layout
    }

    /// Runs a forward pass.
    ///
    /// # Safety
    /// - The weights fit the plan, and the activations were made for the plan and the storage.
    /// - The caller's arrays in `io` have the sizes of the plan, and nothing else uses those that are written.
    pub(crate) unsafe fn run_forward(
        &self,
        plan: &Plan,
        activations: &Activations,
        storage: Storage,
        io: &ForwardIo<'_>,
        pool: &dyn ThreadPool,
    ) {
        let threads = plan.useful_threads(pool.threads());
        match &self.matrices {
            Matrices::SampleMajor(weights) => {
                let pass = ForwardPass::<SampleMajor> { plan, weights, activations, storage, io };
                // SAFETY: the caller's guarantees. The shards are disjoint, and each runs on one thread.
                run_shards(plan, threads, pool, |task| unsafe { pass.run(task.shard, task.team) });
            }
            Matrices::FeatureMajor(weights) => {
                let pass = ForwardPass::<FeatureMajor> { plan, weights, activations, storage, io };
                // SAFETY: as above.
                run_shards(plan, threads, pool, |task| unsafe { pass.run(task.shard, task.team) });
            }
        }
    }
}

fn run_backward<P: LayerProducts>(
    tape: &Tape,
    parameters: &[&[f32]],
    io: &BackwardIo<'_>,
    pool: &dyn ThreadPool,
) -> Result<()> {
    let Tape { plan, activations } = tape;
    let threads = plan.useful_threads(pool.threads());
    let gradients = &GradientBuffers::new(plan, io)?;
    let weights = &pack_all(plan, parameters, pool, P::pack_backward)?;
    let weight_gradients = &WeightGradients { plan, activations, gradients, targets: &io.parameters };
    let pass = BackwardPass::<P> { plan, weights, activations, gradients, weight_gradients, io };
    let count = if plan.in_chunks() && !io.parameters.is_empty() { threads } else { 0 };
    let partials = (0..count).map(|_| weight_gradients.partial()).collect::<Result<Vec<_>>>()?;
    let used = run_shards(plan, threads, pool, |task| {
        // SAFETY: `backward_io` checked the lengths of the caller's slices, and `wanted` was borrowed exclusively.
        // Weights and buffers were made for this plan. The shards are disjoint, and each runs on one thread, which has
        // its own partial gradients.
        unsafe { pass.run(&task, partials.get(task.thread)) };
    });
    if partials.is_empty() {
        // SAFETY: `run_shards` returned, so the backward pass has finished. The targets were checked, and nothing else
        // uses them.
        return unsafe { weight_gradients.compute_all(threads, pool) };
    }
    for_each_once(pool_for_weights(plan, pool), io.parameters.len(), &|state_row| {
        // SAFETY: as above. Each layer and direction is one task.
        unsafe { weight_gradients.finish(&partials[..used], state_row) };
    });
    Ok(())
}

/// Packs the weights of every layer and direction.
fn pack_all<T: Send + Sync>(
    plan: &Plan,
    parameters: &[&[f32]],
    pool: &dyn ThreadPool,
    pack: impl Fn(&Plan, usize, &Parameters<'_>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let parameters = by_direction(&plan.config, parameters)?;
    let pack = |state_row: usize| pack(plan, state_row / plan.config.directions(), &parameters[state_row]);
    map(pool_for_weights(plan, pool), parameters.len(), pack)
}

/// The pool for work on each layer and direction, or one thread if there is too little work.
fn pool_for_weights<'a>(plan: &Plan, pool: &'a dyn ThreadPool) -> &'a dyn ThreadPool {
    let config = plan.config;
    let several = config.state_rows() > 1 && config.hidden_size * config.hidden_size >= MIN_SHARED_WEIGHTS;
    if several { pool } else { &Serial }
}
