//! A recurrent layer over a whole sequence as one operation of autograd: the kernels of [`rnn_kernels`], on tensors.
//!
//! The tensors are read and written through slices, so this is where the aliasing of libtorch's tensors meets Rust's rules.
//! Slices of existing tensors are only read. Slices to write are those of tensors that were made here a moment before and that
//! nobody else holds. While a slice exists no code of a caller runs. What remains is what holds for every operation of
//! libtorch: another thread that writes the same tensor through a handle of its own (`shallow_clone`) races with it.
//!
//! ```
//! use tch::{Kind, Tensor};
//! use torch_ext::fused_rnn::{CellKind, Config, FusedRnn};
//!
//! # fn main() -> torch_ext::Result<()> {
//! let config =
//!     Config { cell: CellKind::Gru, input_size: 3, hidden_size: 5, num_layers: 1, bias: true, bidirectional: false };
//! let gru = FusedRnn::new(config)?;
//! let uniform = |(rows, columns)| Tensor::rand([rows as i64, columns as i64], tch::kind::FLOAT_CPU).set_requires_grad(true);
//! let parameters: Vec<Tensor> = config.parameter_shapes().into_iter().map(uniform).collect();
//!
//! let x = Tensor::rand([7, 2, 3], tch::kind::FLOAT_CPU); // 7 steps of 2 sequences
//! let h_0 = Tensor::zeros([1, 2, 5], tch::kind::FLOAT_CPU);
//! let (output, state) = gru.forward(&parameters, &x, &[&h_0], false, 0.0)?;
//! assert_eq!((output.size(), state[0].size()), (vec![7, 2, 5], vec![1, 2, 5]));
//! torch_ext::autograd::backward(&output.f_sum(Kind::Float)?)?;
//! assert_eq!(parameters[0].grad().size(), [15, 3]);
//! # Ok(()) }
//! ```

use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

pub use rnn_kernels::{CellKind, Config, SLOW_BUILD};
use rnn_kernels::{Input, InputGradients, Network, Output, OutputGradients, PackedWeights, Sequence, Tape, ThreadPool};
use tch::{Device, Kind, Tensor};

use crate::autograd::{self, Backward};
use crate::error::{Error, Result};
use crate::parallel;
use crate::slices::f32_data;

/// The kernels for a stack of recurrent layers, and the parameters in the order in which they read them.
pub struct FusedRnn {
    network: Network,
    packed: Mutex<Option<Packed>>,
}

/// Packed weights, and the addresses and versions of the parameters that they were made from.
struct Packed {
    made_from: Vec<(usize, u32)>,
    weights: Arc<PackedWeights>,
}

impl fmt::Debug for FusedRnn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FusedRnn").field(&self.network).finish()
    }
}

impl FusedRnn {
    /// The kernels for these sizes, on the instruction set that [`rnn_kernels::InstructionSet::chosen`] names.
    ///
    /// # Errors
    /// [`Error::Fused`] for a size of 0, or if the environment names an instruction set that the CPU lacks.
    pub fn new(config: Config) -> Result<FusedRnn> {
        Ok(FusedRnn { network: Network::new(config)?, packed: Mutex::new(None) })
    }

    /// The sizes.
    pub fn config(&self) -> &Config {
        self.network.config()
    }

    /// Runs the layers over `input` and records the call in autograd's graph.
    ///
    /// `input` is (steps, batch, input_size), with `batch_first` (batch, steps, input_size); the output has the same order. `hx`
    /// is `h_0`, for an LSTM `h_0` and `c_0`, each (layers * directions, batch, hidden_size). `parameters` are torch's, in its
    /// order: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, then the reverse direction's, then the next layer's.
    /// `dropout` is the probability of dropout between layers, drawn from torch's default generator as torch draws it; 0 for
    /// evaluation. Returns the output and the state after the last step.
    ///
    /// # Errors
    /// [`Error::Fused`] for tensors that are not f32 on the CPU, for shapes that do not fit the sizes, and without any steps or
    /// sequences.
    pub fn forward(
        &self,
        parameters: &[Tensor],
        input: &Tensor,
        hx: &[&Tensor],
        batch_first: bool,
        dropout: f64,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        self.check(parameters, input, hx)?;
        let inputs: Vec<&Tensor> = std::iter::once(input).chain(hx.iter().copied()).chain(parameters).collect();
        let recording = autograd::is_recording(&inputs);
        let (outputs, tape) = tch::no_grad(|| self.compute(parameters, input, hx, batch_first, dropout, recording))?;
        let mut outputs = match tape {
            Some(tape) => {
                let walk = BackwardPass {
                    network: self.network,
                    tape,
                    parameters: parameters.iter().map(Tensor::shallow_clone).collect(),
                    batch_first,
                    states: hx.len(),
                };
                let name = match self.config().cell {
                    CellKind::RnnTanh | CellKind::RnnRelu => "RNN",
                    CellKind::Lstm => "LSTM",
                    CellKind::Gru => "GRU",
                };
                autograd::record(name, &inputs, outputs, move |backward| walk.run(backward))?
            }
            None => outputs,
        };
        let output = outputs.remove(0);
        Ok((if batch_first { output.f_transpose(0, 1)? } else { output }, outputs))
    }

    /// Checks what the kernels do not: they read slices.
    fn check(&self, parameters: &[Tensor], input: &Tensor, hx: &[&Tensor]) -> Result<()> {
        parameters.iter().try_for_each(|weight| check_tensor("the weights are", weight))?;
        check_tensor("the input is", input)?;
        hx.iter().try_for_each(|state| check_tensor("the state is", state))?;
        let config = self.config();
        let (size, states) = (input.size(), 1 + usize::from(config.cell.has_c()));
        if size.len() != 3 || size[2] != config.input_size as i64 {
            return Err(Error::Fused(format!(
                "need an input of 3 dimensions, the last {}, not {size:?}",
                config.input_size
            )));
        }
        if hx.len() != states {
            return Err(Error::Fused(format!("need {states} tensors of state, not {}", hx.len())));
        }
        Ok(())
    }

    /// Output (time first) and state; with `recording` what the backward pass needs.
    fn compute(
        &self,
        parameters: &[Tensor],
        input: &Tensor,
        hx: &[&Tensor],
        batch_first: bool,
        dropout: f64,
        recording: bool,
    ) -> Result<(Vec<Tensor>, Option<Tape>)> {
        let config = self.config();
        let input = features_side_by_side(input)?;
        let x = sequence(&input, batch_first)?;
        let (steps, batch) = sizes(&input, batch_first);
        let hx = hx.iter().map(|state| dense(state)).collect::<Result<Vec<_>>>()?;
        let masks = self.dropout_masks(dropout, steps, batch)?;
        let masks = masks.iter().map(read).collect::<Result<Vec<_>>>()?;

        let mut output = Fresh::new(&[steps, batch, config.output_size()])?;
        let mut h_n = Fresh::new(&[config.state_rows(), batch, config.hidden_size])?;
        let mut c_n = match config.cell.has_c() {
            true => Some(Fresh::new(&[config.state_rows(), batch, config.hidden_size])?),
            false => None,
        };
        let slices = slices(&hx)?;
        let input = Input { steps, batch, x, h_0: Some(slices[0]), c_0: slices.get(1).copied(), dropout: &masks };
        let pool = Pool::default();
        let weights = self.weights(parameters, batch, &pool)?;
        let out = Output {
            output: output.as_mut_slice()?,
            h_n: h_n.as_mut_slice()?,
            c_n: c_n.as_mut().map(Fresh::as_mut_slice).transpose()?,
        };
        let tape = if recording {
            Some(self.network.forward_with_tape(&weights, &input, out, &pool)?)
        } else {
            self.network.forward(&weights, &input, out, &pool)?;
            None
        };
        pool.result()?;
        Ok(([Some(output), Some(h_n), c_n].into_iter().flatten().map(Fresh::into_tensor).collect(), tape))
    }

    /// The packed weights: those of the last call, unless the parameters have changed since.
    fn weights(&self, parameters: &[Tensor], batch: usize, pool: &Pool) -> Result<Arc<PackedWeights>> {
        let identity = |weight: &Tensor| Some((weight.data_ptr() as usize, autograd::version(weight)?));
        let now: Option<Vec<_>> = parameters.iter().map(identity).collect(); // None: a tensor without a version
        let mut packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(packed) = &*packed
            && Some(&packed.made_from) == now.as_ref()
            && packed.weights.fits(&self.network, batch)
        {
            return Ok(packed.weights.clone());
        }
        let parameters = parameters.iter().map(dense).collect::<Result<Vec<_>>>()?;
        let parameters = slices(&parameters)?;
        let weights = Arc::new(self.network.pack(&parameters, batch, pool)?);
        *packed = now.map(|made_from| Packed { made_from, weights: weights.clone() });
        Ok(weights)
    }

    /// What the output of each layer but the last is multiplied by.
    fn dropout_masks(&self, p: f64, steps: usize, batch: usize) -> Result<Vec<Tensor>> {
        let config = self.config();
        if p == 0.0 {
            return Ok(Vec::new());
        }
        let shape = [steps, batch, config.output_size()].map(|n| n as i64);
        let mask = |_| Ok(Tensor::f_ones(shape, (Kind::Float, Device::Cpu))?.f_dropout(p, true)?);
        (1..config.num_layers).map(mask).collect()
    }
}

/// What the backward pass of one call needs.
struct BackwardPass {
    network: Network,
    tape: Tape,
    parameters: Vec<Tensor>,
    batch_first: bool,
    /// Tensors of the state: 1, or 2 for LSTM.
    states: usize,
}

impl BackwardPass {
    /// One gradient for each of input, state, parameters.
    fn run(
        &self,
        backward: &Backward<'_>,
    ) -> std::result::Result<Vec<Option<Tensor>>, Box<dyn StdError + Send + Sync>> {
        let inputs = 1 + self.states + self.parameters.len();
        if (0..=self.states).all(|output| backward.grad(output).is_none()) {
            return Ok((0..inputs).map(|_| None).collect());
        }
        let grad = |output| backward.grad(output).map(dense).transpose();
        let (d_h_n, d_c_n) = (grad(1)?, if self.states == 2 { grad(2)? } else { None });
        let d_output = backward.grad(0).map(features_side_by_side).transpose()?;
        let gradients = OutputGradients {
            output: d_output.as_deref().map(|d| sequence(d, false)).transpose()?,
            h_n: d_h_n.as_deref().map(read).transpose()?,
            c_n: d_c_n.as_deref().map(read).transpose()?,
        };
        let weights = self.parameters.iter().map(dense).collect::<Result<Vec<_>>>()?;
        let weights = slices(&weights)?;

        let mut results = (0..inputs)
            .map(|input| if backward.needs(input) { self.gradient(input).map(Some) } else { Ok(None) })
            .collect::<Result<Vec<_>>>()?;
        let mut targets = results
            .iter_mut()
            .map(|result| result.as_mut().map(Fresh::as_mut_slice).transpose())
            .collect::<Result<Vec<_>>>()?;
        let parameters = targets.split_off(1 + self.states);
        let mut targets = targets.into_iter();
        let mut next = || targets.next().flatten();
        let wanted = InputGradients { x: next(), h_0: next(), c_0: next(), parameters };
        let pool = Pool::default();
        self.network.backward(&self.tape, &weights, &gradients, wanted, &pool)?;
        pool.result()?;
        let mut results: Vec<Option<Tensor>> =
            results.into_iter().map(|result| result.map(Fresh::into_tensor)).collect();
        if let (true, Some(d_x)) = (self.batch_first, &mut results[0]) {
            *d_x = d_x.f_transpose(0, 1)?;
        }
        Ok(results)
    }

    /// The tensor for the gradient of an input, time first.
    fn gradient(&self, input: usize) -> Result<Fresh> {
        let config = self.network.config();
        match input.checked_sub(1 + self.states) {
            Some(parameter) => {
                let size: Vec<usize> = self.parameters[parameter].size().into_iter().map(|n| n as usize).collect();
                Fresh::new(&size)
            }
            None if input == 0 => Fresh::new(&[self.tape.steps(), self.tape.batch(), config.input_size]),
            None => Fresh::new(&[config.state_rows(), self.tape.batch(), config.hidden_size]),
        }
    }
}

/// libtorch's threads, for the kernels.
#[derive(Default)]
struct Pool {
    failed: Mutex<Option<Error>>,
}

impl Pool {
    /// The first failure.
    fn result(self) -> Result<()> {
        match self.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl ThreadPool for Pool {
    fn threads(&self) -> usize {
        parallel::num_threads()
    }

    fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        if let Err(error) = parallel::for_each(tasks, task) {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}

impl From<rnn_kernels::Error> for Error {
    fn from(error: rnn_kernels::Error) -> Error {
        Error::Fused(format!("failed: {error}"))
    }
}

/// Checks that a tensor is f32 on the CPU. `what` begins the clause about it in the error: `the weights are`.
///
/// # Errors
/// [`Error::Fused`].
pub fn check_tensor(what: &str, tensor: &Tensor) -> Result<()> {
    let (kind, device) = (tensor.f_kind()?, tensor.device());
    match (kind, device) {
        (Kind::Float, Device::Cpu) => Ok(()),
        (Kind::Float, _) => Err(Error::Fused(format!("computes on the CPU, and {what} on {device:?}"))),
        _ => Err(Error::Fused(format!("computes in Float, and {what} of kind {kind:?}"))),
    }
}

/// A tensor in the shape that the kernels want: as it came, or a copy.
enum Fit<'a> {
    AsItCame(&'a Tensor),
    Copy(Tensor),
}

impl Deref for Fit<'_> {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        match self {
            Fit::AsItCame(tensor) => tensor,
            Fit::Copy(tensor) => tensor,
        }
    }
}

/// Contiguous.
fn dense(tensor: &Tensor) -> Result<Fit<'_>> {
    Ok(if tensor.is_contiguous() { Fit::AsItCame(tensor) } else { Fit::Copy(tensor.f_contiguous()?) })
}

/// With the numbers of the last dimension side by side.
fn features_side_by_side(tensor: &Tensor) -> Result<Fit<'_>> {
    let fits = tensor.is_contiguous() || tensor.size()[2] == 1 || tensor.stride()[2] == 1;
    Ok(if fits { Fit::AsItCame(tensor) } else { Fit::Copy(tensor.f_contiguous()?) })
}

/// A contiguous f32 tensor that was made here and that nothing else refers to, to be written.
struct Fresh(Tensor);

impl Fresh {
    /// The kernels write every number before anybody reads one.
    fn new(shape: &[usize]) -> Result<Fresh> {
        let shape: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
        Ok(Fresh(Tensor::f_empty(shape, (Kind::Float, Device::Cpu))?))
    }

    fn as_mut_slice(&mut self) -> Result<&mut [f32]> {
        let data = f32_data(&self.0)?;
        // SAFETY: the only handle to the tensor is `self.0`, which is borrowed for writing and leaves this type by `into_tensor`
        // alone; the tensor is contiguous.
        Ok(unsafe { data.slice_mut() })
    }

    fn into_tensor(self) -> Tensor {
        self.0
    }
}

/// The numbers of a tensor. Private: a caller could write the tensor through another handle while the slice exists.
fn read(tensor: &Tensor) -> Result<&[f32]> {
    let data = f32_data(tensor)?;
    // SAFETY: the memory lives as long as the tensor. All slices are made and dropped within a call of `compute` or `run`, where
    // no code of a caller runs and nothing is written but `Fresh` tensors, which share no memory with others.
    Ok(unsafe { data.slice() })
}

/// The numbers of each tensor.
fn slices<'a>(tensors: &'a [Fit<'_>]) -> Result<Vec<&'a [f32]>> {
    tensors.iter().map(|tensor| read(tensor)).collect()
}

/// Steps and batch.
fn sizes(tensor: &Tensor, batch_first: bool) -> (usize, usize) {
    let sizes = tensor.size();
    let (steps, batch) = if batch_first { (sizes[1], sizes[0]) } else { (sizes[0], sizes[1]) };
    (steps as usize, batch as usize)
}

/// A tensor of rank 3 as the kernels see it.
fn sequence(tensor: &Tensor, batch_first: bool) -> Result<Sequence<'_>> {
    let strides = tensor.stride();
    let (step, batch) = if batch_first { (strides[1], strides[0]) } else { (strides[0], strides[1]) };
    Ok(Sequence { data: read(tensor)?, step_stride: step as usize, batch_stride: batch as usize })
}
