//! The data of the lesson: six sentences, their vocabulary, and one batch of one-hot vectors.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

/// The sentences of the slide, in the slide's spelling.
pub const SENTENCES: [&str; 6] =
    ["i like dog", "i love coffe", "i hate milk", "you like cat", "you love milk", "you hate coffe"];

/// The number of words that the network reads before it predicts the next word; the slide's `n_step`.
pub const N_STEP: usize = 2;

/// All words and their numbers, in order of first appearance; the notebook's `word_list` and `word_dict`.
///
/// The slide numbers the words in the order of a Python `set`, which changes from run to run. A fixed order is needed for
/// equal losses from equal seeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<&'static str>,
}

impl Vocabulary {
    /// Collects the words of the sentences.
    pub fn new(sentences: &[&'static str]) -> Vocabulary {
        let mut words = Vec::new();
        for word in sentences.iter().flat_map(|sentence| sentence.split_whitespace()) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        Vocabulary { words }
    }

    /// The number of words; the notebook's `n_class`.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// All words, in the order of their numbers.
    pub fn words(&self) -> &[&'static str] {
        &self.words
    }

    /// The word with this number.
    pub fn word(&self, number: usize) -> Option<&'static str> {
        self.words.get(number).copied()
    }

    /// The number of a word; `None` if the vocabulary does not have it.
    pub fn number(&self, word: &str) -> Option<usize> {
        self.words.iter().position(|known| *known == word)
    }

    /// The numbers of the words, without the words that the vocabulary does not have.
    fn encode<'a>(&self, words: impl Iterator<Item = &'a str>) -> Vec<i64> {
        words.filter_map(|word| self.number(word)).map(|number| number as i64).collect()
    }
}

/// All sentences as one batch: the first words of each sentence, and the last word, which the network predicts.
#[derive(Debug)]
pub struct Batch {
    /// One-hot vectors of all words except the last: (sentences, words, vocabulary), here (6, 2, 9).
    pub input: Tensor,
    /// The numbers of the last words: (sentences,), int64, here (6,).
    pub target: Tensor,
}

/// The notebook's `make_batch`. All words must be in the vocabulary, and all sentences must have the same number of words.
pub fn make_batch(sentences: &[&'static str], vocabulary: &Vocabulary, device: Device) -> Result<Batch> {
    let words = sentences.iter().flat_map(|sentence| sentence.split_whitespace());
    let numbers = Tensor::from_slice(&vocabulary.encode(words)).f_view([sentences.len() as i64, -1])?;
    let steps = numbers.size()[1] - 1;
    let input = one_hot(&numbers.f_narrow(1, 0, steps)?, vocabulary)?.f_to_device(device)?;
    let target = numbers.f_select(1, steps)?.f_contiguous()?.f_to_device(device)?;
    Ok(Batch { input, target })
}

/// One sentence as a batch: (1, words, vocabulary). All words must be in the vocabulary.
pub fn batch_of_one(words: &[&str], vocabulary: &Vocabulary, device: Device) -> Result<Tensor> {
    let numbers = Tensor::from_slice(&vocabulary.encode(words.iter().copied())).f_view([1, -1])?;
    Ok(one_hot(&numbers, vocabulary)?.f_to_device(device)?)
}

/// One-hot vectors, float32: (sentences, words) becomes (sentences, words, vocabulary).
fn one_hot(numbers: &Tensor, vocabulary: &Vocabulary) -> Result<Tensor> {
    Ok(numbers.f_one_hot(vocabulary.len() as i64)?.f_to_kind(Kind::Float)?)
}
