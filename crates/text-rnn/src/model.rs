//! The network: an RNN, and a linear map from its last hidden state to the words.

use anyhow::Result;
use lesson_kit::Backend;
use recurrent::{Rnn, RnnConfig, Trace};
use tch::nn::Path;
use tch::{Device, Kind, Tensor};

/// The notebook's `TextRNN`.
#[derive(Debug)]
pub struct TextRnn {
    rnn: Rnn,
    w: Tensor,
    b: Tensor,
}

impl TextRnn {
    /// Draws the parameters in the notebook's order, the RNN's first, then W, then b: the order fixes the numbers.
    ///
    /// # Errors
    /// If a size is not positive.
    pub fn new(path: &Path<'_>, n_class: i64, n_hidden: i64, num_layers: i64) -> Result<TextRnn> {
        let rnn = RnnConfig::new(n_class, n_hidden).num_layers(num_layers).build(path / "rnn")?;
        let randn = |shape: &[i64]| Tensor::f_randn(shape, tch::kind::FLOAT_CPU)?.f_to_device(path.device());
        let w = path.add("W", randn(&[n_hidden, n_class])?, true);
        let b = path.add("b", randn(&[n_class])?, true);
        Ok(TextRnn { rnn, w, b })
    }

    /// From `x`, (batch, steps, words), to a score for each word, (batch, words).
    ///
    /// `hidden` is the state before the first word, (layers, batch, hidden).
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward(&self, hidden: &Tensor, x: &Tensor) -> Result<Tensor> {
        let x = x.f_transpose(0, 1)?; // (steps, batch, words), as the RNN wants it
        let (outputs, _hidden) = self.rnn.forward(&x, Some(hidden))?;
        let last = outputs.f_get(-1)?; // what the RNN has made of the whole sentence
        Ok(last.f_mm(&self.w)?.f_add(&self.b)?)
    }

    /// Every value that the RNN computes on its way through `x`, (batch, steps, words): `h` of each layer is (steps,
    /// batch, hidden).
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn trace(&self, hidden: &Tensor, x: &Tensor) -> Result<Trace<Tensor>> {
        Ok(self.rnn.trace(&x.f_transpose(0, 1)?, Some(hidden))?)
    }

    /// What computes the RNN from now on.
    ///
    /// # Errors
    /// If the fused backend cannot: on CUDA.
    pub fn set_backend(&mut self, backend: Backend) -> Result<()> {
        Ok(self.rnn.set_backend(backend.name().parse()?)?)
    }

    /// The recurrent layer.
    pub fn rnn(&self) -> &Rnn {
        &self.rnn
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.w.device()
    }

    /// The state before the first word: zeros.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn zero_hidden(&self, batch: i64) -> Result<Tensor> {
        let shape = [self.rnn.num_layers(), batch, self.rnn.hidden_size()];
        Ok(Tensor::f_zeros(shape, (Kind::Float, self.w.device()))?)
    }

    /// The parameters in torch's order: the module's own, then those of its submodules.
    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        let own = [("W".to_owned(), self.w.shallow_clone()), ("b".to_owned(), self.b.shallow_clone())];
        let rnn = self.rnn.named_parameters().map(|(name, tensor)| (format!("rnn.{name}"), tensor.shallow_clone()));
        own.into_iter().chain(rnn).collect()
    }
}
