//! Batches of indices in the order of `torch.utils.data.DataLoader`, to the bit.
//!
//! The lessons' data fits in memory: a batch is `data.index_select(0, &indices)`, and nothing needs loading.

use anyhow::{Result, ensure};
use tch::{Device, Tensor};

use crate::processes;

/// `DataLoader(data, batch_size, shuffle=True)`: a new order every epoch. The last batch may be smaller.
#[derive(Debug, Clone)]
pub struct ShuffledBatches {
    len: i64,
    batch_size: i64,
    limit: Option<usize>,
    device: Device,
}

impl ShuffledBatches {
    /// Batches of `0..len`.
    ///
    /// # Errors
    /// If there are no examples or the batch size is not positive.
    pub fn new(len: i64, batch_size: i64) -> Result<ShuffledBatches> {
        check(len, batch_size)?;
        Ok(ShuffledBatches { len, batch_size, limit: None, device: Device::Cpu })
    }

    /// The first `limit` batches of each epoch only; the order stays what it is without.
    pub fn limit(mut self, limit: Option<usize>) -> ShuffledBatches {
        self.limit = limit;
        self
    }

    /// The device of the index tensors: that of the data.
    pub fn to_device(mut self, device: Device) -> ShuffledBatches {
        self.device = device;
        self
    }

    /// The batches of the next epoch: int64 index tensors of shape `(batch,)`.
    ///
    /// Draws two numbers from the default generator, as a DataLoader does when its iteration begins: a base seed for
    /// worker processes (of which there are none here), then the seed of the permutation.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn epoch(&self) -> Result<impl ExactSizeIterator<Item = Tensor> + use<>> {
        let _base_seed = torch_ext::rng::draw_i64()?;
        let seed = torch_ext::rng::draw_i64()?;
        let order = torch_ext::rng::seeded_randperm(self.len, seed.cast_unsigned())?.f_to_device(self.device)?;
        Ok(order.f_split(self.batch_size, 0)?.into_iter().take(self.limit.unwrap_or(usize::MAX)))
    }

    /// The share that process `rank` of `world` has of epoch number `epoch`, from 0. Together the shares of a batch are the
    /// batch: after `sampler.set_epoch(epoch)` those of `DataLoader(data, batch_size // world, sampler=sampler)` with
    /// `sampler = DistributedSampler(data, world, rank, shuffle=True, seed=seed)`.
    ///
    /// The order follows from `seed + epoch`; where `world` does not divide the examples, the first ones of the epoch come
    /// once more, so that all shares are equal. Draws one number from the default generator, as that DataLoader does.
    pub(crate) fn share_of_epoch(&self, seed: i64, epoch: u32, rank: i64, world: i64) -> Result<Vec<Tensor>> {
        let share = processes::share_of_batch(self.batch_size)?;
        let _base_seed = torch_ext::rng::draw_i64()?;
        let order = torch_ext::rng::seeded_randperm(self.len, seed.wrapping_add(epoch.into()).cast_unsigned())?;
        let total = (self.len + world - 1) / world * world;
        let rounds = (total + self.len - 1) / self.len;
        let mine = order.f_repeat([rounds])?.f_slice(0, rank, total, world)?.f_to_device(self.device)?;
        Ok(mine.f_split(share, 0)?.into_iter().take(self.limit.unwrap_or(usize::MAX)).collect())
    }
}

/// `DataLoader(data, batch_size)`: `0..len` in order, for evaluation. Draws no random numbers. Under torchrun each process
/// gets some of the batches, those of rank 0 first: what all have found is [`processes::concat`](crate::processes::concat).
///
/// # Errors
/// If there are no examples or the batch size is not positive.
pub fn sequential(len: i64, batch_size: i64, device: Device) -> Result<impl ExactSizeIterator<Item = Tensor>> {
    check(len, batch_size)?;
    let order = Tensor::f_arange(len, (tch::Kind::Int64, device))?;
    let batches = order.f_split(batch_size, 0)?;
    let count = batches.len();
    let (begin, end) = processes::current().map_or((0, count), |processes| {
        let (rank, world) = (processes.rank(), processes.world());
        (rank * count / world, (rank + 1) * count / world)
    });
    Ok(batches.into_iter().take(end).skip(begin))
}

fn check(len: i64, batch_size: i64) -> Result<()> {
    ensure!(len > 0, "there are no examples to make batches of");
    ensure!(batch_size > 0, "a batch size of {batch_size}: it must be at least 1");
    Ok(())
}
