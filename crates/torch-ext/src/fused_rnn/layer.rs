//! The layer: checks, the forward pass, packed weights, dropout.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rnn_kernels::{Batch, CellKind, Config, Input, Network, Output, PackedWeights, Tape};
use tch::{Device, Kind, Tensor};

use super::backward::BackwardPass;
use super::tensors::{NewTensor, as_sequence, as_slice, as_slices, contiguous, contiguous_features};
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

    pub(super) fn network(&self) -> &Network {
        &self.network
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
    /// - `hx`: `h_0`, for an LSTM `h_0` and `c_0`; each (layers * directions, batch, features). h has
    ///   proj_size features if there are projections, otherwise hidden_size.
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
        self.check(parameters, hx)?;
        check_input(self.config(), input, 3)?;
        let (size, time) = (input.size(), usize::from(batch_first));
        let (steps, sequences) = (size[time] as usize, size[1 - time] as usize);
        let call = Call {
            batch: Batch::Padded { steps, sequences },
            input_rows: vec![steps, sequences],
            batch_first,
            dropout,
        };
        let (output, state) = self.run(parameters, input, hx, &call)?;
        Ok((if batch_first { output.f_transpose(0, 1)? } else { output }, state))
    }

    /// As [`forward`](Self::forward), for the data of a packed batch: (sum of the lengths, input_size), with the number of
    /// sequences that have a step, for each step. The output has as many rows.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and for batch sizes that grow, are zero, or whose sum is not the number of rows.
    pub fn forward_packed(
        &self,
        parameters: &[Tensor],
        data: &Tensor,
        batch_sizes: &[usize],
        hx: &[&Tensor],
        dropout: f64,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        self.check(parameters, hx)?;
        check_input(self.config(), data, 2)?;
        let rows = batch_sizes.iter().fold(0_usize, |sum, size| sum.saturating_add(*size));
        if rows as i64 != data.size()[0] {
            return Err(Error::Fused(format!(
                "need {rows} rows of data, the sum of batch_sizes, not {:?}",
                data.size()
            )));
        }
        let call = Call { batch: Batch::Packed(batch_sizes), input_rows: vec![rows], batch_first: false, dropout };
        self.run(parameters, data, hx, &call)
    }

    /// Output, time first, and state. Records the call in autograd's graph.
    fn run(
        &self,
        parameters: &[Tensor],
        input: &Tensor,
        hx: &[&Tensor],
        call: &Call<'_>,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let inputs: Vec<&Tensor> = std::iter::once(input).chain(hx.iter().copied()).chain(parameters).collect();
        let recording = autograd::is_recording(&inputs);
        let (outputs, tape) = tch::no_grad(|| self.compute(parameters, input, hx, call, recording))?;
        let mut outputs = match tape {
            Some(tape) => {
                let pass = BackwardPass {
                    network: self.network,
                    tape,
                    parameters: parameters.iter().map(Tensor::shallow_clone).collect(),
                    batch_first: call.batch_first,
                    input_rows: call.input_rows.clone(),
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
        Ok((output, outputs))
    }

    /// Checks what the kernels cannot see in slices.
    pub(super) fn check(&self, parameters: &[Tensor], hx: &[&Tensor]) -> Result<()> {
        parameters.iter().try_for_each(|weight| check_tensor("the weights are", weight))?;
        hx.iter().try_for_each(|state| check_tensor("the state is", state))?;
        let states = 1 + usize::from(self.config().cell.has_c());
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
        call: &Call<'_>,
        recording: bool,
    ) -> Result<(Vec<Tensor>, Option<Tape>)> {
        let config = self.config();
        let (batch, sequences) = (call.batch, call.batch.sequences());
        let input = contiguous_features(input)?;
        let x = as_sequence(&input, call.batch_first, sequences)?;
        let hx = hx.iter().map(|state| contiguous(state)).collect::<Result<Vec<_>>>()?;
        let outputs = [&call.input_rows[..], &[config.output_size()]].concat();
        let masks = self.dropout_masks(call.dropout, &outputs)?;
        let masks = masks.iter().map(as_slice).collect::<Result<Vec<_>>>()?;

        let mut output = NewTensor::new(&outputs)?;
        let mut h_n = NewTensor::new(&[config.state_rows(), sequences, config.state_size()])?;
        let mut c_n = match config.cell.has_c() {
            true => Some(NewTensor::new(&[config.state_rows(), sequences, config.hidden_size])?),
            false => None,
        };
        let slices = as_slices(&hx)?;
        let input = Input { batch, x, h_0: Some(slices[0]), c_0: slices.get(1).copied(), dropout: &masks };
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

    /// The packed weights: those of the last call, if the parameters have not changed since. Then it allocates nothing.
    pub(super) fn weights(
        &self,
        parameters: &[Tensor],
        batch: Batch<'_>,
        threads: &TorchThreads,
    ) -> Result<Arc<PackedWeights>> {
        // None if a tensor has no version.
        let identity = |weight: &Tensor| Some((weight.data_ptr() as usize, autograd::version(weight)?));
        let mut packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(packed) = &*packed
            && packed.made_from.iter().map(|made_from| Some(*made_from)).eq(parameters.iter().map(identity))
            && packed.weights.fits(&self.network, batch)
        {
            return Ok(packed.weights.clone());
        }
        let made_from: Option<Vec<_>> = parameters.iter().map(identity).collect();
        let parameters = parameters.iter().map(contiguous).collect::<Result<Vec<_>>>()?;
        let parameters = as_slices(&parameters)?;
        let weights = Arc::new(self.network.pack(&parameters, batch, threads)?);
        *packed = made_from.map(|made_from| Packed { made_from, weights: weights.clone() });
        Ok(weights)
    }

    /// The dropout masks: factors for the output of each layer except the last, which has this shape.
    fn dropout_masks(&self, p: f64, shape: &[usize]) -> Result<Vec<Tensor>> {
        if p == 0.0 {
            return Ok(Vec::new());
        }
        let shape: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
        let mask = |_| Ok(Tensor::f_ones(&shape, (Kind::Float, Device::Cpu))?.f_dropout(p, true)?);
        (1..self.config().num_layers).map(mask).collect()
    }
}

/// What a call computes, in addition to its tensors.
struct Call<'a> {
    batch: Batch<'a>,
    /// The input's dimensions before the features, time first: (steps, batch), or (rows) for a packed batch.
    input_rows: Vec<usize>,
    batch_first: bool,
    /// The probability of dropout.
    dropout: f64,
}

impl From<rnn_kernels::Error> for Error {
    fn from(error: rnn_kernels::Error) -> Error {
        Error::Fused(format!("failed: {error}"))
    }
}

fn check_input(config: &Config, input: &Tensor, rank: usize) -> Result<()> {
    check_tensor("the input is", input)?;
    let size = input.size();
    if size.len() != rank || size[rank - 1] != config.input_size as i64 {
        return Err(Error::Fused(format!(
            "need an input of {rank} dimensions, the last {}, not {size:?}",
            config.input_size
        )));
    }
    Ok(())
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
