//! The network: a GRU over the rows, and a linear map from its last output to the digits.

use anyhow::Result;
use lesson_kit::{Backend, Linear};
use recurrent::{Gru, GruConfig, Trace};
use tch::nn::Path;
use tch::{Kind, Tensor};

use crate::data::{CLASSES, SIDE};

/// The notebook's `MNISTNN`.
#[derive(Debug)]
pub struct MnistNn {
    gru: Gru,
    fc: Linear,
}

impl MnistNn {
    /// Draws the parameters in the notebook's order, the GRU's first: the order fixes the numbers.
    ///
    /// # Errors
    /// If a size is not positive.
    pub fn new(path: &Path<'_>, hidden_size: i64, num_layers: i64) -> Result<MnistNn> {
        let gru =
            GruConfig::new(SIDE as i64, hidden_size).num_layers(num_layers).batch_first(true).build(path / "gru")?;
        let fc = Linear::new(path / "fc", hidden_size, CLASSES as i64)?;
        Ok(MnistNn { gru, fc })
    }

    /// From `x`, (batch, rows, pixels of a row), to a score for each digit, (batch, digits).
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_h0, out, _hidden) = self.recurrent(x)?;
        Ok(self.fc.forward(&out.f_select(1, -1)?)?) // out[:, -1, :], what the GRU has made of all rows
    }

    /// The recurrent part: the first state, of zeros, (layers, batch, hidden); the output of every row, (batch, rows,
    /// hidden); and the last state.
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn recurrent(&self, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        let (batch, _rows, _pixels) = x.size3()?;
        let state = [self.gru.num_layers(), batch, self.gru.hidden_size()];
        let h0 = Tensor::f_zeros(state, (Kind::Float, x.device()))?;
        let (out, hidden) = self.gru.forward(x, Some(&h0))?;
        Ok((h0, out, hidden))
    }

    /// Every gate of the GRU at every row of `x`: of each layer (batch, rows, hidden).
    ///
    /// # Errors
    /// If the shape does not fit.
    pub fn trace(&self, x: &Tensor) -> Result<Trace<Tensor>> {
        Ok(self.gru.trace(x, None)?)
    }

    /// What computes the GRU from now on.
    ///
    /// # Errors
    /// If the fused backend cannot: on CUDA.
    pub fn set_backend(&mut self, backend: Backend) -> Result<()> {
        Ok(self.gru.set_backend(backend.name().parse()?)?)
    }

    /// How many recurrent layers are stacked.
    pub fn num_layers(&self) -> usize {
        self.gru.num_layers() as usize
    }

    /// Training mode.
    pub fn train(&mut self) {
        self.gru.train();
    }

    /// Evaluation mode. Without dropout it is the same, as in the notebook.
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
