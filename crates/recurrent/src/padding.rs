//! Conversion between lists of sequences and padded batches: `pad_sequence` and `unpad_sequence` of
//! `torch.nn.utils.rnn`.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use tch::Tensor;

use crate::error::{Error, Result};
use crate::tensor::{arange, device_of};

/// The lengths of the sequences of a batch.
///
/// Functions take `impl Into<Lengths>`, so `&[3, 2]`, `&vec` and `&tensor` all work.
#[derive(Debug, Clone, Copy)]
pub enum Lengths<'a> {
    /// One number per sequence.
    Slice(&'a [i64]),
    /// A 1-D tensor, one number per sequence. For packing it must be on the CPU.
    Tensor(&'a Tensor),
}

impl Lengths<'_> {
    pub(crate) fn tensor(self) -> Result<Tensor> {
        match self {
            Lengths::Slice(lengths) => Ok(Tensor::f_from_slice(lengths)?),
            Lengths::Tensor(lengths) => Ok(lengths.shallow_clone()),
        }
    }
}

impl<'a> From<&'a [i64]> for Lengths<'a> {
    fn from(lengths: &'a [i64]) -> Self {
        Lengths::Slice(lengths)
    }
}

impl<'a, const N: usize> From<&'a [i64; N]> for Lengths<'a> {
    fn from(lengths: &'a [i64; N]) -> Self {
        Lengths::Slice(lengths)
    }
}

impl<'a> From<&'a Vec<i64>> for Lengths<'a> {
    fn from(lengths: &'a Vec<i64>) -> Self {
        Lengths::Slice(lengths)
    }
}

impl<'a> From<&'a Tensor> for Lengths<'a> {
    fn from(lengths: &'a Tensor) -> Self {
        Lengths::Tensor(lengths)
    }
}

/// The side on which [`pad_sequence`] pads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PaddingSide {
    /// Before the first step.
    Left,
    /// After the last step, the default.
    #[default]
    Right,
}

impl FromStr for PaddingSide {
    type Err = Error;

    /// `"left"` or `"right"`; any other name is torch's error.
    fn from_str(name: &str) -> Result<PaddingSide> {
        match name {
            "left" => Ok(PaddingSide::Left),
            "right" => Ok(PaddingSide::Right),
            _ => Err(Error::UnknownPaddingSide(name.to_owned())),
        }
    }
}

impl fmt::Display for PaddingSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PaddingSide::Left => "left",
            PaddingSide::Right => "right",
        })
    }
}

/// Stacks sequences of different lengths into one padded batch. Equivalent of `torch.nn.utils.rnn.pad_sequence`.
///
/// B sequences of (length, *) become (T, B, *), or (B, T, *) with `batch_first`. T is the longest length. Dtype and device
/// are those of the first sequence. torch's defaults are `batch_first = false`, `padding_value = 0.0` and the right side.
/// torch also accepts a tensor as the list of its rows: here pass `&tensor.f_unbind(0)?`.
///
/// ```
/// use recurrent::{PaddingSide, pad_sequence};
/// use tch::Tensor;
/// # fn main() -> Result<(), recurrent::Error> {
/// let words = [Tensor::from_slice(&[4, 5]), Tensor::from_slice(&[1, 2, 3]), Tensor::from_slice(&[6])];
/// let padded = pad_sequence(&words, true, 0.0, PaddingSide::Right)?;
/// assert_eq!(padded, Tensor::from_slice2(&[[4, 5, 0], [1, 2, 3], [6, 0, 0]]));
/// let padded = pad_sequence(&words, true, -1.0, PaddingSide::Left)?;
/// assert_eq!(padded, Tensor::from_slice2(&[[-1, 4, 5], [1, 2, 3], [-1, -1, 6]]));
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Torch`] for an empty list, a 0-d sequence, or further dimensions that differ.
#[doc(alias = "torch.nn.utils.rnn.pad_sequence")]
pub fn pad_sequence<T: Borrow<Tensor>>(
    sequences: &[T],
    batch_first: bool,
    padding_value: f64,
    padding_side: PaddingSide,
) -> Result<Tensor> {
    let side = padding_side.to_string();
    Ok(Tensor::f_pad_sequence(sequences, batch_first, padding_value, &side)?)
}

/// Splits a padded batch into a list of sequences. Equivalent of `torch.nn.utils.rnn.unpad_sequence`.
///
/// Copies the first `lengths[b]` steps of each sequence b of (T, B, *), or (B, T, *) with `batch_first`. A length greater
/// than T gives T steps.
///
/// Without `batch_first`, torch transposes the *caller's* tensor in place. Here it does not change.
///
/// ```
/// use tch::Tensor;
/// # fn main() -> Result<(), recurrent::Error> {
/// let padded = Tensor::from_slice2(&[[4, 5, 0], [1, 2, 3]]);
/// let words = recurrent::unpad_sequence(&padded, &[2, 3], true)?;
/// assert_eq!(words, [Tensor::from_slice(&[4, 5]), Tensor::from_slice(&[1, 2, 3])]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::UnpadCount`] if the number of lengths is not the number of sequences.
#[doc(alias = "torch.nn.utils.rnn.unpad_sequence")]
pub fn unpad_sequence<'a>(
    padded_sequences: &Tensor,
    lengths: impl Into<Lengths<'a>>,
    batch_first: bool,
) -> Result<Vec<Tensor>> {
    let lengths = lengths.into().tensor()?;
    device_of(padded_sequences)?; // an error for an undefined tensor, which has no shape
    let by_sequence = match batch_first {
        true => padded_sequences.shallow_clone(),
        false => padded_sequences.f_transpose(0, 1)?,
    };
    let steps =
        by_sequence.size().get(1).copied().ok_or_else(|| Error::Torch("tuple index out of range".to_owned()))?;
    let step = arange(steps, device_of(&lengths)?)?;
    if lengths.dim() == 0 {
        return Err(Error::ScalarLengths);
    }
    let (sequences, lengths) = (by_sequence.f_unbind(0)?, lengths.f_unbind(0)?);
    if sequences.len() != lengths.len() {
        return Err(Error::UnpadCount { sequences: sequences.len(), lengths: lengths.len() });
    }
    let within = |(sequence, length): (Tensor, Tensor)| Ok(sequence.f_index(&[Some(step.f_lt_tensor(&length)?)])?);
    sequences.into_iter().zip(lengths).map(within).collect()
}
