//! The fused backend: a layer's tensors as slices, through the kernels, and back into autograd's graph.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use rnn_kernels::{
    Cell, Config, Input, InputGradients, Network, Output, OutputGradients, Parallel, Sequence, Tape, Weights,
};
use tch::{Device, Kind, Tensor};
use torch_ext::autograd::{self, Backward};
use torch_ext::parallel;
use torch_ext::slices::{f32_slice, f32_slice_mut};

use crate::base::Base;
use crate::config::{Mode, Nonlinearity, Options};
use crate::error::{Error, Result};

/// The kernels for a layer, and the weights as they want them.
pub(crate) struct Fused {
    network: Network,
    packed: Mutex<Option<Packed>>,
}

/// Weights in the kernels' order, made from parameters at these addresses when they had seen so many changes.
struct Packed {
    made_from: Vec<(usize, u32)>,
    weights: Arc<Weights>,
}

impl fmt::Debug for Fused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fused").field(&self.network).finish()
    }
}

impl Fused {
    /// The kernels for a layer, if they compute it.
    pub(crate) fn new(options: &Options, weights: &[Tensor]) -> Result<Fused> {
        if options.proj_size > 0 {
            return Err(Error::NotFused(format!("has no projections, and proj_size is {}", options.proj_size)));
        }
        weights.iter().try_for_each(|weight| check("the weights are", weight))?;
        let config = Config {
            cell: match options.mode {
                Mode::Rnn(Nonlinearity::Tanh) => Cell::RnnTanh,
                Mode::Rnn(Nonlinearity::Relu) => Cell::RnnRelu,
                Mode::Lstm => Cell::Lstm,
                Mode::Gru => Cell::Gru,
            },
            input_size: options.input_size as usize,
            hidden_size: options.hidden_size as usize,
            num_layers: options.num_layers as usize,
            bias: options.bias,
            bidirectional: options.bidirectional,
        };
        Ok(Fused { network: Network::new(config)?, packed: Mutex::new(None) })
    }

    /// What [`Base::run`] computes, by the kernels. Input and state have passed torch's checks.
    pub(crate) fn run(&self, base: &Base, input: &Tensor, hx: &[Tensor]) -> Result<(Tensor, Vec<Tensor>)> {
        base.weights().iter().try_for_each(|weight| check("the weights are", weight))?;
        check("the input is", input)?;
        hx.iter().try_for_each(|state| check("the state is", state))?;
        if input.numel() == 0 {
            return base.run(input, hx); // where libtorch has its own words
        }
        let inputs: Vec<&Tensor> = std::iter::once(input).chain(hx).chain(base.weights()).collect();
        let recording = autograd::is_recording(&inputs);
        let (outputs, tape) = tch::no_grad(|| self.compute(base, input, hx, recording))?;
        let mut outputs = match tape {
            Some(tape) => {
                let walk = Walk {
                    network: self.network,
                    tape,
                    parameters: base.weights().iter().map(Tensor::shallow_clone).collect(),
                    batch_first: base.options.batch_first,
                    states: hx.len(),
                };
                autograd::record(base.options.mode.name(), &inputs, outputs, move |backward| walk.back(backward))?
            }
            None => outputs,
        };
        let output = outputs.remove(0);
        Ok((if base.options.batch_first { output.f_transpose(0, 1)? } else { output }, outputs))
    }

    /// Output (time first) and state, and what the way back needs.
    fn compute(
        &self,
        base: &Base,
        input: &Tensor,
        hx: &[Tensor],
        recording: bool,
    ) -> Result<(Vec<Tensor>, Option<Tape>)> {
        let config = self.network.config();
        let input = features_side_by_side(input)?;
        let x = sequence(&input, base.options.batch_first)?;
        let (steps, batch) = sizes(&input, base.options.batch_first);
        let hx = hx.iter().map(dense).collect::<Result<Vec<_>>>()?;
        let masks = self.dropout_masks(base, steps, batch)?;
        let masks = masks.iter().map(f32_slice).collect::<torch_ext::Result<Vec<_>>>()?;

        let zeros = (Kind::Float, Device::Cpu);
        let mut output = Tensor::f_empty([steps, batch, config.output_size()].map(|n| n as i64), zeros)?;
        let mut states = hx.iter().map(|state| Ok(state.f_empty_like()?)).collect::<Result<Vec<_>>>()?;
        let slices = slices(&hx)?;
        let input = Input { steps, batch, x, h_0: Some(slices[0]), c_0: slices.get(1).copied(), dropout: &masks };
        let pool = Pool::default();
        let weights = self.weights(base, batch, &pool)?;
        let mut state_slices = states.iter_mut().map(f32_slice_mut).collect::<torch_ext::Result<Vec<_>>>()?;
        let c_n = if config.cell.has_c() { state_slices.pop() } else { None };
        let Some(h_n) = state_slices.pop() else {
            return Err(Error::NotFused("needs a state".to_owned()));
        };
        let out = Output { output: f32_slice_mut(&mut output)?, h_n, c_n };
        let tape = if recording {
            Some(self.network.forward_saving(&weights, &input, out, &pool)?)
        } else {
            self.network.forward(&weights, &input, out, &pool)?;
            None
        };
        pool.result()?;
        Ok((std::iter::once(output).chain(states).collect(), tape))
    }

    /// The weights for the kernels: those of the last call, unless the parameters have changed since.
    fn weights(&self, base: &Base, batch: usize, pool: &Pool) -> Result<Arc<Weights>> {
        let identity = |weight: &Tensor| Some((weight.data_ptr() as usize, autograd::version(weight)?));
        let now: Option<Vec<_>> = base.weights().iter().map(identity).collect(); // None: nobody counts their changes
        let mut packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(packed) = &*packed
            && Some(&packed.made_from) == now.as_ref()
            && packed.weights.fits(&self.network, batch)
        {
            return Ok(packed.weights.clone());
        }
        let parameters = base.weights().iter().map(dense).collect::<Result<Vec<_>>>()?;
        let parameters = slices(&parameters)?;
        let weights = Arc::new(self.network.pack(&parameters, batch, pool)?);
        *packed = now.map(|made_from| Packed { made_from, weights: weights.clone() });
        Ok(weights)
    }

    /// What dropout multiplies the output of each layer but the last by, drawn from torch's generator as torch draws it.
    fn dropout_masks(&self, base: &Base, steps: usize, batch: usize) -> Result<Vec<Tensor>> {
        let config = self.network.config();
        let p = base.options.dropout;
        if !base.training || p == 0.0 {
            return Ok(Vec::new());
        }
        let shape = [steps, batch, config.output_size()].map(|n| n as i64);
        let mask = |_| Ok(Tensor::f_ones(shape, (Kind::Float, Device::Cpu))?.f_dropout(p, true)?);
        (1..config.num_layers).map(mask).collect()
    }
}

/// A forward pass's way back.
struct Walk {
    network: Network,
    tape: Tape,
    parameters: Vec<Tensor>,
    batch_first: bool,
    /// Tensors of the state: 1, or 2 for LSTM.
    states: usize,
}

impl Walk {
    /// One gradient for each of input, state, parameters.
    fn back(
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
            h_n: d_h_n.as_deref().map(f32_slice).transpose()?,
            c_n: d_c_n.as_deref().map(f32_slice).transpose()?,
        };
        let weights = self.parameters.iter().map(dense).collect::<Result<Vec<_>>>()?;
        let weights = slices(&weights)?;

        let mut results = (0..inputs)
            .map(|input| Ok(if backward.needs(input) { Some(self.room(input)?) } else { None }))
            .collect::<Result<Vec<_>>>()?;
        let mut rooms = results
            .iter_mut()
            .map(|result| result.as_mut().map(f32_slice_mut).transpose())
            .collect::<torch_ext::Result<Vec<_>>>()?;
        let parameters = rooms.split_off(1 + self.states);
        let mut rooms = rooms.into_iter();
        let mut next = || rooms.next().flatten();
        let wanted = InputGradients { x: next(), h_0: next(), c_0: next(), parameters };
        let pool = Pool::default();
        self.network.backward(&self.tape, &weights, &gradients, wanted, &pool)?;
        pool.result()?;
        if let (true, Some(d_x)) = (self.batch_first, &mut results[0]) {
            *d_x = d_x.f_transpose(0, 1)?;
        }
        Ok(results)
    }

    /// A tensor for the gradient of an input, time first.
    fn room(&self, input: usize) -> Result<Tensor> {
        let config = self.network.config();
        let options = (Kind::Float, Device::Cpu);
        Ok(match input.checked_sub(1 + self.states) {
            Some(parameter) => Tensor::f_empty(self.parameters[parameter].size(), options)?,
            None if input == 0 => {
                let (steps, batch) = (self.tape.steps(), self.tape.batch());
                Tensor::f_empty([steps, batch, config.input_size].map(|n| n as i64), options)?
            }
            None => {
                let shape = [config.state_rows(), self.tape.batch(), config.hidden_size];
                Tensor::f_empty(shape.map(|n| n as i64), options)?
            }
        })
    }
}

/// libtorch's threads, for the kernels.
#[derive(Default)]
struct Pool {
    failed: Mutex<Option<torch_ext::Error>>,
}

impl Pool {
    /// The first failure.
    fn result(self) -> Result<()> {
        match self.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

impl Parallel for Pool {
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
        Error::NotFused(format!("failed: {error}"))
    }
}

/// The kernels take f32 on the CPU.
fn check(what: &str, tensor: &Tensor) -> Result<()> {
    let (kind, device) = (tensor.f_kind()?, tensor.device());
    match (kind, device) {
        (Kind::Float, Device::Cpu) => Ok(()),
        (Kind::Float, _) => Err(Error::NotFused(format!("computes on the CPU, and {what} on {device:?}"))),
        _ => Err(Error::NotFused(format!("computes in Float, and {what} of kind {kind:?}"))),
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

/// The numbers of each tensor.
fn slices<'a>(tensors: &'a [Fit<'_>]) -> Result<Vec<&'a [f32]>> {
    Ok(tensors.iter().map(|tensor| f32_slice(tensor)).collect::<torch_ext::Result<_>>()?)
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
    Ok(Sequence { data: f32_slice(tensor)?, step: step as usize, batch: batch as usize })
}
