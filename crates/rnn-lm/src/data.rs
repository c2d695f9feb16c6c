//! The corpus: a text in three parts, its vocabulary, and the columns in which a network reads it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::tokens::Unit;

/// The corpus that is read without `--corpus`.
pub const DEFAULT: &str = "data/moby-dick/moby-dick.txt";

/// What stands for every word that the vocabulary lacks; its number is 0.
pub const UNKNOWN: &str = "<unk>";

/// A text cut into tokens, and these into 80 % to learn from, 10 % for validation and 10 % for the test, in their order.
#[derive(Debug)]
pub struct Corpus {
    unit: Unit,
    tokens: Vec<String>,
}

impl Corpus {
    /// Reads a UTF-8 text.
    ///
    /// # Errors
    /// If the file cannot be read, is not UTF-8 (the error has the offset of the first wrong byte) or has no tokens.
    pub fn read(path: &Path, unit: Unit) -> Result<Corpus> {
        let name = path.display();
        let bytes = fs::read(path).with_context(|| {
            let remedy =
                if path == Path::new(DEFAULT) { " (scripts/fetch-data.sh fetches Moby Dick into it)" } else { "" };
            format!("cannot read the corpus {name}{remedy}")
        })?;
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text.trim_start_matches('\u{feff}'), // the mark that some editors begin a file with
            Err(error) => bail!(
                "{name} is not UTF-8: the byte at offset {} is no part of a character; convert the file, for example with \
                 `iconv -f cp949 -t utf-8`",
                error.valid_up_to()
            ),
        };
        let tokens = unit.split(text);
        ensure!(!tokens.is_empty(), "{name} is empty: a corpus has text");
        Ok(Corpus { unit, tokens })
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are none; [`Corpus::read`] gives at least one.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The part to learn from.
    pub fn train(&self) -> &[String] {
        &self.tokens[..self.len() * 8 / 10]
    }

    /// The part that says which epoch was the best.
    pub fn valid(&self) -> &[String] {
        &self.tokens[self.len() * 8 / 10..self.len() * 9 / 10]
    }

    /// The part that nothing depends on.
    pub fn test(&self) -> &[String] {
        &self.tokens[self.len() * 9 / 10..]
    }

    /// The words of the training part that stand there at least `min_count` times.
    ///
    /// # Errors
    /// If these are fewer than two: there would be nothing to predict.
    pub fn vocabulary(&self, min_count: usize) -> Result<Vocabulary> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut words: Vec<&str> = Vec::new(); // in the order of their first appearance
        for token in self.train() {
            let count = counts.entry(token).or_insert(0);
            if *count == 0 {
                words.push(token);
            }
            *count += 1;
        }
        let (unit, different) = (self.unit, words.len());
        words.retain(|word| counts[word] >= min_count);
        words.sort_by_key(|word| std::cmp::Reverse(counts[word])); // stable: of equally frequent words the earlier first
        ensure!(
            words.len() > 1,
            "a vocabulary of {}: the training part has {different} different {unit}s, of which {} at least {min_count} \
             times (--min-count); there is nothing to predict with fewer than two",
            words.len(),
            words.len(),
        );
        Ok(Vocabulary::new(unit, std::iter::once(UNKNOWN).chain(words).map(str::to_owned).collect()))
    }
}

/// The words that a network knows, by their numbers: [`UNKNOWN`], then from the most frequent to the rarest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub struct Vocabulary {
    unit: Unit,
    words: Vec<String>,
    #[serde(skip)]
    numbers: HashMap<String, i64>,
}

/// A vocabulary as it stands in its file.
#[derive(Deserialize)]
struct Saved {
    unit: Unit,
    words: Vec<String>,
}

impl From<Saved> for Vocabulary {
    fn from(saved: Saved) -> Vocabulary {
        Vocabulary::new(saved.unit, saved.words)
    }
}

impl Vocabulary {
    fn new(unit: Unit, words: Vec<String>) -> Vocabulary {
        let numbers = (0..).zip(&words).map(|(number, word)| (word.clone(), number)).collect();
        Vocabulary { unit, words, numbers }
    }

    /// What its words are.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// How many words it has, [`UNKNOWN`] included.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether it has none; [`Corpus::vocabulary`] gives at least three.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The word of a number; `None` if there is none.
    pub fn word(&self, number: usize) -> Option<&str> {
        self.words.get(number).map(String::as_str)
    }

    /// The number of a word, 0 if it is not known.
    pub fn number(&self, word: &str) -> i64 {
        self.numbers.get(word).copied().unwrap_or(0)
    }

    /// The numbers of `tokens`.
    pub fn encode(&self, tokens: &[String]) -> Vec<i64> {
        tokens.iter().map(|token| self.number(token)).collect()
    }
}

/// Lays a text out in `columns` that are read side by side, (steps, columns): each is a piece of the text, read downwards.
/// What does not fill a row is left out.
///
/// # Errors
/// If there are fewer than two rows: a step needs a word and the one after it.
pub fn batchify(numbers: &[i64], columns: i64, device: Device) -> Result<Tensor> {
    let steps = numbers.len() as i64 / columns.max(1);
    ensure!(steps > 1, "{} tokens are too few for {columns} columns of at least two", numbers.len());
    let numbers = Tensor::from_slice(&numbers[..(steps * columns) as usize]);
    Ok(numbers.f_view([columns, steps])?.f_t_()?.f_contiguous()?.f_to_device(device)?)
}

/// Cuts columns into pieces of up to `bptt` steps that follow each other: the words, (steps, columns), and after each of
/// them the next one, (steps * columns,).
///
/// # Errors
/// If libtorch refuses.
pub fn pieces(columns: &Tensor, bptt: i64) -> Result<Vec<(Tensor, Tensor)>> {
    let last = columns.size()[0] - 1;
    let begins = (0..last).step_by(usize::try_from(bptt).context("--bptt")?.max(1));
    let piece = |begin: i64| {
        let steps = bptt.min(last - begin);
        let targets = columns.f_narrow(0, begin + 1, steps)?.f_reshape([-1])?;
        Ok((columns.f_narrow(0, begin, steps)?, targets))
    };
    begins.map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_pieces_are_those_of_the_word_language_model() {
        // data = torch.arange(26); data[:24].view(4, 6).t().contiguous(), the alphabet of the example's comment
        let columns = batchify(&(0..26).collect::<Vec<_>>(), 4, Device::Cpu).unwrap();
        assert_eq!(columns.size(), [6, 4]);
        assert_eq!(Vec::<i64>::try_from(columns.get(1)).unwrap(), [1, 7, 13, 19]);

        let pieces = pieces(&columns, 3).unwrap();
        let numbers = |tensor: &Tensor| Vec::<i64>::try_from(tensor.reshape([-1])).unwrap();
        assert_eq!(pieces.len(), 2);
        assert_eq!(numbers(&pieces[1].0), [3, 9, 15, 21, 4, 10, 16, 22]);
        assert_eq!(numbers(&pieces[1].1), [4, 10, 16, 22, 5, 11, 17, 23]);
        assert!(batchify(&[1, 2, 3], 2, Device::Cpu).is_err());
    }
}
