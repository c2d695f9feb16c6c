//! Streaming inference: one time step for each call, from `step` of each layer.

use std::fmt;
use std::marker::PhantomData;

use tch::Tensor;

use crate::error::{Error, Result};
use crate::fused::FusedStream;
use crate::layer_base::LayerBase;
use crate::state::{State, state_from};
use crate::tensor::{device_of, kind_of};

/// The state of a layer between two time steps, from [`stream`](crate::Gru::stream).
pub struct Stream<S> {
    batch: i64,
    backend: StreamBackend,
    state: PhantomData<fn() -> S>,
}

enum StreamBackend {
    Exact { hx: Vec<Tensor>, output: Option<Tensor> },
    Fused(Box<FusedStream>),
}

impl<S: State> Stream<S> {
    /// A copy of the present state.
    ///
    /// # Errors
    /// [`Torch`](Error::Torch) if there is not enough memory.
    pub fn state(&self) -> Result<S> {
        state_from(match &self.backend {
            StreamBackend::Exact { hx, .. } => hx.iter().map(copy).collect::<Result<_>>()?,
            StreamBackend::Fused(stream) => stream.state()?,
        })
    }

    /// Number of sequences.
    pub fn batch(&self) -> i64 {
        self.batch
    }
}

impl<S> fmt::Debug for Stream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl LayerBase {
    /// A stream of `batch` sequences. `None` means a state of zeros.
    pub(crate) fn stream<S: State>(&self, batch: i64, hx: Option<&S>) -> Result<Stream<S>> {
        if self.options.bidirectional {
            return Err(Error::BidirectionalStep);
        }
        if batch < 1 {
            return Err(Error::NotPositive { name: "batch", value: batch });
        }
        let hx = match self.state_tensors(hx)? {
            Some(hx) => {
                self.check_state(&hx, batch)?;
                hx.into_iter().map(copy).collect::<Result<_>>()?
            }
            None => self.zero_state(batch, &self.weights()[0])?,
        };
        let backend = match &self.fused {
            Some(fused) => StreamBackend::Fused(Box::new(fused.stream(self.weights(), &hx)?)),
            None => StreamBackend::Exact { hx, output: None },
        };
        Ok(Stream { batch, backend, state: PhantomData })
    }

    /// The output of the time step `x_t`, (batch, input_size).
    pub(crate) fn step<'s, S: State>(&self, x_t: &Tensor, stream: &'s mut Stream<S>) -> Result<&'s Tensor> {
        match (&self.fused, &mut stream.backend) {
            (Some(fused), StreamBackend::Fused(stream)) => fused.step(self.weights(), x_t, stream),
            (None, StreamBackend::Exact { hx, output }) => {
                let _guard = tch::no_grad_guard();
                let (kind, weight) = (kind_of(x_t)?, kind_of(&self.weights()[0])?);
                if kind != weight {
                    return Err(Error::KindMismatch { input: kind, weight });
                }
                let (expected, got) = (vec![stream.batch, self.options.input_size], x_t.size());
                if got != expected {
                    return Err(Error::StepShape { expected, got });
                }
                device_of(x_t)?;
                self.check_state(hx, stream.batch)?;
                let time = i64::from(self.options.batch_first);
                let (outputs, state) = self.run(&x_t.f_unsqueeze(time)?, hx, false)?;
                *hx = state;
                Ok(output.insert(outputs.f_squeeze_dim(time)?))
            }
            _ => Err(Error::StreamMismatch),
        }
    }
}

/// A copy without a graph.
fn copy(tensor: &Tensor) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    let mut copy = tensor.f_empty_like()?;
    copy.f_copy_(tensor)?;
    Ok(copy)
}
