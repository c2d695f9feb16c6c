//! The network: an LSTM, and a linear map from its last output to a price.

use anyhow::Result;
use lesson_kit::Backend;
use recurrent::{Lstm, LstmConfig, LstmState, Trace};
use tch::nn::Path;
use tch::{Device, Kind, Tensor};

/// The notebook's `StockRNN`.
#[derive(Debug)]
pub struct StockRnn {
    rnn: Lstm,
    w: Tensor,
    b: Tensor,
}

impl StockRnn {
    /// Draws the parameters in the notebook's order, the LSTM's first, then W, then b: the order fixes the numbers.
    ///
    /// # Errors
    /// If a size is not positive.
    pub fn new(path: &Path<'_>, input_size: i64, n_hidden: i64, num_layers: i64) -> Result<StockRnn> {
        let output_size = 1; // the close
        let rnn = LstmConfig::new(input_size, n_hidden).num_layers(num_layers).build(path / "rnn")?;
        let randn = |shape: &[i64]| Tensor::f_randn(shape, tch::kind::FLOAT_CPU)?.f_to_device(path.device());
        let w = path.add("W", randn(&[n_hidden, output_size])?, true);
        let b = path.add("b", randn(&[output_size])?, true);
        Ok(StockRnn { rnn, w, b })
    }

    /// From windows, (batch, days, columns), to the next day's close, (batch, 1), scaled as they are.
    ///
    /// `hidden_and_cell` is the state before the first day, each tensor (layers, batch, hidden).
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward(&self, hidden_and_cell: &LstmState, x: &Tensor) -> Result<Tensor> {
        let x = x.f_transpose(0, 1)?; // (days, batch, columns), as the LSTM wants it
        let (outputs, _hidden) = self.rnn.forward(&x, Some(hidden_and_cell))?;
        let last = outputs.f_get(-1)?; // what the LSTM has made of the whole window
        Ok(last.f_mm(&self.w)?.f_add(&self.b)?)
    }

    /// Every gate of the LSTM on its way through `x`, (batch, days, columns): those of each layer are (days, batch,
    /// hidden).
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn trace(&self, hidden_and_cell: &LstmState, x: &Tensor) -> Result<Trace<LstmState>> {
        Ok(self.rnn.trace(&x.f_transpose(0, 1)?, Some(hidden_and_cell))?)
    }

    /// What computes the LSTM from now on.
    ///
    /// # Errors
    /// If the fused backend cannot: on CUDA.
    pub fn set_backend(&mut self, backend: Backend) -> Result<()> {
        Ok(self.rnn.set_backend(backend.name().parse()?)?)
    }

    /// The recurrent layer.
    pub fn rnn(&self) -> &Lstm {
        &self.rnn
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.w.device()
    }

    /// The state before the first day: zeros.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn zero_state(&self, batch: i64) -> Result<LstmState> {
        let shape = [self.rnn.num_layers(), batch, self.rnn.hidden_size()];
        let zeros = || Tensor::f_zeros(shape, (Kind::Float, self.w.device()));
        Ok(LstmState { h: zeros()?, c: zeros()? })
    }

    /// The parameters in torch's order: the module's own, then those of its submodules.
    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        let own = [("W".to_owned(), self.w.shallow_clone()), ("b".to_owned(), self.b.shallow_clone())];
        let rnn = self.rnn.named_parameters().map(|(name, tensor)| (format!("rnn.{name}"), tensor.shallow_clone()));
        own.into_iter().chain(rnn).collect()
    }
}
