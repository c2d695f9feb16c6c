//! The language model: an embedding, a recurrent layer, and a linear map to the words.

use anyhow::{Context, Result, bail, ensure};
use rnn_runtime::ndarray::{Array2, ArrayView1};
use rnn_runtime::{Embedding, Gru, Linear, Lstm, Options, Rnn, RnnOptions, StateDict};

use crate::data::{shape, softmax};

#[derive(Debug)]
enum Layer {
    Rnn(Rnn),
    Lstm(Lstm),
    Gru(Gru),
}

/// The network of rnn-lm.
#[derive(Debug)]
pub struct LanguageModel {
    embedding: Embedding,
    layer: Layer,
    decoder: Linear,
}

/// A word and its probability as the next one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NextWord {
    /// Its number in the vocabulary.
    pub number: usize,
    /// From 0 to 1.
    pub probability: f64,
}

impl LanguageModel {
    /// Reads a model, in any precision.
    ///
    /// # Errors
    /// If the file has another model.
    pub fn from_bytes(model: &[u8]) -> Result<LanguageModel> {
        let weights = StateDict::from_bytes(model)?;
        let rnn = weights.prefix("rnn");
        let [rows, hidden] = shape(&rnn, "weight_hh_l0")? else { bail!("rnn.weight_hh_l0 is not a matrix") };
        let layer = match rows / hidden {
            1 => Layer::Rnn(Rnn::from_state_dict(&rnn, RnnOptions::default())?),
            3 => Layer::Gru(Gru::from_state_dict(&rnn, Options::default())?),
            _ => Layer::Lstm(Lstm::from_state_dict(&rnn, Options::default())?),
        };
        let embedding = Embedding::from_state_dict(&weights.prefix("embedding"))?;
        let decoder = Linear::from_state_dict(&weights.prefix("decoder"))?;
        let words = [embedding.num_embeddings(), decoder.out_features()];
        ensure!(words[0] == words[1], "the model reads {} words and predicts {}", words[0], words[1]);
        Ok(LanguageModel { embedding, layer, decoder })
    }

    /// The number of words.
    pub fn words(&self) -> usize {
        self.decoder.out_features()
    }

    /// The score (logit) of every word as the next one after `text`.
    ///
    /// # Errors
    /// If there is no word, or a number is too large.
    pub fn scores(&self, text: &[u32]) -> Result<Vec<f32>> {
        let x: Array2<f32> = self.embedding.forward(ArrayView1::from(text))?;
        let output = match &self.layer {
            Layer::Rnn(layer) => layer.forward(x.view(), None)?.0,
            Layer::Lstm(layer) => layer.forward(x.view(), None)?.0,
            Layer::Gru(layer) => layer.forward(x.view(), None)?.0,
        };
        let last = output.rows().into_iter().next_back().context("there is no word")?;
        Ok(self.decoder.forward(last)?.to_vec())
    }

    /// The words to draw from, the most likely first, with probabilities that add up to 1.
    ///
    /// As in the lesson, `<unk>` (number 0) is never drawn. `top_k` is the number of words to draw from; `None` is all.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn choices(&self, text: &[u32], temperature: f64, top_k: Option<usize>) -> Result<Vec<NextWord>> {
        let scores = self.scores(text)?;
        let mut order: Vec<usize> = (1..scores.len()).collect();
        order.sort_by(|&one, &other| scores[other].total_cmp(&scores[one]));
        order.truncate(top_k.unwrap_or(order.len()));
        let shares = softmax(order.iter().map(|&number| f64::from(scores[number]) / temperature));
        Ok(order.into_iter().zip(shares).map(|(number, probability)| NextWord { number, probability }).collect())
    }

    /// The probability of every word as the next one after `text`, in the order of their numbers.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn probabilities(&self, text: &[u32]) -> Result<Vec<f64>> {
        Ok(softmax(self.scores(text)?.into_iter().map(f64::from)))
    }
}
