//! Data-parallel training, equivalent to `torch.nn.parallel.DistributedDataParallel`.

use anyhow::Result;
use tch::{Device, Tensor};
use torch_ext::{convert, rng};

use super::WorkerGroup;
use crate::seed;

impl WorkerGroup {
    /// Copies rank 0's parameters to all workers.
    pub(crate) fn broadcast_parameters(&self, parameters: &[(String, Tensor)]) -> Result<()> {
        let Some(workers) = &self.0 else { return Ok(()) };
        let tensors: Vec<Tensor> = parameters.iter().map(|(_, tensor)| tensor.detach()).collect();
        let flat = flatten(&tensors)?.f_to_device(Device::Cpu)?;
        workers.group.broadcast(&flat, 0)?;
        tch::no_grad(|| unflatten(&flat, &tensors))
    }

    /// Seeds each worker differently, for dropout: `torch.manual_seed(seed + rank)`.
    pub(crate) fn seed(&self, seed: i64) {
        seed::set(seed.wrapping_add(self.rank() as i64));
    }

    /// Averages the parameters' gradients and `loss` over all workers. Returns the mean loss, and whether `stop` is true on any
    /// worker.
    ///
    /// All values are sent as one tensor (a DistributedDataParallel bucket). Each is divided by the world size before the sum.
    pub(crate) fn average(&self, parameters: &[(String, Tensor)], loss: &Tensor, stop: bool) -> Result<(f32, bool)> {
        let Some(workers) = &self.0 else { return Ok((f32::try_from(loss)?, stop)) };
        let _guard = tch::no_grad_guard();
        let grad = |(_, tensor): &(String, Tensor)| match tensor.grad() {
            grad if grad.defined() => Ok(grad),
            _ => tensor.f_zeros_like(), // an unused parameter contributes zeros
        };
        let grads = parameters.iter().map(grad).collect::<Result<Vec<_>, _>>()?;
        let stop = Tensor::f_from_slice(&[f32::from(u8::from(stop))])?.f_to_device(loss.device())?;
        let mut tensors: Vec<Tensor> = grads.iter().map(Tensor::shallow_clone).collect();
        tensors.extend([loss.detach(), stop]);
        let flat = flatten(&tensors)?;
        let flat = match workers.nccl.get() {
            Some(nccl) => nccl.start_all_reduce_mean(flat)?,
            None => workers.group.start_all_reduce_mean(flat.f_to_device(Device::Cpu)?)?,
        };
        let flat = flat.wait()?;
        unflatten(&flat, &grads)?;
        let length = flat.size()[0];
        Ok((flat.f_double_value(&[length - 2])? as f32, flat.f_double_value(&[length - 1])? > 0.0))
    }

    /// The states of all workers' generators, by rank; empty without torchrun.
    pub(crate) fn rng_states(&self) -> Result<Vec<pt_file::Tensor>> {
        let Some(workers) = &self.0 else { return Ok(Vec::new()) };
        let states = workers.group.all_gather(&rng::get_state()?)?;
        Ok(states.iter().map(convert::to_pt_file).collect::<Result<_, _>>()?)
    }

    /// The tensors of all workers, joined along dimension 1: the inverse of [`WorkerGroup::shard_columns`].
    pub(crate) fn gather_columns(&self, tensors: &[Tensor]) -> Result<Vec<Tensor>> {
        let gather = |tensor: &Tensor| match &self.0 {
            Some(workers) => {
                Ok(Tensor::f_cat(&workers.group.all_gather(&tensor.f_to_device(Device::Cpu)?.f_contiguous()?)?, 1)?)
            }
            None => Ok(tensor.shallow_clone()),
        };
        tensors.iter().map(gather).collect()
    }

    /// Restores the generator from a checkpoint: from `states[rank]`, or from `first` without torchrun. A rank that the
    /// checkpoint does not have draws a seed from rank 0's state.
    pub(crate) fn set_rng_state(&self, first: &pt_file::Tensor, states: &[pt_file::Tensor]) -> Result<()> {
        let own = states.get(self.rank()).filter(|_| self.is_distributed());
        rng::set_state(&convert::from_pt_file(own.unwrap_or(first))?)?;
        if own.is_none() && self.rank() > 0 {
            self.seed(rng::draw_i64()?);
        }
        Ok(())
    }
}

/// All elements as one vector.
fn flatten(tensors: &[Tensor]) -> Result<Tensor> {
    let flat = tensors.iter().map(|tensor| tensor.f_reshape([-1])).collect::<Result<Vec<_>, _>>()?;
    Ok(Tensor::f_cat(&flat, 0)?)
}

/// Copies the elements of `flat` into `tensors`, the inverse of [`flatten`]. Further elements at the end of `flat` are ignored.
fn unflatten(flat: &Tensor, tensors: &[Tensor]) -> Result<()> {
    let mut start = 0;
    for tensor in tensors {
        let length = tensor.numel() as i64;
        tensor.shallow_clone().f_copy_(&flat.f_narrow(0, start, length)?.f_view_as(tensor)?)?;
        start += length;
    }
    Ok(())
}
