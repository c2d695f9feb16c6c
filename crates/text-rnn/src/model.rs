//! The network: an RNN, and a linear map from its last hidden state to the words.

use anyhow::Result;
use lesson_kit::{RecurrentSizes, SavedModel};
use recurrent::{Backend, Rnn, RnnConfig, Trace};
use tch::nn::{Path, VarStore};
use tch::{Device, Tensor};

/// The notebook's `TextRNN`.
#[derive(Debug)]
pub struct TextRnn {
    rnn: Rnn,
    w: Tensor,
    b: Tensor,
}

impl TextRnn {
    /// Draws the parameters in the notebook's order: the RNN's, then W, then b. The order determines the numbers.
    ///
    /// # Errors
    /// If a size is below 1.
    pub fn new(path: &Path<'_>, n_class: i64, n_hidden: i64, num_layers: i64) -> Result<TextRnn> {
        let rnn = RnnConfig::new(n_class, n_hidden).num_layers(num_layers).build(path / "rnn")?;
        let randn = |shape: &[i64]| Tensor::f_randn(shape, tch::kind::FLOAT_CPU)?.f_to_device(path.device());
        let w = path.add("W", randn(&[n_hidden, n_class])?, true);
        let b = path.add("b", randn(&[n_class])?, true);
        Ok(TextRnn { rnn, w, b })
    }

    /// The network with trained weights. Its sizes come from the shapes of the weights.
    ///
    /// # Errors
    /// If the file contains another model.
    pub fn load(saved: &SavedModel, n_class: i64, device: Device) -> Result<TextRnn> {
        let RecurrentSizes { hidden_size, num_layers, .. } = saved.recurrent_sizes("rnn", &[1])?;
        let model = TextRnn::new(&VarStore::new(device).root(), n_class, hidden_size, num_layers)?;
        saved.load_into(&model.named_parameters())?;
        Ok(model)
    }

    /// Maps `x`, (batch, steps, words), to a score (logit) for each word, (batch, words).
    ///
    /// `hidden` is the state before the first word, (layers, batch, hidden).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward(&self, hidden: &Tensor, x: &Tensor) -> Result<Tensor> {
        let x = x.f_transpose(0, 1)?; // (steps, batch, words), the layout of nn.RNN
        let (outputs, _hidden) = self.rnn.forward(&x, Some(hidden))?;
        let last = outputs.f_get(-1)?; // the hidden state after the last word
        Ok(last.f_mm(&self.w)?.f_add(&self.b)?)
    }

    /// The hidden states of each layer for `x`, (batch, steps, words): `h` is (steps, batch, hidden).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn trace(&self, hidden: &Tensor, x: &Tensor) -> Result<Trace<Tensor>> {
        Ok(self.rnn.trace(&x.f_transpose(0, 1)?, Some(hidden))?)
    }

    /// Sets the implementation of the RNN.
    ///
    /// # Errors
    /// If the model is on CUDA and `backend` is fused.
    pub fn set_backend(&mut self, backend: Backend) -> Result<()> {
        Ok(self.rnn.set_backend(backend)?)
    }

    /// The recurrent layer.
    pub fn rnn(&self) -> &Rnn {
        &self.rnn
    }

    /// The device of the parameters.
    pub fn device(&self) -> Device {
        self.w.device()
    }

    /// The state before the first word: zeros.
    pub fn zero_hidden(&self, batch: i64) -> Result<Tensor> {
        let shape = [self.rnn.num_layers(), batch, self.rnn.hidden_size()];
        Ok(Tensor::f_zeros(shape, (self.w.kind(), self.w.device()))?)
    }

    /// The parameters in torch's order: the module's own, then those of its submodules.
    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        let own = [("W".to_owned(), self.w.shallow_clone()), ("b".to_owned(), self.b.shallow_clone())];
        let rnn = self.rnn.named_parameters().map(|(name, tensor)| (format!("rnn.{name}"), tensor.shallow_clone()));
        own.into_iter().chain(rnn).collect()
    }
}
