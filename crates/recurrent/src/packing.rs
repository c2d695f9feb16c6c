//! Conversion between padded and packed batches: `pack_padded_sequence` and its relatives in `torch.nn.utils.rnn`.

use std::borrow::Borrow;

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::packed_sequence::PackedSequence;
use crate::padding::{Lengths, PaddingSide, pad_sequence, unpad_sequence};
use crate::tensor::{arange, device_of};

/// Packs a padded batch. Equivalent of `torch.nn.utils.rnn.pack_padded_sequence`.
///
/// `input` is (T, B, *), or (B, T, *) with `batch_first`: T steps, B sequences, any further dimensions, any dtype. The
/// first `lengths[b]` steps of sequence b are packed. The rest is padding, and its gradient is zero. With
/// `enforce_sorted = false` the sequences can be in any order; states and unpacked results are then in that order too.
/// torch's defaults are `batch_first = false` and `enforce_sorted = true`.
///
/// ```
/// use recurrent::{pack_padded_sequence, pad_packed_sequence};
/// use tch::Tensor;
/// # fn main() -> Result<(), recurrent::Error> {
/// let padded = Tensor::from_slice2(&[[1, 2, 0], [3, 0, 0], [4, 5, 6]]);
/// let packed = pack_padded_sequence(&padded, &[2, 1, 3], true, false)?;
/// assert_eq!(packed.data, Tensor::from_slice(&[4, 1, 3, 5, 2, 6]));
/// assert_eq!(packed.batch_sizes, Tensor::from_slice(&[3i64, 2, 1]));
/// assert_eq!(packed.sorted_indices, Some(Tensor::from_slice(&[2i64, 0, 1])));
///
/// let (back, lengths) = pad_packed_sequence(&packed, true, 0.0, None)?;
/// assert_eq!((back, lengths), (padded, Tensor::from_slice(&[2i64, 1, 3])));
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Torch`] for an empty input, for a length that is not positive, for a wrong number of lengths and, with
/// `enforce_sorted`, for lengths that are not in decreasing order. Two mistakes that torch accepts are errors here:
/// a length greater than T ([`Error::LengthTooLong`]) and, without `enforce_sorted`, too few lengths
/// ([`Error::LengthsCount`]).
#[doc(alias = "torch.nn.utils.rnn.pack_padded_sequence")]
pub fn pack_padded_sequence<'a>(
    input: &Tensor,
    lengths: impl Into<Lengths<'a>>,
    batch_first: bool,
    enforce_sorted: bool,
) -> Result<PackedSequence> {
    let lengths = lengths.into().tensor()?.f_to_kind(Kind::Int64)?;
    let batch_dim = if batch_first { 0 } else { 1 };
    let (sorted, lengths, indices) = if enforce_sorted {
        (input.shallow_clone(), lengths, None)
    } else {
        let (lengths, indices) = lengths.f_sort(-1, true)?;
        let indices = indices.f_to_device(device_of(input)?)?;
        (input.f_index_select(batch_dim as i64, &indices)?, lengths, Some(indices))
    };
    check_longest(&sorted, &lengths, batch_first)?;
    let (data, batch_sizes) = sorted.f_internal_pack_padded_sequence(&lengths, batch_first)?;
    // Last, because torch's own checks come first. Without `enforce_sorted` they do not see surplus sequences.
    let (batch, got) = (input.size()[batch_dim], lengths.size()[0]);
    if got != batch {
        return Err(Error::LengthsCount { batch, got });
    }
    PackedSequence::sorted_by(data, batch_sizes, indices)
}

/// An error for a length greater than the number of steps. torch would return `batch_sizes` that do not fit the data.
///
/// Mistakes that torch reports itself pass this check.
fn check_longest(input: &Tensor, lengths: &Tensor, batch_first: bool) -> Result<()> {
    let size = input.size();
    let (steps, batch) = match size[..] {
        [batch, steps, ..] if batch_first => (steps, batch),
        [steps, batch, ..] => (steps, batch),
        _ => return Ok(()),
    };
    if lengths.size() != [batch] || lengths.device() != Device::Cpu {
        return Ok(());
    }
    let lengths = Vec::<i64>::try_from(&lengths.f_contiguous()?)?;
    let torch_accepts =
        steps > 0 && lengths.is_sorted_by(|a, b| a >= b) && lengths.last().is_some_and(|last| *last > 0);
    match lengths.first() {
        Some(&length) if torch_accepts && length > steps => Err(Error::LengthTooLong { length, steps }),
        _ => Ok(()),
    }
}

/// Pads a packed batch, the inverse of [`pack_padded_sequence`]. Equivalent of `torch.nn.utils.rnn.pad_packed_sequence`.
///
/// Returns (T, B, *), or (B, T, *) with `batch_first`, and the lengths as int64 on the CPU. Both are in the order in which
/// the sequences were packed. T is `total_length`, or the longest length without it. torch's defaults are
/// `batch_first = false`, `padding_value = 0.0` and no `total_length`.
///
/// # Errors
/// [`Error::TotalLength`] if `total_length` is below the longest length, and the errors of [`PackedSequence::new`].
#[doc(alias = "torch.nn.utils.rnn.pad_packed_sequence")]
pub fn pad_packed_sequence(
    sequence: &PackedSequence,
    batch_first: bool,
    padding_value: f64,
    total_length: Option<i64>,
) -> Result<(Tensor, Tensor)> {
    let (sizes, batch_sizes) = sequence.batch_sizes()?;
    let longest = sizes.len() as i64;
    let total_length = total_length.unwrap_or(longest);
    if total_length < longest {
        return Err(Error::TotalLength { total_length, longest });
    }
    let (padded, lengths) = pad_sorted(&sequence.data, &batch_sizes, padding_value, total_length)?;
    let padded = if batch_first { padded.f_transpose(0, 1)? } else { padded };
    let Some(unsorted) = &sequence.unsorted_indices else {
        return Ok((padded, lengths));
    };
    let batch_dim = if batch_first { 0 } else { 1 };
    Ok((padded.f_index_select(batch_dim, unsorted)?, lengths.f_index_select(0, &unsorted.f_to_device(Device::Cpu)?)?))
}

/// The packed sequences as (T, B, *), longest first, and their lengths.
///
/// libtorch's own operation takes `padding_value` as a `Scalar`, which tch cannot pass safely (see tensor.rs). Step t of
/// sequence b is row `sum(batch_sizes[..t]) + b` of `data`. A missing step is one extra row at the end, of padding.
fn pad_sorted(data: &Tensor, batch_sizes: &Tensor, padding_value: f64, steps: i64) -> Result<(Tensor, Tensor)> {
    let missing = steps - batch_sizes.size()[0];
    let sizes = Tensor::f_cat(&[batch_sizes, &Tensor::f_zeros([missing], (Kind::Int64, Device::Cpu))?], 0)?;
    let sizes = sizes.f_unsqueeze(1)?;
    let sequence = arange(sizes.f_max()?.f_int64_value(&[])?, Device::Cpu)?.f_unsqueeze(0)?;
    let row = sizes.f_cumsum(0, Kind::Int64)?.f_sub(&sizes)?.f_add(&sequence)?;
    let has_step = sequence.f_lt_tensor(&sizes)?;
    let row = row.f_where_self(&has_step, &Tensor::f_from_slice(&[data.size()[0]])?)?;

    let row_of_padding = {
        let (none, one) = (data.f_narrow(0, 0, 0)?.f_detach()?, data.f_narrow(0, 0, 1)?.f_detach()?);
        pad_sequence(&[none, one], true, padding_value, PaddingSide::Right)?.f_select(0, 0)?
    };
    let rows = Tensor::f_cat(&[data, &row_of_padding], 0)?;
    let padded = rows.f_index_select(0, &row.f_flatten(0, 1)?.f_to_device(device_of(data)?)?)?;
    let lengths = has_step.f_sum_dim_intlist(0, false, Kind::Int64)?;
    Ok((padded.f_unflatten(0, row.size())?, lengths))
}

/// Packs a list of sequences (length, *). Equivalent of `torch.nn.utils.rnn.pack_sequence`.
///
/// With `enforce_sorted = true`, torch's default, the sequences must be in order of decreasing length.
///
/// ```
/// use tch::Tensor;
/// # fn main() -> Result<(), recurrent::Error> {
/// let words = [Tensor::from_slice(&[4, 5]), Tensor::from_slice(&[1, 2, 3]), Tensor::from_slice(&[6])];
/// let packed = recurrent::pack_sequence(&words, false)?;
/// assert_eq!(packed.data, Tensor::from_slice(&[1, 4, 6, 2, 5, 3]));
/// assert_eq!(recurrent::unpack_sequence(&packed)?, words);
/// # Ok(()) }
/// ```
///
/// # Errors
/// The errors of [`pad_sequence`] and [`pack_padded_sequence`].
#[doc(alias = "torch.nn.utils.rnn.pack_sequence")]
pub fn pack_sequence<T: Borrow<Tensor>>(sequences: &[T], enforce_sorted: bool) -> Result<PackedSequence> {
    let length = |sequence: &T| sequence.borrow().size().first().copied().ok_or(Error::ScalarSequence);
    let lengths = sequences.iter().map(length).collect::<Result<Vec<i64>>>()?;
    let padded = pad_sequence(sequences, false, 0.0, PaddingSide::Right)?;
    pack_padded_sequence(&padded, &lengths, false, enforce_sorted)
}

/// Unpacks a packed batch to a list of sequences, the inverse of [`pack_sequence`]. Equivalent of
/// `torch.nn.utils.rnn.unpack_sequence`.
///
/// # Errors
/// The errors of [`PackedSequence::new`].
#[doc(alias = "torch.nn.utils.rnn.unpack_sequence")]
pub fn unpack_sequence(packed_sequences: &PackedSequence) -> Result<Vec<Tensor>> {
    let (padded, lengths) = pad_packed_sequence(packed_sequences, true, 0.0, None)?;
    unpad_sequence(&padded, &lengths, true)
}
