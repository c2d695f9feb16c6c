//! `torch.nn.utils.rnn.PackedSequence`.

use tch::{Device, Kind, Tensor};

use crate::dtype::torch_dtype;
use crate::error::{Error, Result};
use crate::permutation::{inverse_of, invert_permutation};
use crate::tensor::{device_of, kind_of};

/// A batch of sequences of different lengths without padding. Equivalent of `torch.nn.utils.rnn.PackedSequence`.
///
/// The sequences are sorted by decreasing length. `data` holds step 0 of every sequence, then step 1 of every sequence
/// that has one, and so on. `batch_sizes[t]` is the number of sequences that have a step t.
///
/// ```text
/// a b c            data        a d f b e c
/// d e       ->     batch_sizes 3 2 1
/// f
/// ```
///
/// [`pack_sequence`](crate::pack_sequence) and [`pack_padded_sequence`](crate::pack_padded_sequence) build one. The
/// layers' `forward_packed` reads and returns one. [`pad_packed_sequence`](crate::pad_packed_sequence) and
/// [`unpack_sequence`](crate::unpack_sequence) are the inverse operations.
///
/// ```
/// use recurrent::{Gru, pack_sequence, unpack_sequence};
/// use tch::{Device, Kind, Tensor, nn::VarStore};
/// # fn main() -> Result<(), recurrent::Error> {
/// let vs = VarStore::new(Device::Cpu);
/// let gru = Gru::new(&vs.root(), 4, 5)?;
/// let words = [3, 1, 2].map(|letters| Tensor::ones([letters, 4], (Kind::Float, Device::Cpu)));
/// let (output, h) = gru.forward_packed(&pack_sequence(&words, false)?, None)?;
/// assert_eq!(h.size(), [1, 3, 5]); // in the order of `words`
/// assert_eq!(unpack_sequence(&output)?[2].size(), [2, 5]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[doc(alias = "torch.nn.utils.rnn.PackedSequence")]
pub struct PackedSequence {
    /// The steps of all sequences: (sum of the lengths, *). Any device, any dtype.
    pub data: Tensor,
    /// The number of sequences that have a step t, for each t: int64, always on the CPU.
    pub batch_sizes: Tensor,
    /// The position of each packed sequence in the caller's batch; `None` for the same order. On `data`'s device.
    pub sorted_indices: Option<Tensor>,
    /// The inverse permutation, which restores the caller's order.
    pub unsorted_indices: Option<Tensor>,
}

impl PackedSequence {
    /// Builds a packed sequence from its parts. Without `unsorted_indices`, they are computed from `sorted_indices`.
    ///
    /// torch checks only the device of `batch_sizes`. Here they are also checked against `data`, now and at every later
    /// use. With wrong sizes libtorch computes wrong results; with negative ones it aborts the process.
    ///
    /// # Errors
    /// [`Error::BatchSizesDevice`] if `batch_sizes` are not on the CPU. [`Error::BatchSizes`] if they are not a 1-D int64
    /// tensor of positive, non-increasing numbers whose sum is the number of rows of `data`, or if the number of indices
    /// is not the number of sequences. The errors of [`invert_permutation`](crate::invert_permutation).
    pub fn new(
        data: Tensor,
        batch_sizes: Tensor,
        sorted_indices: Option<Tensor>,
        unsorted_indices: Option<Tensor>,
    ) -> Result<PackedSequence> {
        let unsorted_indices = match (&sorted_indices, unsorted_indices) {
            (Some(sorted), None) => Some(invert_permutation(sorted)?),
            (_, given) => given,
        };
        let packed = PackedSequence { data, batch_sizes, sorted_indices, unsorted_indices };
        let _ = packed.batch_sizes()?;
        Ok(packed)
    }

    /// Builds a packed sequence from `batch_sizes` and a permutation that come from libtorch, without checks.
    pub(crate) fn sorted_by(data: Tensor, batch_sizes: Tensor, sorted_indices: Option<Tensor>) -> Result<Self> {
        let unsorted_indices = sorted_indices.as_ref().map(inverse_of).transpose()?;
        Ok(PackedSequence { data, batch_sizes, sorted_indices, unsorted_indices })
    }

    /// The same sequences with other data: the output of a layer.
    pub(crate) fn with_data(&self, data: Tensor) -> PackedSequence {
        PackedSequence { data, ..self.shallow_clone() }
    }

    /// `data` and the indices on `device`; `batch_sizes` stay on the CPU.
    ///
    /// torch's `cpu()` and `cuda()` are `to(Device::Cpu)` and `to(Device::Cuda(0))`. Tensors that are already on the
    /// device are not copied.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device is not available.
    pub fn to(&self, device: Device) -> Result<PackedSequence> {
        self.convert(|tensor| Ok(tensor.f_to_device(device)?), |indices| Ok(indices.f_to_device(device)?))
    }

    /// `data` converted to `kind`; indices and `batch_sizes` stay int64.
    ///
    /// torch's `double()`, `float()`, `half()`, `long()`, `int()`, `short()`, `char()` and `byte()` are this with
    /// `Kind::Double`, `Float`, `Half`, `Int64`, `Int`, `Int16`, `Int8` and `Uint8`.
    ///
    /// ```
    /// use tch::{Kind, Tensor};
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let packed = recurrent::pack_sequence(&[Tensor::from_slice(&[1.5f32, 2.5])], true)?;
    /// assert_eq!(packed.to_kind(Kind::Int64)?.data, Tensor::from_slice(&[1i64, 2]));
    /// # Ok(()) }
    /// ```
    pub fn to_kind(&self, kind: Kind) -> Result<PackedSequence> {
        self.convert(|data| Ok(data.f_to_kind(kind)?), |indices| Ok(indices.shallow_clone()))
    }

    /// `data` and the indices in page-locked memory, from which copies to a GPU are faster.
    ///
    /// # Errors
    /// [`Error::Torch`] without a GPU.
    pub fn pin_memory(&self) -> Result<PackedSequence> {
        let pin = |tensor: &Tensor| Ok(tensor.f_pin_memory(Device::Cuda(0))?);
        self.convert(pin, pin)
    }

    /// Whether `data` is on a CUDA device.
    pub fn is_cuda(&self) -> bool {
        self.data.defined() && self.data.device().is_cuda()
    }

    /// The same tensors under new handles.
    pub fn shallow_clone(&self) -> PackedSequence {
        PackedSequence {
            data: self.data.shallow_clone(),
            batch_sizes: self.batch_sizes.shallow_clone(),
            sorted_indices: self.sorted_indices.as_ref().map(Tensor::shallow_clone),
            unsorted_indices: self.unsorted_indices.as_ref().map(Tensor::shallow_clone),
        }
    }

    fn convert(
        &self,
        data: impl Fn(&Tensor) -> Result<Tensor>,
        indices: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<PackedSequence> {
        Ok(PackedSequence {
            data: data(&self.data)?,
            batch_sizes: self.batch_sizes.shallow_clone(),
            sorted_indices: self.sorted_indices.as_ref().map(&indices).transpose()?,
            unsorted_indices: self.unsorted_indices.as_ref().map(&indices).transpose()?,
        })
    }

    /// Checks the batch sizes. Returns them as numbers, and as the contiguous tensor that libtorch needs.
    pub(crate) fn batch_sizes(&self) -> Result<(Vec<i64>, Tensor)> {
        let tensor = &self.batch_sizes;
        if device_of(tensor)? != Device::Cpu {
            return Err(Error::BatchSizesDevice);
        }
        let (rank, kind) = (tensor.dim(), kind_of(tensor)?);
        if (rank, kind) != (1, Kind::Int64) {
            let dtype = torch_dtype(kind);
            let problem = format!("have to be a 1-D torch.int64 tensor, but got a {rank}-D {dtype} one");
            return Err(Error::BatchSizes(problem));
        }
        let tensor = tensor.f_contiguous()?;
        let sizes = Vec::<i64>::try_from(&tensor)?;
        match self.problem_with(&sizes) {
            Some(problem) => Err(Error::BatchSizes(problem)),
            None => Ok((sizes, tensor)),
        }
    }

    /// Why these batch sizes do not fit `data` and the indices.
    fn problem_with(&self, sizes: &[i64]) -> Option<String> {
        let Some(&batch) = sizes.first() else {
            return Some("can not be empty".to_owned());
        };
        if let Some(size) = sizes.iter().find(|size| **size <= 0) {
            return Some(format!("have to be greater than 0, but got {size}"));
        }
        if let Some(pair) = sizes.windows(2).find(|pair| pair[1] > pair[0]) {
            return Some(format!("can not grow from one step to the next, but got {} after {}", pair[1], pair[0]));
        }
        let sum = sizes.iter().fold(0i64, |sum, size| sum.saturating_add(*size));
        let rows = self.data.size().first().copied().unwrap_or(0);
        if sum != rows {
            return Some(format!("have to add up to the rows of data, but got {sum} for {rows} rows"));
        }
        for (name, indices) in [("sorted", &self.sorted_indices), ("unsorted", &self.unsorted_indices)] {
            if let Some(indices) = indices.as_ref().filter(|indices| indices.size() != [batch]) {
                let got = indices.size();
                return Some(format!("begin with {batch} sequences, but {name}_indices are of shape {got:?}"));
            }
        }
        None
    }
}
