//! Numbers that are still on the device which has computed them.
//!
//! A GPU works on while the program already prepares its next steps. To read a number is to wait until it has caught up, and
//! to leave it idle until the program is ahead again: so numbers wait for each other, and are read together.

use anyhow::Result;
use tch::kind::Element;
use tch::{Device, Tensor};

use crate::processes;

/// Batches after which their losses are read on a GPU. By then one wait costs each of them little, and a loss that is no number,
/// or the progress on a terminal, is a second late and not a minute.
const TOGETHER: usize = 50;

/// The elements of `tensors`, one tensor after the other, for a single wait; none of no tensors.
///
/// # Errors
/// If libtorch refuses, say because the tensors are not all on one device.
pub fn read_together<T: Element + Copy>(tensors: &[Tensor]) -> Result<Vec<T>> {
    if tensors.is_empty() {
        return Ok(Vec::new());
    }
    let flat = tensors.iter().map(|tensor| tensor.f_reshape([-1])).collect::<Result<Vec<_>, _>>()?;
    let flat = Tensor::f_cat(&flat, 0)?.f_to_device(Device::Cpu)?;
    Ok(Vec::try_from(&flat)?)
}

/// Losses that nobody has read yet, all of one epoch.
#[derive(Debug)]
pub struct Unread {
    epoch: u32,
    losses: Vec<Tensor>,
    together: usize,
}

impl Unread {
    /// For losses on `device`. On a CPU there is nothing to wait for, and processes that share a batch have read its loss
    /// already: then each is read when it comes.
    pub fn of_device(device: Device) -> Unread {
        let alone = processes::current().is_none();
        Unread::after(if device.is_cuda() && alone { TOGETHER } else { 1 })
    }

    /// Read as many `together`.
    pub fn after(together: usize) -> Unread {
        Unread { epoch: 0, losses: Vec::new(), together }
    }

    /// Takes the loss of one more batch; says whether it is time to [`Unread::read`].
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn push(&mut self, epoch: u32, loss: &Tensor) -> Result<bool> {
        self.epoch = epoch;
        self.losses.push(loss.f_detach()?); // the graph behind it can go
        Ok(self.losses.len() >= self.together)
    }

    /// The losses in their order, and the epoch that they are of; none where they have been read.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn read(&mut self) -> Result<(u32, Vec<f32>)> {
        let losses = read_together(&self.losses)?;
        self.losses.clear();
        Ok((self.epoch, losses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_together_is_what_was_computed() {
        let tensors = [Tensor::from_slice(&[1i64, 2]), Tensor::from(3i64), Tensor::from_slice(&[4i64, 5]).view([2, 1])];
        assert_eq!(read_together::<i64>(&tensors).unwrap(), [1, 2, 3, 4, 5]);
        assert!(read_together::<f32>(&[]).unwrap().is_empty());
    }

    #[test]
    fn losses_are_read_when_enough_have_come() {
        let mut unread = Unread::after(3);
        let loss = Tensor::from(0.1f32).set_requires_grad(true) * 3.0;
        assert_eq!([1, 1, 1].map(|epoch| unread.push(epoch, &loss).unwrap()), [false, false, true]);
        assert!(unread.losses.iter().all(|loss| !loss.requires_grad()), "they would keep every graph alive");
        assert_eq!(unread.read().unwrap(), (1, vec![0.1f32 * 3.0; 3]));
        assert!(unread.read().unwrap().1.is_empty());
        assert_eq!(Unread::of_device(Device::Cpu).together, 1);
        assert_eq!(Unread::of_device(Device::Cuda(0)).together, TOGETHER);
    }
}
