//! The network: an embedding of the words, a recurrent layer of any of the three kinds, and a linear map to the words.

use std::fmt;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use lesson_kit::{Backend, Linear};
use recurrent::{Gru, GruConfig, Lstm, LstmConfig, LstmState, Rnn, RnnConfig};
use serde::Serialize;
use tch::nn::Path;
use tch::{Device, Tensor};

/// The kind of recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cell {
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
    /// Words in the vocabulary.
    pub words: i64,
    /// Width of the embedding and of the hidden state.
    pub hidden: i64,
    /// Recurrent layers.
    pub layers: i64,
}

/// The notebook's `LanguageModel`.
#[derive(Debug)]
pub struct LanguageModel {
    embedding: Tensor,
    rnn: Layer,
    dropout: f64,
    decoder: Linear,
    training: bool,
}

#[derive(Debug)]
enum Layer {
    Rnn(Rnn),
    Lstm(Lstm),
    Gru(Gru),
}

/// What the network remembers of the words before, (layers, columns, hidden).
#[derive(Debug)]
pub enum State {
    /// Of an RNN or a GRU: h.
    Hidden(Tensor),
    /// Of an LSTM: h and c.
    Lstm(LstmState),
}

impl State {
    /// The same numbers, cut off from the graph that computed them: gradients go no further back.
    pub fn detach(&self) -> State {
        match self {
            State::Hidden(h) => State::Hidden(h.detach()),
            State::Lstm(state) => State::Lstm(state.detach()),
        }
    }
}

impl LanguageModel {
    /// Draws the parameters in the notebook's order: the embedding from N(0, 1), the recurrent layer, the decoder.
    ///
    /// # Errors
    /// If a size is not positive, or `dropout` no probability.
    pub fn new(path: &Path<'_>, cell: Cell, sizes: Sizes, dropout: f64) -> Result<LanguageModel> {
        let Sizes { words, hidden, layers } = sizes;
        ensure!(words > 0 && hidden > 0, "Embedding({words}, {hidden}): both sizes must be at least 1");
        let drawn = Tensor::f_randn([words, hidden], tch::kind::FLOAT_CPU)?;
        let embedding = (path / "embedding").f_var_copy("weight", &drawn)?;
        let at = path / "rnn";
        let rnn = match cell {
            Cell::Rnn => Layer::Rnn(RnnConfig::new(hidden, hidden).num_layers(layers).build(at)?),
            Cell::Lstm => Layer::Lstm(LstmConfig::new(hidden, hidden).num_layers(layers).build(at)?),
            Cell::Gru => Layer::Gru(GruConfig::new(hidden, hidden).num_layers(layers).build(at)?),
        };
        let decoder = Linear::new(path / "decoder", hidden, words)?;
        Ok(LanguageModel { embedding, rnn, dropout, decoder, training: true })
    }

    /// From words, (steps, columns), to a score for each word of the vocabulary to come next, (steps * columns, words),
    /// and the state after the last step. `state` is that after the words before; `None` at the begin of a text.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward(&self, words: &Tensor, state: Option<&State>) -> Result<(Tensor, State)> {
        let (_input, output, state) = self.recurrent(words, state)?;
        let scores = self.decoder.forward(&output.f_dropout(self.dropout, self.training)?)?;
        Ok((scores.f_view([-1, self.embedding.size()[0]])?, state))
    }

    /// The part of [`LanguageModel::forward`] before the decoder: the embedded words and the hidden state after each, both
    /// (steps, columns, hidden), and the state after the last.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn recurrent(&self, words: &Tensor, state: Option<&State>) -> Result<(Tensor, Tensor, State)> {
        let input = Tensor::f_embedding(&self.embedding, words, -1, false, false)?;
        let (output, state) = self.rnn.forward(&input, state)?;
        Ok((input, output, state))
    }

    /// What computes the recurrent layer from now on.
    ///
    /// # Errors
    /// If the fused backend cannot: on CUDA.
    pub fn set_backend(&mut self, backend: Backend) -> Result<()> {
        let backend = backend.name().parse()?;
        match &mut self.rnn {
            Layer::Rnn(rnn) => rnn.set_backend(backend),
            Layer::Lstm(lstm) => lstm.set_backend(backend),
            Layer::Gru(gru) => gru.set_backend(backend),
        }?;
        Ok(())
    }

    /// Training mode: dropout is on.
    pub fn train(&mut self) {
        self.training = true;
    }

    /// Evaluation mode.
    pub fn eval(&mut self) {
        self.training = false;
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.embedding.device()
    }

    /// The parameters in torch's order.
    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        let embedding = ("embedding.weight".to_owned(), self.embedding.shallow_clone());
        let decoder = self.decoder.named_parameters().into_iter().map(|(name, it)| (format!("decoder.{name}"), it));
        std::iter::once(embedding).chain(self.rnn.named_parameters()).chain(decoder).collect()
    }
}

/// The modules in a line, as torch writes them.
impl fmt::Display for LanguageModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shape, dropout) = (self.decoder.weight.size(), self.dropout);
        let [words, hidden] = [shape[0], shape[1]];
        write!(f, "Embedding({words}, {hidden}), ")?;
        match &self.rnn {
            Layer::Rnn(rnn) => rnn.fmt(f),
            Layer::Lstm(lstm) => lstm.fmt(f),
            Layer::Gru(gru) => gru.fmt(f),
        }?;
        write!(f, ", Dropout({dropout}), Linear({hidden}, {words})")
    }
}

impl Layer {
    fn forward(&self, input: &Tensor, state: Option<&State>) -> Result<(Tensor, State)> {
        let hidden = match state {
            Some(State::Hidden(h)) => Some(h),
            _ => None,
        };
        Ok(match self {
            Layer::Rnn(rnn) => rnn.forward(input, hidden).map(|(output, h)| (output, State::Hidden(h))),
            Layer::Gru(gru) => gru.forward(input, hidden).map(|(output, h)| (output, State::Hidden(h))),
            Layer::Lstm(lstm) => {
                let both = match state {
                    Some(State::Lstm(both)) => Some(both),
                    _ => None,
                };
                lstm.forward(input, both).map(|(output, state)| (output, State::Lstm(state)))
            }
        }?)
    }

    fn named_parameters(&self) -> Vec<(String, Tensor)> {
        let named = |(name, tensor): (&str, &Tensor)| (format!("rnn.{name}"), tensor.shallow_clone());
        match self {
            Layer::Rnn(rnn) => rnn.named_parameters().map(named).collect(),
            Layer::Lstm(lstm) => lstm.named_parameters().map(named).collect(),
            Layer::Gru(gru) => gru.named_parameters().map(named).collect(),
        }
    }
}
