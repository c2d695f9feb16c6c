//! Streaming inference: one time step for each call.

use rnn_kernels::{Batch, Stepper};
use tch::{Device, Kind, Tensor};

use super::layer::{FusedRnn, check_tensor};
use super::tensors::{NewTensor, as_slice, contiguous};
use super::threads::TorchThreads;
use crate::error::{Error, Result};
use crate::slices::f32_data;

/// The state and the workspace of a stream, from [`FusedRnn::stream`].
pub struct Stream {
    stepper: Stepper,
    h: Vec<f32>,
    c: Vec<f32>,
    output: Vec<f32>,
    /// The output as a tensor. The caller may have further handles to it.
    output_tensor: Tensor,
}

impl FusedRnn {
    /// A stream that starts from the state `hx`: h, or h and c for LSTM, (layers, batch, features) each.
    ///
    /// # Errors
    /// [`Error::Fused`] for a bidirectional layer, or tensors of the wrong kind, device or number.
    pub fn stream(&self, parameters: &[Tensor], hx: &[&Tensor]) -> Result<Stream> {
        self.check(parameters, hx)?;
        let batch = hx[0].size().get(1).map_or(0, |batch| *batch as usize);
        let stepper = self.network().stepper(batch)?;
        let copy = |tensor: &Tensor| Ok::<_, Error>(as_slice(&*contiguous(tensor)?)?.to_vec());
        let (h, c) = (copy(hx[0])?, hx.get(1).map_or(Ok(Vec::new()), |c| copy(c))?);
        let output = vec![0.0; batch * self.config().output_size()];
        let shape = [batch as i64, self.config().output_size() as i64];
        let output_tensor = Tensor::f_zeros(shape, (Kind::Float, Device::Cpu))?;
        Ok(Stream { stepper, h, c, output, output_tensor })
    }

    /// Computes the time step `x`, (batch, input_size), and updates the state. Returns the output of the last layer, (batch,
    /// features), which the next step overwrites. Nothing is recorded in autograd's graph, and there is no dropout.
    ///
    /// A step allocates nothing if the weights have not changed and `x` is contiguous.
    ///
    /// # Errors
    /// [`Error::Fused`] for an `x` of the wrong shape, kind or device, and for a stream of another layer.
    pub fn step<'s>(&self, parameters: &[Tensor], x: &Tensor, stream: &'s mut Stream) -> Result<&'s Tensor> {
        let Stream { stepper, h, c, output, output_tensor } = stream;
        let (batch, features) = (stepper.sequences(), self.config().input_size);
        check_tensor("the input is", x)?;
        let x = &*contiguous(x)?;
        let data = f32_data(x)?;
        if x.dim() != 2 || data.last_size != features as i64 || data.length != batch * features {
            return Err(Error::Fused(format!("need an input of shape [{batch}, {features}], not {:?}", x.size())));
        }
        let threads = TorchThreads::default();
        let weights = self.weights(parameters, Batch::Padded { steps: 1, sequences: batch }, &threads)?;
        let c = self.config().cell.has_c().then_some(&mut c[..]);
        stepper.step(&weights, as_slice(x)?, h, c, output)?;
        threads.result()?;
        crate::slices::write(output_tensor, output)?;
        Ok(output_tensor)
    }
}

impl Stream {
    /// The present state: h, or h and c for LSTM, (layers, batch, features) each.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn state(&self) -> Result<Vec<Tensor>> {
        let batch = self.stepper.sequences();
        let layers = self.stepper.layers();
        let tensor = |numbers: &Vec<f32>| {
            let features = numbers.len() / (layers * batch);
            let mut tensor = NewTensor::new(&[layers, batch, features])?;
            tensor.as_mut_slice()?.copy_from_slice(numbers);
            Ok(tensor.into_tensor())
        };
        [&self.h, &self.c].into_iter().filter(|numbers| !numbers.is_empty()).map(tensor).collect()
    }
}
