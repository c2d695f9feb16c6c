//! Tensors as the kernels see them: slices to read and slices to write.
//!
//! Why this is sound: slices of existing tensors are only read. Slices to write belong to tensors that were just made here, and
//! nothing else has a handle to them ([`NewTensor`]). While a slice exists, no code of the caller runs on this thread. As with
//! every operation of libtorch, another thread that writes the same tensor through its own handle (`shallow_clone`) is a data
//! race.

use std::ops::Deref;

use rnn_kernels::Sequence;
use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::slices::f32_data;

/// A tensor in the memory layout that the kernels need: the caller's own, or a copy.
pub(crate) enum MaybeCopied<'a> {
    Borrowed(&'a Tensor),
    Copied(Tensor),
}

impl Deref for MaybeCopied<'_> {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        match self {
            MaybeCopied::Borrowed(tensor) => tensor,
            MaybeCopied::Copied(tensor) => tensor,
        }
    }
}

/// The tensor itself if `fits`, else a contiguous copy.
fn copy_unless(fits: bool, tensor: &Tensor) -> Result<MaybeCopied<'_>> {
    Ok(if fits { MaybeCopied::Borrowed(tensor) } else { MaybeCopied::Copied(tensor.f_contiguous()?) })
}

/// A contiguous tensor.
pub(crate) fn contiguous(tensor: &Tensor) -> Result<MaybeCopied<'_>> {
    copy_unless(tensor.is_contiguous(), tensor)
}

/// A tensor whose last dimension has stride 1.
pub(crate) fn contiguous_features(tensor: &Tensor) -> Result<MaybeCopied<'_>> {
    let is = |numbers: Vec<i64>| numbers.last() == Some(&1);
    copy_unless(tensor.is_contiguous() || is(tensor.size()) || is(tensor.stride()), tensor)
}

/// A contiguous f32 tensor to be written, with exactly one handle.
pub(crate) struct NewTensor(Tensor);

impl NewTensor {
    /// The elements are not initialised; the kernels write all of them.
    pub(crate) fn new(shape: &[usize]) -> Result<NewTensor> {
        let shape: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
        Ok(NewTensor(Tensor::f_empty(shape, (Kind::Float, Device::Cpu))?))
    }

    pub(crate) fn as_mut_slice(&mut self) -> Result<&mut [f32]> {
        let data = f32_data(&self.0)?;
        // SAFETY: `self.0` is the only handle to the tensor: it leaves this type only through `into_tensor`, which consumes it.
        // The slice borrows it mutably, so nothing else uses the memory. The tensor is contiguous.
        Ok(unsafe { data.slice_mut() })
    }

    pub(crate) fn into_tensor(self) -> Tensor {
        self.0
    }
}

/// The elements of a tensor. For operations of this crate only: a caller could write the tensor while the slice exists.
pub(crate) fn as_slice(tensor: &Tensor) -> Result<&[f32]> {
    let data = f32_data(tensor)?;
    // SAFETY: the slice borrows `tensor`, which keeps the memory alive. Each operation (of `fused_rnn`, and
    // `nn::linear_cross_entropy`) makes and drops all slices within one forward or backward call. During it no code of a caller
    // runs, and only `NewTensor`s are written, which share no memory with other tensors.
    Ok(unsafe { data.slice() })
}

pub(crate) fn as_slices<'a>(tensors: &'a [MaybeCopied<'_>]) -> Result<Vec<&'a [f32]>> {
    tensors.iter().map(|tensor| as_slice(tensor)).collect()
}

/// A tensor as the kernels read it: of rank 3, or the data of a packed batch of this many sequences.
pub(crate) fn as_sequence(tensor: &Tensor, batch_first: bool, sequences: usize) -> Result<Sequence<'_>> {
    let strides: Vec<usize> = tensor.stride().into_iter().map(|stride| stride as usize).collect();
    let (step_stride, batch_stride) = match (strides.len(), batch_first) {
        (2, _) => (strides[0] * sequences, strides[0]), // a step has `sequences` rows if all lengths are equal
        (_, false) => (strides[0], strides[1]),
        (_, true) => (strides[1], strides[0]),
    };
    Ok(Sequence { data: as_slice(tensor)?, step_stride, batch_stride })
}
