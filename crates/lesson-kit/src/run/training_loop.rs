//! The methods for the training loop: epochs, batches, averaged gradients.

use std::rc::Rc;

use anyhow::Result;
use tch::Tensor;
use torch_ext::data::ShuffledBatches;
use torch_ext::rng;

use super::{Batches, Epochs, Run};
use crate::interrupt;

impl Run {
    /// The epochs: `1..=epochs`, or the remaining ones of a resumed run; fewer after Ctrl-C, one in a dry run. The training time
    /// starts here.
    pub fn epochs(&mut self) -> Epochs {
        self.clock.start();
        interrupt::training_begins();
        Epochs::new(self.epochs_before + 1..=self.settings.epochs, Rc::clone(&self.control))
    }

    /// The batches of the next epoch in `loader`'s order, as index tensors; under torchrun this worker's share of each batch. Fewer
    /// after Ctrl-C, one in a dry run, and the remaining ones if a resumed run continues within an epoch.
    pub fn batches(&mut self, loader: &ShuffledBatches) -> Result<Batches> {
        let (epoch_start, now) = match self.epoch.resumed_rng_state.take() {
            Some(epoch_start) => {
                let now = rng::get_state()?;
                rng::set_state(&epoch_start)?; // determines the order of the epoch
                (epoch_start, Some(now))
            }
            None => (rng::get_state()?, None),
        };
        let mut batches = self.batches_of_epoch(loader)?;
        if let Some(now) = now {
            rng::set_state(&now)?;
        }
        if self.args.dry_run {
            batches.truncate(1);
        }
        let name = format!("epoch {}", self.epochs_before + self.epoch.begun);
        self.session.add_to_recording("batch order", &name, || Ok(Tensor::f_cat(&batches, 0)?))?;
        self.epoch.rng_state = Some(epoch_start);
        self.epoch.batches = batches.len();
        Ok(Batches::new(batches, self.losses.current_batches().len(), Rc::clone(&self.control)))
    }

    fn batches_of_epoch(&mut self, loader: &ShuffledBatches) -> Result<Vec<Tensor>> {
        let workers = self.session.workers();
        let epoch = self.epochs_before + self.epoch.begun;
        self.epoch.begun += 1;
        if !workers.is_distributed() {
            return Ok(loader.epoch()?.collect());
        }
        workers.check_batch_size(loader.batch_size())?;
        Ok(loader.distributed_epoch(self.settings.seed, epoch, workers.rank(), workers.world_size())?)
    }

    /// The batches of the next epoch in the given order. Fewer after Ctrl-C, one in a dry run, and the remaining ones if a resumed
    /// run continues within an epoch.
    ///
    /// If a batch starts with the hidden state of the previous one, the first one starts with [`Run::carried`]. If Ctrl-C ends the
    /// epoch early, call [`Run::carry`].
    pub fn batches_in_order<T>(&mut self, mut batches: Vec<T>) -> Result<Batches<T>> {
        let epoch_start = self.epoch.resumed_rng_state.take().map_or_else(rng::get_state, Ok)?;
        if self.args.dry_run {
            batches.truncate(1);
        }
        self.epoch.rng_state = Some(epoch_start);
        self.epoch.batches = batches.len();
        Ok(Batches::new(batches, self.losses.current_batches().len(), Rc::clone(&self.control)))
    }

    /// The hidden state with which the first batch of the epoch starts: empty at the start of an epoch, and what [`Run::carry`] got
    /// if a resumed run continues within an epoch. Under torchrun this worker's share of the columns, dimension 1.
    pub fn carried(&mut self) -> Result<Vec<Tensor>> {
        let (workers, device) = (self.session.workers(), self.device());
        let own = |tensor: Tensor| anyhow::Ok(workers.shard_columns(&tensor, 1)?.f_to_device(device)?);
        std::mem::take(&mut self.carried).into_iter().map(own).collect()
    }

    /// Sets the hidden state with which the next batch would start. [`Run::checkpoint`] stores it.
    pub fn carry(&mut self, state: Vec<Tensor>) {
        self.carried = state;
    }

    /// After `backward()`: under torchrun averages the gradients over all workers, like DistributedDataParallel, and returns
    /// the mean loss. Otherwise returns `loss`.
    ///
    /// # Errors
    /// If a worker has ended, or does not respond within `--dist-timeout`.
    pub fn average(&self, loss: &Tensor) -> Result<Tensor> {
        let workers = self.session.workers();
        if !workers.is_distributed() {
            return Ok(loss.shallow_clone());
        }
        let parameters = self.checkpoints.snapshots.parameters();
        let (loss, stop) = workers.average(parameters, loss, interrupt::signalled())?;
        self.control.agree(stop);
        Ok(Tensor::from(loss))
    }
}
