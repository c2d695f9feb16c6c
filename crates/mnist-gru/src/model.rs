//! The network: a GRU over the rows, and a linear map from its last output to the digits.

use anyhow::Result;
use lesson_kit::{RecurrentSizes, SavedModel};
use recurrent::{Backend, Gru, GruConfig, Trace};
use tch::nn::{Path, VarStore};
use tch::{Device, Tensor};
use torch_ext::nn::Linear;

use crate::data::{CLASSES, SIDE};

/// The notebook's `MNISTNN`.
#[derive(Debug)]
pub struct MnistNn {
    gru: Gru,
    fc: Linear,
}

impl MnistNn {
    /// Draws the parameters in the notebook's order, the GRU's first. The order determines the numbers.
    ///
    /// # Errors
    /// If a size is below 1.
    pub fn new(path: &Path<'_>, hidden_size: i64, num_layers: i64) -> Result<MnistNn> {
        let gru =
            GruConfig::new(SIDE as i64, hidden_size).num_layers(num_layers).batch_first(true).build(path / "gru")?;
        let fc = Linear::new(path / "fc", hidden_size, CLASSES as i64)?;
        Ok(MnistNn { gru, fc })
    }

    /// The network with trained weights, in evaluation mode. Its sizes come from the shapes of the weights.
    ///
    /// # Errors
    /// If the file contains another model.
    pub fn load(saved: &SavedModel, device: Device) -> Result<MnistNn> {
        let RecurrentSizes { hidden_size, num_layers, .. } = saved.recurrent_sizes("gru", &[3])?;
        let mut model = MnistNn::new(&VarStore::new(device).root(), hidden_size, num_layers)?;
        saved.load_into(&model.named_parameters())?;
        model.eval();
        Ok(model)
    }

    /// Maps `x`, (batch, rows, pixels of a row), to a score (logit) for each digit, (batch, digits).
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_h0, out, _hidden) = self.recurrent(x)?;
        Ok(self.fc.forward(&out.f_select(1, -1)?)?) // out[:, -1, :], the output after the last row
    }

    /// The recurrent part: the initial state, zeros, (layers, batch, hidden); the output of every row, (batch, rows,
    /// hidden); and the last state.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn recurrent(&self, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let (batch, _rows, _pixels) = x.size3()?;
        let state = [self.gru.num_layers(), batch, self.gru.hidden_size()];
        let h0 = Tensor::f_zeros(state, (x.kind(), x.device()))?;
        let (out, hidden) = self.gru.forward(x, Some(&h0))?;
        Ok((h0, out, hidden))
    }

    /// The gates of the GRU for every row of `x`: (batch, rows, hidden) for each layer.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn trace(&self, x: &Tensor) -> Result<Trace<Tensor>> {
        Ok(self.gru.trace(x, None)?)
    }

    /// Sets the implementation of the GRU.
    ///
    /// # Errors
    /// If the model is on CUDA and `backend` is fused.
    pub fn set_backend(&mut self, backend: Backend) -> Result<()> {
        Ok(self.gru.set_backend(backend)?)
    }

    /// The recurrent layer.
    pub fn gru(&self) -> &Gru {
        &self.gru
    }

    /// Training mode.
    pub fn train(&mut self) {
        self.gru.train();
    }

    /// Evaluation mode. Without dropout it computes the same, as in the notebook.
    pub fn eval(&mut self) {
        self.gru.eval();
    }

    /// The parameters in torch's order.
    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        let gru = self.gru.named_parameters().map(|(name, tensor)| (format!("gru.{name}"), tensor.shallow_clone()));
        let fc = self.fc.named_parameters().into_iter().map(|(name, tensor)| (format!("fc.{name}"), tensor));
        gru.chain(fc).collect()
    }
}
