//! What a run does otherwise where several processes share it.

use anyhow::Result;
use tch::Tensor;
use torch_ext::rng;

use super::Run;
use crate::loader::{ShuffledBatches, share_of_epoch};
use crate::{interrupt, processes};

impl Run {
    /// After `backward()`: the loss of the batch. Under torchrun each process has computed its share of the batch; here their
    /// gradients become the means of all, as DistributedDataParallel makes them, and so does the loss.
    ///
    /// # Errors
    /// If a process is lost, or does not come within `--dist-timeout`.
    pub fn average(&self, loss: &Tensor) -> Result<Tensor> {
        let Some(processes) = processes::current() else { return Ok(loss.shallow_clone()) };
        let (loss, stop) = processes.average(self.kept.watched(), loss, interrupt::signalled())?;
        interrupt::agree(stop);
        Ok(Tensor::from(loss))
    }

    /// The batches of the next epoch, or this process's shares of them.
    pub(super) fn next_epoch(&mut self, loader: &ShuffledBatches) -> Result<Vec<Tensor>> {
        let epoch = self.before.0 + self.epochs_begun;
        self.epochs_begun += 1;
        match processes::current() {
            Some(group) => share_of_epoch(loader, self.args.seed, epoch, group.rank(), group.world()),
            None => Ok(loader.epoch()?.collect()),
        }
    }

    /// Goes on with the random numbers of a checkpoint: its only or first process's, or this one's among those of all.
    pub(super) fn take_random_numbers(first: &pt_file::Tensor, all: &[pt_file::Tensor]) -> Result<()> {
        let first = Tensor::try_from(first)?;
        let Some(processes) = processes::current() else { return Ok(rng::set_state(&first)?) };
        let all = all.iter().map(Tensor::try_from).collect::<Result<Vec<_>, _>>()?;
        processes.set_rng_state(&first, &all)?;
        Ok(())
    }
}
