//! The layers as the kernels compute them.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use ndarray::{Array, Array3, ArrayView, ArrayView3};
use rnn_kernels::{Batch, CellKind, Config, Input, Network, Output, PackedWeights, Sequence, Serial};

use super::config;
use super::options::Options;
use super::rank::Rank;
use super::state::State;
use super::step::StepBuffers;
use crate::arrays::{array, product, row_major, zeros};
use crate::error::{Error, Result};
use crate::state_dict::StateDict;

/// A stack of recurrent layers with their weights.
pub(super) struct Stack {
    options: Options,
    network: Network,
    /// In torch's order.
    parameters: Vec<Vec<f32>>,
    /// Packed for any batch, except for narrow networks with many sequences of equal length.
    packed: PackedWeights,
    packed_for_many: OnceLock<PackedWeights>,
    /// The buffers of `step` that no call uses at present.
    step_buffers: Mutex<Vec<StepBuffers>>,
}

/// The results of the kernels: output, h and c as (steps, batch, features) or (rows, batch, features).
pub(super) type Arrays = [Array3<f32>; 3];

impl Stack {
    pub(super) fn new(weights: &StateDict, layer: &'static str, cell: CellKind, options: Options) -> Result<Stack> {
        let (config, parameters) = config::read(weights, layer, cell)?;
        let network = Network::new(config)?;
        let packed = pack(&network, &parameters, Batch::Padded { steps: 1, sequences: 1 })?;
        let (packed_for_many, step_buffers) = (OnceLock::new(), Mutex::default());
        Ok(Stack { options, network, parameters, packed, packed_for_many, step_buffers })
    }

    pub(super) fn config(&self) -> &Config {
        self.network.config()
    }

    pub(super) fn batch_first(&self) -> bool {
        self.options.batch_first
    }

    pub(super) fn parameters(&self) -> &[Vec<f32>] {
        &self.parameters
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    pub(super) fn step_buffers(&self) -> MutexGuard<'_, Vec<StepBuffers>> {
        self.step_buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// torch's `repr`. It shows what differs from the defaults.
    pub(super) fn repr(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let Config { input_size, hidden_size, proj_size, num_layers, bidirectional, bias, .. } = *self.config();
        write!(f, "{name}({input_size}, {hidden_size}")?;
        if proj_size > 0 {
            write!(f, ", proj_size={proj_size}")?;
        }
        if num_layers > 1 {
            write!(f, ", num_layers={num_layers}")?;
        }
        if !bias {
            f.write_str(", bias=False")?;
        }
        if self.batch_first() {
            f.write_str(", batch_first=True")?;
        }
        if bidirectional {
            f.write_str(", bidirectional=True")?;
        }
        f.write_str(")")
    }

    pub(super) fn forward<D: Rank, S: State<D>>(
        &self,
        x: ArrayView<'_, f32, D>,
        state: Option<&S>,
    ) -> Result<(Array<f32, D>, S)> {
        let x = D::sequences(x, self.batch_first());
        let views = state.map_or([None, None], State::views);
        self.check(&x, &views)?;
        let [output, h, c] = self.run(&x, &views)?;
        Ok((D::from_sequences(output, self.batch_first()), S::from_arrays(h, c)))
    }

    /// Checks the shapes of (steps, batch, features) and of the state.
    pub(super) fn check(&self, x: &ArrayView3<'_, f32>, state: &[Option<ArrayView3<'_, f32>>; 2]) -> Result<()> {
        let (steps, batch, features) = x.dim();
        if features != self.config().input_size {
            return Err(Error::InputSize { expected: self.config().input_size, got: features });
        }
        self.check_state(batch, state)?;
        if steps == 0 { Err(Error::NoSteps) } else { Ok(()) }
    }

    /// Runs sequences of equal length.
    fn run(&self, x: &ArrayView3<'_, f32>, state: &[Option<ArrayView3<'_, f32>>; 2]) -> Result<Arrays> {
        let (steps, sequences, features) = x.dim();
        if sequences == 0 {
            return self.empty(steps);
        }
        let (data, step_stride, batch_stride) = strided(x)?;
        let x = match &data {
            Cow::Borrowed(data) => Sequence { data, step_stride, batch_stride },
            Cow::Owned(data) => Sequence::contiguous(data, sequences, features),
        };
        let shape = [steps, sequences, self.config().output_size()];
        let batch = Batch::Padded { steps, sequences };
        let (output, h, c) = self.run_kernels(batch, x, product(&shape), state)?;
        Ok([array(shape, output)?, h, c])
    }

    /// Runs a batch. Returns the output as the kernels write it, h and c.
    pub(super) fn run_kernels(
        &self,
        batch: Batch<'_>,
        x: Sequence<'_>,
        output_len: usize,
        state: &[Option<ArrayView3<'_, f32>>; 2],
    ) -> Result<(Vec<f32>, Array3<f32>, Array3<f32>)> {
        let [h_0, c_0] = [0, 1].map(|i| state[i].as_ref().map(row_major).transpose());
        let (h_0, c_0) = (h_0?, c_0?);
        let [h_shape, c_shape] = self.state_shapes(batch.sequences());
        let (mut output, mut h_n, mut c_n) = (zeros(output_len)?, zeros(product(&h_shape))?, zeros(product(&c_shape))?);
        let input = Input { batch, x, h_0: h_0.as_deref(), c_0: c_0.as_deref(), dropout: &[] };
        let results = Output {
            output: &mut output,
            h_n: &mut h_n,
            c_n: self.config().cell.has_c().then_some(c_n.as_mut_slice()),
        };
        self.network.forward(self.packed_for(batch)?, &input, results, &*self.options.pool)?;
        Ok((output, array(h_shape, h_n)?, array(c_shape, c_n)?))
    }

    /// The weights in the layout that the kernels use for this batch.
    pub(super) fn packed_for(&self, batch: Batch<'_>) -> Result<&PackedWeights> {
        if self.packed.fits(&self.network, batch) {
            return Ok(&self.packed);
        }
        if let Some(packed) = self.packed_for_many.get() {
            return Ok(packed);
        }
        let packed = pack(&self.network, &self.parameters, batch)?;
        Ok(self.packed_for_many.get_or_init(|| packed))
    }

    /// The results for no sequences, as torch has them.
    fn empty(&self, steps: usize) -> Result<Arrays> {
        let [h, c] = self.state_shapes(0);
        let none = |shape: [usize; 3]| array(shape, Vec::new());
        Ok([none([steps, 0, self.config().output_size()])?, none(h)?, none(c)?])
    }
}

fn pack(network: &Network, parameters: &[Vec<f32>], batch: Batch<'_>) -> Result<PackedWeights> {
    let parameters: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
    Ok(network.pack(&parameters, batch, &Serial)?)
}

/// The numbers of (steps, batch, features) with the strides of the first two dimensions: borrowed if the features are
/// contiguous, otherwise copied.
fn strided<'a>(x: &'a ArrayView3<'_, f32>) -> Result<(Cow<'a, [f32]>, usize, usize)> {
    let strides = [0, 1, 2].map(|axis| (x.shape()[axis], x.strides()[axis]));
    // A stride of a dimension of size 1 is not used.
    let unsigned = |(size, stride): (usize, isize)| if size == 1 { Some(0) } else { usize::try_from(stride).ok() };
    let contiguous = x.shape()[2] == 1 || x.strides()[2] == 1;
    if let (Some(data), true, Some(step), Some(batch)) =
        (x.as_slice_memory_order(), contiguous, unsigned(strides[0]), unsigned(strides[1]))
    {
        return Ok((Cow::Borrowed(data), step, batch));
    }
    Ok((Cow::Owned(row_major(x)?.into_owned()), 0, 0))
}
