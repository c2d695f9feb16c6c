//! The network: an embedding of the words, a recurrent layer, and a linear map to the words.

use std::fmt;

use anyhow::{Result, bail};
use clap::ValueEnum;
use lesson_kit::{RecurrentSizes, SavedModel};
use recurrent::{AnyRecurrent, AnyState, Backend, GruConfig, LstmConfig, RnnConfig, Trace};
use serde::{Deserialize, Serialize};
use tch::nn::{Path, VarStore};
use tch::{Device, Reduction, Tensor};
use torch_ext::nn::{Embedding, Linear, cross_entropy, linear_cross_entropy};

/// The kind of recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerKind {
    /// `torch.nn.RNN` with tanh
    Rnn,
    /// `torch.nn.LSTM`
    Lstm,
    /// `torch.nn.GRU`
    Gru,
}

/// The sizes of a network.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Number of words in the vocabulary.
    pub words: i64,
    /// Number of features of the embedding and of the hidden state.
    pub hidden: i64,
    /// Number of recurrent layers.
    pub layers: i64,
}

/// The notebook's `LanguageModel`.
#[derive(Debug)]
pub struct LanguageModel {
    kind: LayerKind,
    embedding: Embedding,
    rnn: AnyRecurrent,
    dropout: f64,
    decoder: Linear,
    training: bool,
}

impl LanguageModel {
    /// Draws the parameters in the notebook's order: the embedding, the recurrent layer, the decoder.
    ///
    /// # Errors
    /// If a size is below 1.
    pub fn new(path: &Path<'_>, kind: LayerKind, sizes: Sizes, dropout: f64) -> Result<LanguageModel> {
        let Sizes { words, hidden, layers } = sizes;
        let embedding = Embedding::new(path / "embedding", words, hidden)?;
        let at = path / "rnn";
        let rnn = match kind {
            LayerKind::Rnn => RnnConfig::new(hidden, hidden).num_layers(layers).build(at)?.into(),
            LayerKind::Lstm => LstmConfig::new(hidden, hidden).num_layers(layers).build(at)?.into(),
            LayerKind::Gru => GruConfig::new(hidden, hidden).num_layers(layers).build(at)?.into(),
        };
        let decoder = Linear::new(path / "decoder", hidden, words)?;
        Ok(LanguageModel { kind, embedding, rnn, dropout, decoder, training: true })
    }

    /// The network with trained weights. The kind of layer and the sizes come from the shapes of the weights.
    ///
    /// # Errors
    /// If the file contains another model, or a model of another vocabulary.
    pub fn load(saved: &SavedModel, vocabulary_size: usize, device: Device) -> Result<LanguageModel> {
        let RecurrentSizes { gates, hidden_size: hidden, num_layers: layers } =
            saved.recurrent_sizes("rnn", &[1, 3, 4])?;
        let kind = match gates {
            1 => LayerKind::Rnn,
            3 => LayerKind::Gru,
            _ => LayerKind::Lstm,
        };
        let words = vocabulary_size as i64;
        let rows = saved.shape("embedding.weight").and_then(|shape| shape.first().copied());
        if let Some(rows) = rows.filter(|&rows| rows != words) {
            bail!("the model has {rows} words and its vocabulary has {words}: they do not belong together");
        }
        saved.check_shape("embedding.weight", &[words, hidden])?;
        saved.check_shape("decoder.weight", &[words, hidden])?;
        let vs = VarStore::new(device);
        let model = LanguageModel::new(&vs.root(), kind, Sizes { words, hidden, layers }, 0.0)?;
        saved.load_into(&model.named_parameters())?;
        Ok(model)
    }

    /// Maps words, (steps, columns), to the scores (logits) of every next word, (steps * columns, vocabulary), and returns
    /// the last state. `state` is the state before the first word; `None` means zeros, as at the start of a text.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward(&self, words: &Tensor, state: Option<&AnyState>) -> Result<(Tensor, AnyState)> {
        let (_input, output, state) = self.recurrent(words, state)?;
        let scores = self.decoder.forward(&output.f_dropout(self.dropout, self.training)?)?;
        Ok((scores.f_flatten(0, 1)?, state))
    }

    /// The mean cross-entropy of the next words, and the last state. `words` and `state` are those of
    /// [`LanguageModel::forward`]; `targets`, (steps * columns,), are the words that follow.
    ///
    /// The fused backend computes the decoder and the cross-entropy in one operation.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn loss(&self, words: &Tensor, targets: &Tensor, state: Option<&AnyState>) -> Result<(Tensor, AnyState)> {
        if self.rnn.backend() == Backend::Exact {
            let (scores, state) = self.forward(words, state)?;
            return Ok((cross_entropy(&scores, targets, Reduction::Mean)?, state));
        }
        let (_input, output, state) = self.recurrent(words, state)?;
        let output = output.f_dropout(self.dropout, self.training)?.f_flatten(0, 1)?;
        let Linear { weight, bias } = &self.decoder;
        Ok((linear_cross_entropy(&output, weight, targets, Some(bias), Reduction::Mean)?, state))
    }

    /// The part of [`LanguageModel::forward`] before the decoder: the embedded words and the hidden state after each, both
    /// (steps, columns, hidden), and the last state.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn recurrent(&self, words: &Tensor, state: Option<&AnyState>) -> Result<(Tensor, Tensor, AnyState)> {
        let input = self.embedding.forward(words)?;
        let (output, state) = self.rnn.forward(&input, state)?;
        Ok((input, output, state))
    }

    /// The gates of each layer for `words`, (steps, columns), and the number of layers.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn trace(&self, words: &Tensor) -> Result<(Trace<AnyState>, i64)> {
        Ok((self.rnn.trace(&self.embedding.forward(words)?, None)?, self.rnn.num_layers()))
    }

    /// Sets the implementation of the recurrent layer.
    ///
    /// # Errors
    /// If the model is on CUDA and `backend` is fused.
    pub fn set_backend(&mut self, backend: Backend) -> Result<()> {
        Ok(self.rnn.set_backend(backend)?)
    }

    /// Training mode: dropout is on.
    pub fn train(&mut self) {
        self.training = true;
    }

    /// Evaluation mode: dropout is off.
    pub fn eval(&mut self) {
        self.training = false;
    }

    /// The kind of the recurrent layer.
    pub fn kind(&self) -> LayerKind {
        self.kind
    }

    /// The device of the parameters.
    pub fn device(&self) -> Device {
        self.embedding.weight.device()
    }

    /// The parameters in torch's order.
    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        let with_prefix = |prefix: &'static str, parameters: Vec<(String, Tensor)>| {
            parameters.into_iter().map(move |(name, tensor)| (format!("{prefix}.{name}"), tensor))
        };
        let rnn = self.rnn.named_parameters().map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())).collect();
        with_prefix("embedding", self.embedding.named_parameters())
            .chain(with_prefix("rnn", rnn))
            .chain(with_prefix("decoder", self.decoder.named_parameters()))
            .collect()
    }
}

/// The modules in one line.
impl fmt::Display for LanguageModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shape, dropout) = (self.decoder.weight.size(), self.dropout);
        let [words, hidden] = [shape[0], shape[1]];
        write!(f, "Embedding({words}, {hidden}), {}, Dropout({dropout}), Linear({hidden}, {words})", self.rnn)
    }
}
