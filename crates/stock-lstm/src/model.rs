//! The network: an LSTM, and a linear map from its last output to a price.

use anyhow::Result;
use lesson_kit::{RecurrentSizes, SavedModel};
use recurrent::{Backend, Lstm, LstmConfig, LstmState, Trace};
use tch::nn::{Path, VarStore};
use tch::{Device, Tensor};

use crate::data::COLUMNS;

/// The notebook's `StockRNN`.
#[derive(Debug)]
pub struct StockRnn {
    rnn: Lstm,
    w: Tensor,
    b: Tensor,
}

impl StockRnn {
    /// Draws the parameters in the notebook's order: the LSTM's, then W, then b. The order determines the numbers.
    ///
    /// # Errors
    /// If a size is below 1.
    pub fn new(path: &Path<'_>, input_size: i64, n_hidden: i64, num_layers: i64) -> Result<StockRnn> {
        let output_size = 1; // the close
        let rnn = LstmConfig::new(input_size, n_hidden).num_layers(num_layers).build(path / "rnn")?;
        let randn = |shape: &[i64]| Tensor::f_randn(shape, tch::kind::FLOAT_CPU)?.f_to_device(path.device());
        let w = path.add("W", randn(&[n_hidden, output_size])?, true);
        let b = path.add("b", randn(&[output_size])?, true);
        Ok(StockRnn { rnn, w, b })
    }

    /// The network with trained weights. Its sizes come from the shapes of the weights.
    ///
    /// # Errors
    /// If the file contains another model.
    pub fn load(saved: &SavedModel, device: Device) -> Result<StockRnn> {
        let RecurrentSizes { hidden_size, num_layers, .. } = saved.recurrent_sizes("rnn", &[4])?;
        let model = StockRnn::new(&VarStore::new(device).root(), COLUMNS.len() as i64, hidden_size, num_layers)?;
        saved.load_into(&model.named_parameters())?;
        Ok(model)
    }

    /// Maps windows, (batch, days, columns), to the next day's scaled close, (batch, 1).
    ///
    /// `hidden_and_cell` is the state before the first day, each tensor (layers, batch, hidden).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward(&self, hidden_and_cell: &LstmState, x: &Tensor) -> Result<Tensor> {
        let x = x.f_transpose(0, 1)?; // (days, batch, columns), the layout of nn.LSTM
        let (outputs, _hidden) = self.rnn.forward(&x, Some(hidden_and_cell))?;
        let last = outputs.f_get(-1)?; // the hidden state after the last day
        Ok(last.f_mm(&self.w)?.f_add(&self.b)?)
    }

    /// The gates of each layer for `x`, (batch, days, columns): (days, batch, hidden).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn trace(&self, hidden_and_cell: &LstmState, x: &Tensor) -> Result<Trace<LstmState>> {
        Ok(self.rnn.trace(&x.f_transpose(0, 1)?, Some(hidden_and_cell))?)
    }

    /// Sets the implementation of the LSTM.
    ///
    /// # Errors
    /// If the model is on CUDA and `backend` is fused.
    pub fn set_backend(&mut self, backend: Backend) -> Result<()> {
        Ok(self.rnn.set_backend(backend)?)
    }

    /// The recurrent layer.
    pub fn rnn(&self) -> &Lstm {
        &self.rnn
    }

    /// The device of the parameters.
    pub fn device(&self) -> Device {
        self.w.device()
    }

    /// The state before the first day: zeros.
    pub fn zero_state(&self, batch: i64) -> Result<LstmState> {
        let shape = [self.rnn.num_layers(), batch, self.rnn.hidden_size()];
        let zeros = || Tensor::f_zeros(shape, (self.w.kind(), self.w.device()));
        Ok(LstmState { h: zeros()?, c: zeros()? })
    }

    /// The parameters in torch's order: the module's own, then those of its submodules.
    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        let own = [("W".to_owned(), self.w.shallow_clone()), ("b".to_owned(), self.b.shallow_clone())];
        let rnn = self.rnn.named_parameters().map(|(name, tensor)| (format!("rnn.{name}"), tensor.shallow_clone()));
        own.into_iter().chain(rnn).collect()
    }
}
