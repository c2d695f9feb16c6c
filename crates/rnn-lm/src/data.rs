//! The data of the lesson: a corpus in three parts, its vocabulary, and the batches that the network reads.
//!
//! [`Corpus`] reads a text, [`Vocabulary`] turns its words into numbers, [`batchify`] arranges the numbers in columns, and
//! [`pieces`] cuts the columns into batches for truncated back-propagation through time. The last two are functions of the
//! notebook.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use lesson_kit::check_available;
use pt_file::{escape, regular_file};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::tokens::Unit;

/// The default of `--corpus`.
pub const DEFAULT_CORPUS: &str = "data/moby-dick/moby-dick.txt";

/// The limit on the size of a corpus. In memory it takes up to 20 times its size, with tokens of one letter.
const MAX_CORPUS: u64 = 1 << 30;

/// The token for every word that is not in the vocabulary. Its number is 0.
pub const UNKNOWN: &str = "<unk>";

/// The memory of a token: its index in [`Corpus`], its number in the vocabulary, and the number in a column.
const BYTES_PER_TOKEN: f64 = 20.0;

/// The tokens of a text, split in their order: 80 % for training, 10 % for validation, 10 % for test.
#[derive(Debug)]
pub struct Corpus {
    unit: Unit,
    /// The different tokens, in the order of their first appearance.
    words: Vec<String>,
    /// The tokens of the text, as indices of `words`: a corpus of characters would need 40 times its size as strings.
    tokens: Vec<u32>,
}

/// Consecutive tokens of a corpus.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    words: &'a [String],
    tokens: &'a [u32],
}

impl<'a> Part<'a> {
    /// The number of tokens.
    pub fn len(self) -> usize {
        self.tokens.len()
    }

    /// Whether there are no tokens.
    pub fn is_empty(self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens in their order.
    pub fn tokens(self) -> impl Iterator<Item = &'a str> {
        self.tokens.iter().map(move |&index| self.words[index as usize].as_str())
    }
}

impl Corpus {
    /// Reads a text file in UTF-8 and splits it into tokens of this unit.
    ///
    /// # Errors
    /// If the file cannot be read, has no tokens, or is not UTF-8. The message has the offset of the first wrong byte. If its
    /// tokens need more memory than there is.
    pub fn read(path: &Path, unit: Unit) -> Result<Corpus> {
        let name = path.display().to_string();
        let name = escape(&name); // from the config.json of a model
        let bytes = regular_file::read(path, MAX_CORPUS).with_context(|| {
            let is_default = path == Path::new(DEFAULT_CORPUS);
            let remedy =
                if is_default { " (run scripts/fetch-data.sh, which downloads Moby Dick to this file)" } else { "" };
            format!("cannot read the corpus {name}{remedy}")
        })?;
        if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes[..] {
            bail!("{name} is UTF-16, but a corpus must be UTF-8; convert it with `iconv -f utf-16 -t utf-8`");
        }
        if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
            bail!(
                "{name} is not UTF-8 text: the byte at offset {offset} is 0; if it is UTF-16 without a byte order mark, convert it \
                 with `iconv -f utf-16le -t utf-8`"
            );
        }
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text.trim_start_matches('\u{feff}'), // the byte order mark that some editors write
            Err(error) => bail!(
                "{name} is not UTF-8: the byte at offset {} is not part of a UTF-8 character; convert the file, for example \
                 with `iconv -f cp949 -t utf-8`",
                error.valid_up_to()
            ),
        };
        let count = match unit {
            Unit::Char => text.chars().count(),
            Unit::Word => text.split_whitespace().count(), // punctuation marks are further tokens
        };
        check_available(BYTES_PER_TOKEN * count as f64, || {
            format!("{name} has {count} {unit}s; use a shorter corpus")
        })?;
        let (mut indices, mut words, mut tokens) = (HashMap::new(), Vec::new(), Vec::with_capacity(count));
        unit.for_each(text, |token| {
            let index = indices.get(token).copied().unwrap_or_else(|| {
                let next = words.len() as u32;
                words.push(token.to_owned());
                indices.insert(token.to_owned(), next);
                next
            });
            tokens.push(index);
        });
        ensure!(!tokens.is_empty(), "{name} is empty: a corpus needs text");
        Ok(Corpus { unit, words, tokens })
    }

    /// The digest of all tokens.
    pub fn digest(&self) -> String {
        lesson_kit::data_digest(self.part(0, 10).tokens())
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are no tokens. [`Corpus::read`] returns at least one.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The training part.
    pub fn train(&self) -> Part<'_> {
        self.part(0, 8)
    }

    /// The validation part. It selects the best epoch.
    pub fn valid(&self) -> Part<'_> {
        self.part(8, 9)
    }

    /// The test part. It has no effect on training.
    pub fn test(&self) -> Part<'_> {
        self.part(9, 10)
    }

    /// The tokens between two tenths.
    fn part(&self, start: usize, end: usize) -> Part<'_> {
        let tenths = |tenths| self.len() * tenths / 10;
        Part { words: &self.words, tokens: &self.tokens[tenths(start)..tenths(end)] }
    }

    /// The vocabulary: the words that occur at least `min_count` times in the training part.
    ///
    /// # Errors
    /// If there are fewer than two such words, because a prediction needs at least two.
    pub fn vocabulary(&self, min_count: usize) -> Result<Vocabulary> {
        let mut counts = vec![0; self.words.len()];
        self.train().tokens.iter().for_each(|&index| counts[index as usize] += 1);
        let mut words: Vec<(&String, usize)> = self.words.iter().zip(counts).filter(|(_, count)| *count > 0).collect();
        let (unit, different) = (self.unit, words.len());
        words.retain(|(_, count)| *count >= min_count);
        words.sort_by_key(|(_, count)| Reverse(*count)); // a stable sort: equally frequent words keep their order
        ensure!(
            words.len() > 1,
            "a vocabulary of {count}: the training part has {different} different {unit}s, and {count} of them occur at \
             least {min_count} times (--min-count); a prediction needs at least two",
            count = words.len(),
        );
        let words = words.into_iter().map(|(word, _)| word.clone());
        Ok(Vocabulary::new(unit, std::iter::once(UNKNOWN.to_owned()).chain(words).collect()))
    }
}

/// The words of a network and their numbers: [`UNKNOWN`], then the others from the most to the least frequent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "VocabularyFields")]
pub struct Vocabulary {
    unit: Unit,
    words: Vec<String>,
    #[serde(skip)]
    numbers: HashMap<String, i64>,
}

/// A vocabulary as `vocabulary.json` stores it.
#[derive(Deserialize)]
struct VocabularyFields {
    unit: Unit,
    words: Vec<String>,
}

impl From<VocabularyFields> for Vocabulary {
    fn from(saved: VocabularyFields) -> Vocabulary {
        Vocabulary::new(saved.unit, saved.words)
    }
}

impl Vocabulary {
    fn new(unit: Unit, words: Vec<String>) -> Vocabulary {
        let numbers = (0..).zip(&words).map(|(number, word)| (word.clone(), number)).collect();
        Vocabulary { unit, words, numbers }
    }

    /// The unit of its tokens.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// The number of words, with [`UNKNOWN`].
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are no words. [`Corpus::vocabulary`] returns at least three.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The word with this number.
    pub fn word(&self, number: usize) -> Option<&str> {
        self.words.get(number).map(String::as_str)
    }

    /// The number of a word; 0 if the vocabulary does not have it.
    pub fn number(&self, word: &str) -> i64 {
        self.numbers.get(word).copied().unwrap_or(0)
    }

    /// The numbers of the tokens of a corpus.
    pub fn encode_part(&self, part: Part<'_>) -> Vec<i64> {
        let numbers: Vec<i64> = part.words.iter().map(|word| self.number(word)).collect();
        part.tokens.iter().map(|&index| numbers[index as usize]).collect()
    }

    /// The numbers of the tokens.
    pub fn encode(&self, tokens: &[String]) -> Vec<i64> {
        tokens.iter().map(|token| self.number(token)).collect()
    }
}

/// Splits a text into `columns` parts of equal length and puts them side by side: (steps, columns).
///
/// The network reads all columns in parallel, from top to bottom. The last tokens, which do not fill a row, are left out.
///
/// # Errors
/// If there are fewer than two rows, because a step needs a word and the next word.
pub fn batchify(numbers: &[i64], columns: i64, device: Device) -> Result<Tensor> {
    ensure!(columns >= 1, "--batch-size {columns}: expected at least 1");
    let steps = numbers.len() as i64 / columns;
    ensure!(steps > 1, "{} tokens are too few for {columns} columns of at least two", numbers.len());
    let numbers = Tensor::from_slice(&numbers[..(steps * columns) as usize]);
    Ok(numbers.f_view([columns, steps])?.f_t_()?.f_contiguous()?.f_to_device(device)?)
}

/// Cuts columns into consecutive pieces of `bptt` steps; the last piece can be shorter.
///
/// Each piece is a batch: the words, (steps, columns), and the word after each of them, (steps * columns,).
///
/// # Errors
/// If `bptt` is negative.
pub fn pieces(columns: &Tensor, bptt: i64) -> Result<Vec<(Tensor, Tensor)>> {
    let last = columns.size()[0] - 1;
    let starts = (0..last).step_by(usize::try_from(bptt).context("--bptt")?.max(1));
    let piece = |start: i64| {
        let steps = bptt.min(last - start);
        let targets = columns.f_narrow(0, start + 1, steps)?.f_reshape([-1])?;
        Ok((columns.f_narrow(0, start, steps)?, targets))
    };
    starts.map(piece).collect()
}
