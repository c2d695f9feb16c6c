//! Word processing: from sentences to one-hot vectors.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

/// The slide's sentences, spelling included.
pub const SENTENCES: [&str; 6] =
    ["i like dog", "i love coffe", "i hate milk", "you like cat", "you love milk", "you hate coffe"];

/// The words that the network reads before it says the next; the notebook's `n_step`.
pub const N_STEP: usize = 2;

/// The words that are known, each with its number.
///
/// The notebook numbers them by way of `set()`, whose order changes from run to run; here it is the order in which
/// they first appear, so that the same seed gives the same losses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<&'static str>,
}

impl Vocabulary {
    /// The words of `sentences`, in order of first appearance.
    pub fn new(sentences: &[&'static str]) -> Vocabulary {
        let mut words = Vec::new();
        for word in sentences.iter().flat_map(|sentence| sentence.split_whitespace()) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        Vocabulary { words }
    }

    /// How many words there are; the notebook's `n_class`.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// All of them, by number.
    pub fn words(&self) -> &[&'static str] {
        &self.words
    }

    /// The word of that number.
    pub fn word(&self, number: usize) -> Option<&'static str> {
        self.words.get(number).copied()
    }

    /// The number of a word.
    pub fn number(&self, word: &str) -> Option<usize> {
        self.words.iter().position(|known| *known == word)
    }
}

/// All sentences as one batch: the first words of each, and the last one to be predicted.
#[derive(Debug)]
pub struct Batch {
    /// One-hot vectors: (sentences, words but the last, vocabulary), here (6, 2, 9).
    pub input: Tensor,
    /// The numbers of the last words: (sentences,), int64.
    pub target: Tensor,
}

/// The notebook's `make_batch`, for sentences of equally many words that are all in the vocabulary.
///
/// # Errors
/// If libtorch refuses the tensors.
pub fn make_batch(sentences: &[&'static str], vocabulary: &Vocabulary, device: Device) -> Result<Batch> {
    let mut input_words = Vec::new();
    let mut target_words = Vec::new();
    for sentence in sentences {
        let mut numbers: Vec<i64> = sentence
            .split_whitespace()
            .filter_map(|word| vocabulary.number(word))
            .map(|number| number as i64)
            .collect();
        target_words.extend(numbers.pop());
        input_words.extend(numbers);
    }
    let input = one_hot(&input_words, sentences.len(), vocabulary, device)?;
    let target = Tensor::from_slice(&target_words).f_to_device(device)?;
    Ok(Batch { input, target })
}

/// The numbers of the words of `sentences` sentences, one after the other, as one-hot vectors: (sentences, words,
/// vocabulary).
///
/// # Errors
/// If libtorch refuses the tensors.
fn one_hot(numbers: &[i64], sentences: usize, vocabulary: &Vocabulary, device: Device) -> Result<Tensor> {
    Ok(Tensor::from_slice(numbers)
        .f_view([sentences as i64, -1])?
        .f_one_hot(vocabulary.len() as i64)?
        .f_to_kind(Kind::Float)?
        .f_to_device(device)?)
}

/// One sentence of known words as a batch: (1, words, vocabulary).
///
/// # Errors
/// If libtorch refuses the tensors.
pub fn batch_of_one(words: &[&str], vocabulary: &Vocabulary, device: Device) -> Result<Tensor> {
    let numbers: Vec<i64> = words.iter().filter_map(|word| vocabulary.number(word)).map(|it| it as i64).collect();
    one_hot(&numbers, 1, vocabulary, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_words_in_order_of_appearance() {
        let vocabulary = Vocabulary::new(&SENTENCES);
        let words: Vec<_> = (0..vocabulary.len()).filter_map(|number| vocabulary.word(number)).collect();
        assert_eq!(words, ["i", "like", "dog", "love", "coffe", "hate", "milk", "you", "cat"]);
        assert_eq!((vocabulary.number("milk"), vocabulary.number("tea"), vocabulary.word(9)), (Some(6), None, None));
    }

    #[test]
    fn the_batch_is_one_hot() {
        let vocabulary = Vocabulary::new(&SENTENCES);
        let Batch { input, target } = make_batch(&SENTENCES, &vocabulary, Device::Cpu).unwrap();
        assert_eq!((input.size(), input.kind()), (vec![6, 2, 9], Kind::Float));
        // "you hate": the eighth word, then the sixth
        let numbers = Vec::<i64>::try_from(input.get(5).argmax(-1, false)).unwrap();
        assert_eq!(numbers, [7, 5]);
        assert_eq!(input.sum(Kind::Float).double_value(&[]), 12.0);
        assert_eq!(Vec::<i64>::try_from(target).unwrap(), [2, 4, 6, 8, 6, 4]);
    }
}
