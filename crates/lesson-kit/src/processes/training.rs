//! Data-parallel training: what `torch.nn.parallel.DistributedDataParallel` does, and `DistributedSampler`.

use anyhow::Result;
use tch::{Device, Tensor};
use torch_ext::rng;

use super::{Processes, current};
use crate::checkpoint::Due;
use crate::seed;

impl Processes {
    /// Gives all processes rank 0's parameters.
    pub(crate) fn broadcast_parameters(&self, parameters: &[(String, Tensor)]) -> Result<()> {
        let tensors: Vec<Tensor> = parameters.iter().map(|(_, tensor)| tensor.detach()).collect();
        let flat = flatten(&tensors)?.f_to_device(Device::Cpu)?;
        self.group.broadcast(&flat, 0)?;
        tch::no_grad(|| unflatten(&flat, &tensors))
    }

    /// Gives each process random numbers of its own (for dropout) where a run begins: `torch.manual_seed(seed + rank)`.
    pub(crate) fn seed(&self, seed: i64) {
        seed::set(seed.wrapping_add(self.rank() as i64));
    }

    /// The means, over all processes, of the parameters' gradients and of `loss`, which it returns; and whether any process
    /// was asked to `stop`.
    ///
    /// All of it travels as one tensor (DistributedDataParallel's bucket), each number divided before it is added.
    pub(crate) fn average(&self, parameters: &[(String, Tensor)], loss: &Tensor, stop: bool) -> Result<(f32, bool)> {
        let _guard = tch::no_grad_guard();
        let grad = |(_, tensor): &(String, Tensor)| match tensor.grad() {
            grad if grad.defined() => Ok(grad),
            _ => tensor.f_zeros_like(), // what was not used has no gradient, and gets none
        };
        let grads = parameters.iter().map(grad).collect::<Result<Vec<_>, _>>()?;
        let stop = Tensor::f_from_slice(&[f32::from(u8::from(stop))])?.f_to_device(loss.device())?;
        let mut tensors: Vec<Tensor> = grads.iter().map(Tensor::shallow_clone).collect();
        tensors.extend([loss.detach(), stop]);
        let flat = flatten(&tensors)?;
        let flat = match self.nccl.get() {
            Some(nccl) => nccl.start_all_reduce_mean(flat)?,
            None => self.group.start_all_reduce_mean(flat.f_to_device(Device::Cpu)?)?,
        };
        let flat = flat.wait()?;
        unflatten(&flat, &grads)?;
        let length = flat.size()[0];
        Ok((flat.f_double_value(&[length - 2])? as f32, flat.f_double_value(&[length - 1])? > 0.0))
    }

    /// Takes this process's state out of those of a checkpoint. A process that had none there, because there were fewer, or
    /// only one, draws a seed from rank 0's.
    pub(crate) fn set_rng_state(&self, first: &Tensor, states: &[Tensor]) -> Result<()> {
        match states.get(self.rank()) {
            Some(own) => rng::set_state(own)?,
            None => {
                rng::set_state(first)?;
                if self.rank() > 0 {
                    self.seed(rng::draw_i64()?);
                }
            }
        }
        Ok(())
    }
}

/// The states of all processes' generators, by rank; none without a group.
pub(crate) fn rng_states() -> Result<Vec<pt_file::Tensor>> {
    let Some(processes) = current() else { return Ok(Vec::new()) };
    let states = processes.group.all_gather(&rng::get_state()?)?;
    Ok(states.iter().map(pt_file::Tensor::try_from).collect::<Result<_, _>>()?)
}

/// How much a checkpoint matters to rank 0, which has the clock and the disk.
pub(crate) fn due_for_all(due: Due) -> Result<Due> {
    let Some(processes) = current() else { return Ok(due) };
    Ok(Due::from_number(processes.number_of_first(due.number())?))
}

/// All elements, one after the other.
fn flatten(tensors: &[Tensor]) -> Result<Tensor> {
    let flat = tensors.iter().map(|tensor| tensor.f_reshape([-1])).collect::<Result<Vec<_>, _>>()?;
    Ok(Tensor::f_cat(&flat, 0)?)
}

/// Puts the elements back; what is left over at the end belongs to nobody.
fn unflatten(flat: &Tensor, tensors: &[Tensor]) -> Result<()> {
    let mut begin = 0;
    for tensor in tensors {
        let length = tensor.numel() as i64;
        tensor.shallow_clone().f_copy_(&flat.f_narrow(0, begin, length)?.f_view_as(tensor)?)?;
        begin += length;
    }
    Ok(())
}
