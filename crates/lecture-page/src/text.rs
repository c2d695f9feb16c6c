//! Lesson 1: an RNN reads words and predicts the next one.

use anyhow::{Result, ensure};
use rnn_runtime::ndarray::{Array1, Array2, ArrayD};
use rnn_runtime::{Rnn, RnnOptions, StateDict};

use crate::data::softmax;

/// The network of text-rnn: `nn.RNN`, then `h W + b`.
#[derive(Debug)]
pub struct TextRnn {
    rnn: Rnn,
    weights: StateDict,
    w: Array2<f32>,
    b: Array1<f32>,
}

/// The network at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The pre-activation of each hidden unit: W_ih x + b_ih + W_hh h + b_hh.
    pub a: Vec<f32>,
    /// The hidden state: tanh(a).
    pub h: Vec<f32>,
    /// The probability of each word as the next one, if this word were the last one of the sentence.
    pub next: Vec<f64>,
}

impl TextRnn {
    /// Reads `model.pt`.
    ///
    /// # Errors
    /// If the file has another model, or several layers.
    pub fn from_bytes(model: &[u8]) -> Result<TextRnn> {
        let weights = StateDict::from_bytes(model)?;
        let rnn = Rnn::from_state_dict(&weights.prefix("rnn"), RnnOptions::default())?;
        let layers = rnn.num_layers();
        ensure!(layers == 1, "the page draws one layer, as on the slides, and this model has {layers}");
        let (w, b): (Array2<f32>, Array1<f32>) = (weights.array("W")?, weights.array("b")?);
        ensure!(w.dim() == (rnn.hidden_size(), b.len()), "W has the shape {:?}", w.shape());
        ensure!(b.len() == rnn.input_size(), "the model reads {} words and predicts {}", rnn.input_size(), b.len());
        Ok(TextRnn { rnn, weights, w, b })
    }

    /// The number of words.
    pub fn words(&self) -> usize {
        self.b.len()
    }

    /// The number of hidden units.
    pub fn hidden_size(&self) -> usize {
        self.rnn.hidden_size()
    }

    /// A parameter in row-major order, by its name in the file, such as `rnn.weight_ih_l0`.
    ///
    /// # Errors
    /// If there is none.
    pub fn parameter(&self, name: &str) -> Result<Vec<f32>> {
        let array: ArrayD<f32> = self.weights.array(name)?;
        Ok(array.iter().copied().collect())
    }

    /// Reads a sentence, given as the numbers of its words. Returns a step for each word.
    ///
    /// # Errors
    /// If a number is too large, or there is no word.
    pub fn run(&self, sentence: &[usize]) -> Result<Vec<Step>> {
        let mut x = Array2::zeros((sentence.len(), self.words())); // one-hot vectors
        for (t, &word) in sentence.iter().enumerate() {
            ensure!(word < self.words(), "word {word} of {}", self.words());
            x[[t, word]] = 1.0;
        }
        let trace = self.rnn.trace(x.view(), None)?;
        let (a, h) = (trace.gate("a", 0, 0)?, trace.gate("h", 0, 0)?);
        let scores = h.dot(&self.w) + &self.b;
        let step = |t: usize| Step {
            a: a.row(t).to_vec(),
            h: h.row(t).to_vec(),
            next: softmax(scores.row(t).iter().copied().map(f64::from)),
        };
        Ok((0..sentence.len()).map(step).collect())
    }
}
