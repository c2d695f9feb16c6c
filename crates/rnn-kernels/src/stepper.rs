//! Streaming inference: one time step for each call, without allocations.

use crate::activations::{Activations, Storage};
use crate::batch::{Batch, BatchShape};
use crate::buffer_pool::Buffer;
use crate::error::{Error, Result};
use crate::io::step_io;
use crate::network::{Network, PackedWeights};
use crate::plan::Plan;
use crate::threads::Serial;

/// Runs a network one time step at a time, with the workspace for a fixed number of sequences.
///
/// ```
/// use rnn_kernels::{Batch, CellKind, Config, Network, Serial};
///
/// # fn main() -> rnn_kernels::Result<()> {
/// let config = Config {
///     cell: CellKind::Gru, input_size: 3, hidden_size: 5, num_layers: 1, bias: true, bidirectional: false, proj_size: 0,
/// };
/// let parameters: Vec<Vec<f32>> = config.parameter_shapes().iter().map(|(m, n)| vec![0.1; m * n]).collect();
/// let parameters: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
/// let network = Network::new(config)?;
/// let weights = network.pack(&parameters, Batch::Padded { steps: 1, sequences: 1 }, &Serial)?;
/// let mut stepper = network.stepper(1)?;
/// let (mut h, mut output) = ([0.0; 5], [0.0; 5]);
/// for x in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] {
///     stepper.step(&weights, &x, &mut h, None, &mut output)?;
/// }
/// assert_eq!(output, h); // one layer: its output is its state
/// # Ok(()) }
/// ```
pub struct Stepper {
    plan: Plan,
    storage: Storage,
    activations: Activations,
}

impl Network {
    /// Allocates what a streaming step of this many sequences needs.
    ///
    /// # Errors
    /// - [`Error::BidirectionalStep`] for a bidirectional network.
    /// - [`Error::ZeroSize`] for no sequences.
    /// - [`Error::OutOfMemory`].
    pub fn stepper(&self, sequences: usize) -> Result<Stepper> {
        if self.config().bidirectional {
            return Err(Error::BidirectionalStep);
        }
        let (config, kernels) = (*self.config(), self.instruction_set().0);
        let shape = BatchShape::new(Batch::Padded { steps: 1, sequences })?;
        let bytes = [config.hidden_size, config.state_rows(), size_of::<f32>()].into_iter();
        let bytes = bytes.fold(sequences, usize::saturating_mul);
        if bytes > isize::MAX as usize {
            return Err(Error::OutOfMemory { bytes });
        }
        // So many sequences that their states do not fit into memory fail here, before the list of shards is made.
        drop(Buffer::new(bytes / size_of::<f32>())?);
        let plan = Plan::new(config, kernels, shape, 1);
        let storage = Storage::for_inference(&plan, false);
        let activations = Activations::new(&plan, storage, false)?;
        Ok(Stepper { plan, storage, activations })
    }
}

impl Stepper {
    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        self.plan.shape.batch
    }

    /// Number of layers.
    pub fn layers(&self) -> usize {
        self.plan.config.num_layers
    }

    /// Runs one time step of every sequence on the calling thread, without allocations. The numbers are those of
    /// [`Network::forward`] with one step.
    ///
    /// - `weights`: packed for `Batch::Padded { steps: 1, sequences }`
    /// - `x`: (sequences, input_size)
    /// - `h`: the hidden state, (num_layers, sequences, state_size), updated in place
    /// - `c`: the cell state of LSTM, (num_layers, sequences, hidden_size), updated in place. Other cells ignore it.
    /// - `output`: h of the last layer, (sequences, state_size)
    ///
    /// # Errors
    /// - [`Error::WeightsMismatch`] if the weights do not [fit](PackedWeights::fits).
    /// - [`Error::Length`] for slices that do not fit the sizes.
    pub fn step(
        &mut self,
        weights: &PackedWeights,
        x: &[f32],
        h: &mut [f32],
        c: Option<&mut [f32]>,
        output: &mut [f32],
    ) -> Result<()> {
        let plan = &self.plan;
        if !weights.fit_layout(&plan.config, plan.kernels, plan.layout) {
            return Err(Error::WeightsMismatch);
        }
        let io = step_io(&plan.config, &plan.shape, x, h, c, output)?;
        // SAFETY: `step_io` checked the lengths of the caller's slices, and those that are written are borrowed
        // exclusively. The weights fit, and the activations were made for this plan and storage. `self` is borrowed
        // exclusively, so that no other call uses the activations.
        unsafe { weights.run_forward(plan, &self.activations, self.storage, &io, &Serial) };
        Ok(())
    }
}
