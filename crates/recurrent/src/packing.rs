//! Between padded and packed batches: the part of `torch.nn.utils.rnn` that packs.

use std::borrow::Borrow;

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::packed_sequence::PackedSequence;
use crate::padding::{Lengths, PaddingSide, pad_sequence, unpad_sequence};
use crate::tensor::{arange, device_of};

/// Packs a padded batch: `torch.nn.utils.rnn.pack_padded_sequence`.
///
/// `input` is (T, B, *), or (B, T, *) with `batch_first`: T steps, B sequences, any further dimensions, any kind. Of
/// sequence b the first `lengths[b]` steps count; the rest is padding, and its gradient is zero. torch's defaults are
/// `batch_first = false` and `enforce_sorted = true`; with `enforce_sorted = false` the sequences may come in any order,
/// and everything that leaves the package is in that order again.
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
/// torch's: an empty input, lengths that are not positive, not as many as the sequences, or with `enforce_sorted` not in
/// decreasing order, as [`Error::Torch`]. Two mistakes that torch lets pass are refused: a length beyond T
/// ([`Error::LengthTooLong`]) and, without `enforce_sorted`, fewer lengths than sequences ([`Error::LengthsCount`]).
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
    refuse_beyond_input(&sorted, &lengths, batch_first)?;
    let (data, batch_sizes) = sorted.f_internal_pack_padded_sequence(&lengths, batch_first)?;
    // After torch's own checks, which saw as many sequences as there were lengths.
    let (batch, got) = (input.size()[batch_dim], lengths.size()[0]);
    if got != batch {
        return Err(Error::LengthsCount { batch, got });
    }
    PackedSequence::sorted_by(data, batch_sizes, indices)
}

/// Where torch finds nothing wrong, and makes a batch whose `batch_sizes` do not fit its data.
fn refuse_beyond_input(input: &Tensor, lengths: &Tensor, batch_first: bool) -> Result<()> {
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
    let fine_to_torch =
        steps > 0 && lengths.is_sorted_by(|a, b| a >= b) && lengths.last().is_some_and(|last| *last > 0);
    match lengths.first() {
        Some(&length) if fine_to_torch && length > steps => Err(Error::LengthTooLong { length, steps }),
        _ => Ok(()),
    }
}

/// Pads a packed batch: `torch.nn.utils.rnn.pad_packed_sequence`, the inverse of [`pack_padded_sequence`].
///
/// Returns (T, B, *), or (B, T, *) with `batch_first`, and the lengths as int64 on the CPU, both in the order in which
/// the sequences were packed. T is `total_length`, or else the longest length. torch's defaults: `batch_first = false`,
/// `padding_value = 0.0`, no `total_length`.
///
/// # Errors
/// [`Error::TotalLength`] if `total_length` is below the longest length; those of [`PackedSequence::new`].
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
    let (padded, lengths) = unpacked(&sequence.data, &batch_sizes, padding_value, total_length)?;
    let padded = if batch_first { padded.f_transpose(0, 1)? } else { padded };
    let Some(unsorted) = &sequence.unsorted_indices else {
        return Ok((padded, lengths));
    };
    let batch_dim = if batch_first { 0 } else { 1 };
    Ok((padded.f_index_select(batch_dim, unsorted)?, lengths.f_index_select(0, &unsorted.f_to_device(Device::Cpu)?)?))
}

/// The packed sequences as (T, B, *), longest first, and their lengths.
///
/// libtorch has an operation for this, but tch hands it `padding_value` as a `Scalar` (see tensor.rs). Step t of
/// sequence b is row `sum(batch_sizes[..t]) + b` of data; where it has none, it gets one more row, of padding.
fn unpacked(data: &Tensor, batch_sizes: &Tensor, padding_value: f64, steps: i64) -> Result<(Tensor, Tensor)> {
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

/// Packs a list of sequences (length, *): `torch.nn.utils.rnn.pack_sequence`.
///
/// torch's default is `enforce_sorted = true`: the sequences must come in order of decreasing length.
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
/// Those of [`pad_sequence`] and [`pack_padded_sequence`].
#[doc(alias = "torch.nn.utils.rnn.pack_sequence")]
pub fn pack_sequence<T: Borrow<Tensor>>(sequences: &[T], enforce_sorted: bool) -> Result<PackedSequence> {
    let length = |sequence: &T| sequence.borrow().size().first().copied().ok_or(Error::ScalarSequence);
    let lengths = sequences.iter().map(length).collect::<Result<Vec<i64>>>()?;
    let padded = pad_sequence(sequences, false, 0.0, PaddingSide::Right)?;
    pack_padded_sequence(&padded, &lengths, false, enforce_sorted)
}

/// Takes a packed batch apart: `torch.nn.utils.rnn.unpack_sequence`, the inverse of [`pack_sequence`].
///
/// # Errors
/// Those of [`PackedSequence::new`].
#[doc(alias = "torch.nn.utils.rnn.unpack_sequence")]
pub fn unpack_sequence(packed_sequences: &PackedSequence) -> Result<Vec<Tensor>> {
    let (padded, lengths) = pad_packed_sequence(packed_sequences, true, 0.0, None)?;
    unpad_sequence(&padded, &lengths, true)
}

/// The inverse of a permutation, so that `x[p][invert_permutation(p)]` is x: `torch.nn.utils.rnn.invert_permutation`.
///
/// ```
/// use tch::Tensor;
/// # fn main() -> Result<(), recurrent::Error> {
/// let inverse = recurrent::invert_permutation(&Tensor::from_slice(&[2i64, 0, 1]))?;
/// assert_eq!(inverse, Tensor::from_slice(&[1i64, 2, 0]));
/// # Ok(()) }
/// ```
///
/// # Errors
/// torch's for a tensor that is not 1-D int64, or has an index out of range, as [`Error::Torch`]. An index that comes
/// twice is [`Error::NotAPermutation`]; torch returns whatever was in memory.
#[doc(alias = "torch.nn.utils.rnn.invert_permutation")]
pub fn invert_permutation(permutation: &Tensor) -> Result<Tensor> {
    let inverse = inverse_of(permutation)?;
    let identity = permutation.f_take(&inverse)?.f_reshape([-1])?;
    let is_permutation = identity.f_equal(&arange(permutation.numel() as i64, device_of(permutation)?)?)?;
    if is_permutation { Ok(inverse) } else { Err(Error::NotAPermutation) }
}

/// The inverse of what is known to be a permutation.
pub(crate) fn inverse_of(permutation: &Tensor) -> Result<Tensor> {
    let places = arange(permutation.numel() as i64, device_of(permutation)?)?;
    Ok(permutation.f_zeros_like()?.f_scatter_(0, permutation, &places)?)
}
