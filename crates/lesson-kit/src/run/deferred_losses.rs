//! Losses that stay on the GPU until several of them are read together.
//!
//! CUDA operations are asynchronous: the GPU computes while the program launches the next operations. Reading a number waits
//! until the GPU has finished, and the GPU is then idle until the next launch. So losses are read in groups.

use anyhow::Result;
use tch::kind::Element;
use tch::{Device, Tensor};

use crate::WorkerGroup;

/// The number of batches per read on a GPU. Each batch then has a small part of the cost of one wait. A NaN is detected, and the
/// progress bar is updated, at most about one second late.
const BATCHES_PER_READ: usize = 50;

/// The elements of all `tensors`, in order, with a single copy from the device.
pub fn copy_to_host<T: Element + Copy>(tensors: &[Tensor]) -> Result<Vec<T>> {
    if tensors.is_empty() {
        return Ok(Vec::new());
    }
    let flat = tensors.iter().map(|tensor| tensor.f_reshape([-1])).collect::<Result<Vec<_>, _>>()?;
    let flat = Tensor::f_cat(&flat, 0)?.f_to_device(Device::Cpu)?;
    Ok(Vec::try_from(&flat)?)
}

/// Batch losses of one epoch that are not read yet.
#[derive(Debug)]
pub(crate) struct DeferredLosses {
    epoch: u32,
    losses: Vec<Tensor>,
    batches_per_read: usize,
}

impl DeferredLosses {
    /// On a CPU each loss is read at once, because there is no wait. Under torchrun the average has already read it.
    pub fn new(device: Device, workers: &WorkerGroup) -> DeferredLosses {
        let deferred = device.is_cuda() && !workers.is_distributed();
        DeferredLosses::with_batches_per_read(if deferred { BATCHES_PER_READ } else { 1 })
    }

    pub fn with_batches_per_read(batches_per_read: usize) -> DeferredLosses {
        DeferredLosses { epoch: 0, losses: Vec::new(), batches_per_read }
    }

    /// Adds the loss of the next batch; returns whether it is time to [`DeferredLosses::read`].
    pub fn push(&mut self, epoch: u32, loss: &Tensor) -> Result<bool> {
        self.epoch = epoch;
        self.losses.push(loss.f_detach()?); // frees the graph
        Ok(self.losses.len() >= self.batches_per_read)
    }

    /// Returns the losses in order, with their epoch, and removes them.
    pub fn read(&mut self) -> Result<(u32, Vec<f32>)> {
        let losses = copy_to_host(&self.losses)?;
        self.losses.clear();
        Ok((self.epoch, losses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_copied_in_order() {
        let tensors = [Tensor::from_slice(&[1i64, 2]), Tensor::from(3i64), Tensor::from_slice(&[4i64, 5]).view([2, 1])];
        assert_eq!(copy_to_host::<i64>(&tensors).unwrap(), [1, 2, 3, 4, 5]);
        assert!(copy_to_host::<f32>(&[]).unwrap().is_empty());
    }

    #[test]
    fn losses_are_read_when_enough_batches_are_done() {
        let mut deferred = DeferredLosses::with_batches_per_read(3);
        let loss = Tensor::from(0.1f32).set_requires_grad(true) * 3.0;
        assert_eq!([1, 1, 1].map(|epoch| deferred.push(epoch, &loss).unwrap()), [false, false, true]);
        assert!(deferred.losses.iter().all(|loss| !loss.requires_grad()), "they would keep every graph alive");
        assert_eq!(deferred.read().unwrap(), (1, vec![0.1f32 * 3.0; 3]));
        assert!(deferred.read().unwrap().1.is_empty());
        let workers = WorkerGroup::default();
        assert_eq!(DeferredLosses::new(Device::Cpu, &workers).batches_per_read, 1);
        assert_eq!(DeferredLosses::new(Device::Cuda(0), &workers).batches_per_read, BATCHES_PER_READ);
    }
}
