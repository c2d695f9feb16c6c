//! The layer: checks, the forward pass, packed weights, dropout.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rnn_kernels::{CellKind, Config, Input, Network, Output, PackedWeights, Tape};
use tch::{Device, Kind, Tensor};

use super::backward::BackwardPass;
use super::tensors::{NewTensor, as_sequence, as_slice, as_slices, contiguous, contiguous_features, steps_and_batch};
use super::threads::TorchThreads;
use crate::autograd;
use crate::error::{Error, Result};

/// A stack of recurrent layers that [`rnn_kernels`] computes. It caches the parameters in the kernels' own order.
pub struct FusedRnn {
    network: Network,
    packed: Mutex<Option<Packed>>,
}

/// PackedWeights in the kernels' order, and the address and version of each parameter that they were made from.
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
    /// A layer of these sizes, on the instruction set of [`rnn_kernels::InstructionSet::chosen`].
    ///
    /// # Errors
    /// [`Error::Fused`] for a size of 0, or if the environment names an instruction set that the CPU does not have.
    pub fn new(config: Config) -> Result<FusedRnn> {
        Ok(FusedRnn { network: Network::new(config)?, packed: Mutex::new(None) })
    }

    /// The sizes.
    pub fn config(&self) -> &Config {
        self.network.config()
    }

    /// Computes the layers over `input` and records the call in autograd's graph. Returns the output and the last state.
    ///
    /// - `parameters`: torch's, in its order: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, then those of the
    ///   reverse direction, then those of the next layer.
    /// - `input`: (steps, batch, input_size), with `batch_first` (batch, steps, input_size). The output has the same order.
    /// - `hx`: `h_0`, for an LSTM `h_0` and `c_0`; each (layers * directions, batch, hidden_size).
    /// - `dropout`: the probability of dropout between layers; 0 for evaluation. It draws from torch's default generator, as
    ///   torch does.
    ///
    /// # Errors
    /// [`Error::Fused`] for tensors that are not f32 on the CPU, for shapes that do not fit, and for an empty batch or
    /// sequence.
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
                let pass = BackwardPass {
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
                autograd::record(name, &inputs, outputs, move |backward| pass.run(backward))?
            }
            None => outputs,
        };
        let output = outputs.remove(0);
        Ok((if batch_first { output.f_transpose(0, 1)? } else { output }, outputs))
    }

    /// Checks what the kernels cannot see in slices.
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
            return Err(Error::Fused(format!("need {states} state tensors, not {}", hx.len())));
        }
        Ok(())
    }

    /// Output (time first) and state; if `recording`, also the tape for the backward pass.
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
        let input = contiguous_features(input)?;
        let x = as_sequence(&input, batch_first)?;
        let (steps, batch) = steps_and_batch(&input, batch_first);
        let hx = hx.iter().map(|state| contiguous(state)).collect::<Result<Vec<_>>>()?;
        let masks = self.dropout_masks(dropout, steps, batch)?;
        let masks = masks.iter().map(as_slice).collect::<Result<Vec<_>>>()?;

        let mut output = NewTensor::new(&[steps, batch, config.output_size()])?;
        let mut h_n = NewTensor::new(&[config.state_rows(), batch, config.hidden_size])?;
        let mut c_n = match config.cell.has_c() {
            true => Some(NewTensor::new(&[config.state_rows(), batch, config.hidden_size])?),
            false => None,
        };
        let slices = as_slices(&hx)?;
        let input = Input { steps, batch, x, h_0: Some(slices[0]), c_0: slices.get(1).copied(), dropout: &masks };
        let threads = TorchThreads::default();
        let weights = self.weights(parameters, batch, &threads)?;
        let out = Output {
            output: output.as_mut_slice()?,
            h_n: h_n.as_mut_slice()?,
            c_n: c_n.as_mut().map(NewTensor::as_mut_slice).transpose()?,
        };
        let tape = if recording {
            Some(self.network.forward_with_tape(&weights, &input, out, &threads)?)
        } else {
            self.network.forward(&weights, &input, out, &threads)?;
            None
        };
        threads.result()?;
        Ok(([Some(output), Some(h_n), c_n].into_iter().flatten().map(NewTensor::into_tensor).collect(), tape))
    }

    /// The packed weights: those of the last call, if the parameters have not changed since.
    fn weights(&self, parameters: &[Tensor], batch: usize, threads: &TorchThreads) -> Result<Arc<PackedWeights>> {
        let identity = |weight: &Tensor| Some((weight.data_ptr() as usize, autograd::version(weight)?));
        let now: Option<Vec<_>> = parameters.iter().map(identity).collect(); // None if a tensor has no version
        let mut packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(packed) = &*packed
            && Some(&packed.made_from) == now.as_ref()
            && packed.weights.fits(&self.network, batch)
        {
            return Ok(packed.weights.clone());
        }
        let parameters = parameters.iter().map(contiguous).collect::<Result<Vec<_>>>()?;
        let parameters = as_slices(&parameters)?;
        let weights = Arc::new(self.network.pack(&parameters, batch, threads)?);
        *packed = now.map(|made_from| Packed { made_from, weights: weights.clone() });
        Ok(weights)
    }

    /// The dropout masks: factors for the output of each layer except the last.
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

impl From<rnn_kernels::Error> for Error {
    fn from(error: rnn_kernels::Error) -> Error {
        Error::Fused(format!("failed: {error}"))
    }
}

/// Checks that a tensor is f32 on the CPU. `what` names it in the error message: `the weights are`.
pub fn check_tensor(what: &str, tensor: &Tensor) -> Result<()> {
    let (kind, device) = (tensor.f_kind()?, tensor.device());
    match (kind, device) {
        (Kind::Float, Device::Cpu) => Ok(()),
        (Kind::Float, _) => Err(Error::Fused(format!("computes on the CPU, and {what} on {device:?}"))),
        _ => Err(Error::Fused(format!("computes in Float, and {what} of kind {kind:?}"))),
    }
}
