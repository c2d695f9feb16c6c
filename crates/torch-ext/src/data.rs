//! Batches of indices in the order of `torch.utils.data.DataLoader`, to the bit.
//!
//! For data that fits in memory: a batch is `data.index_select(0, &indices)`. The order is computed here, because it depends on
//! how a DataLoader draws from torch's generator.
//!
//! | here | in Python |
//! |---|---|
//! | [`ShuffledBatches::epoch`] | `DataLoader(data, batch_size, shuffle=True)` |
//! | [`ShuffledBatches::distributed_epoch`] | the same with a `DistributedSampler` |
//! | [`sequential_batches`] | `DataLoader(data, batch_size)` |

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::rng;

/// Equivalent of `DataLoader(data, batch_size, shuffle=True)`: a new order every epoch. The last batch may be smaller.
///
/// ```
/// # fn main() -> torch_ext::Result<()> {
/// tch::manual_seed(0);
/// let loader = torch_ext::data::ShuffledBatches::new(10, 4)?;
/// let batches: Vec<Vec<i64>> = loader.epoch()?.map(|batch| Vec::try_from(batch).unwrap()).collect();
/// assert_eq!(batches, [vec![6, 7, 1, 4], vec![2, 0, 9, 8], vec![3, 5]]); // as in Python after torch.manual_seed(0)
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ShuffledBatches {
    len: i64,
    batch_size: i64,
    limit: Option<usize>,
    device: Device,
}

impl ShuffledBatches {
    /// Batches of the indices `0..len`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if there are no examples or the batch size is below 1.
    pub fn new(len: i64, batch_size: i64) -> Result<ShuffledBatches> {
        check(len, batch_size)?;
        Ok(ShuffledBatches { len, batch_size, limit: None, device: Device::Cpu })
    }

    /// Keeps only the first `limit` batches of each epoch. The order of the examples does not change.
    pub fn limit(mut self, limit: Option<usize>) -> ShuffledBatches {
        self.limit = limit;
        self
    }

    /// Sets the device of the index tensors. It must be the device of the data.
    pub fn to_device(mut self, device: Device) -> ShuffledBatches {
        self.device = device;
        self
    }

    /// The number of examples in a batch.
    pub fn batch_size(&self) -> i64 {
        self.batch_size
    }

    /// The batches of the next epoch: int64 index tensors of shape `(batch,)`.
    ///
    /// Draws two numbers from the default generator, as a DataLoader does when its iteration begins: a base seed for
    /// worker processes (there are none here), then the seed of the permutation.
    pub fn epoch(&self) -> Result<impl ExactSizeIterator<Item = Tensor> + use<>> {
        let _base_seed = rng::draw_i64()?;
        let seed = rng::draw_i64()?;
        let order = rng::seeded_randperm(self.len, seed.cast_unsigned())?.f_to_device(self.device)?;
        self.split(&order, self.batch_size)
    }

    /// The part of epoch number `epoch` (from 0) that process `rank` of `world_size` computes.
    ///
    /// `batch_size` is the size of a batch of all processes together. The Python code with the same batches:
    /// ```python
    /// sampler = DistributedSampler(data, world_size, rank, shuffle=True, seed=seed)
    /// sampler.set_epoch(epoch)
    /// DataLoader(data, batch_size // world_size, sampler=sampler)
    /// ```
    /// The order follows from `seed + epoch`. If `world_size` does not divide the number of examples, the first ones
    /// of the epoch are repeated at its end, so that all processes have equally many. Draws one number from the default
    /// generator, as that DataLoader does.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if `rank` is not below `world_size`, or if `world_size` does not divide the batch size.
    pub fn distributed_epoch(&self, seed: i64, epoch: u32, rank: usize, world_size: usize) -> Result<Vec<Tensor>> {
        let fault = |message| Err(Error::InvalidArgument(message));
        if rank >= world_size {
            return fault(format!("Invalid rank {rank}: there are {world_size} processes, counted from 0"));
        }
        let (rank, world_size) = (rank as i64, world_size as i64);
        if self.batch_size % world_size != 0 {
            return fault(format!(
                "a batch size of {} cannot be shared by {world_size} processes equally: it must be a multiple of {world_size}",
                self.batch_size
            ));
        }
        let _base_seed = rng::draw_i64()?;
        let order = rng::seeded_randperm(self.len, seed.wrapping_add(epoch.into()).cast_unsigned())?;
        let padded_len = (self.len + world_size - 1) / world_size * world_size;
        let repeats = (padded_len + self.len - 1) / self.len;
        let own = order.f_repeat([repeats])?.f_slice(0, rank, padded_len, world_size)?.f_to_device(self.device)?;
        Ok(self.split(&own, self.batch_size / world_size)?.collect())
    }

    fn split(&self, order: &Tensor, size: i64) -> Result<impl ExactSizeIterator<Item = Tensor> + use<>> {
        Ok(order.f_split(size, 0)?.into_iter().take(self.limit.unwrap_or(usize::MAX)))
    }
}

/// Equivalent of `DataLoader(data, batch_size)`: the indices `0..len` in order, for evaluation. Draws no random numbers.
///
/// # Errors
/// [`Error::InvalidArgument`] if there are no examples or the batch size is below 1.
pub fn sequential_batches(len: i64, batch_size: i64, device: Device) -> Result<impl ExactSizeIterator<Item = Tensor>> {
    check(len, batch_size)?;
    let order = Tensor::f_arange(len, (Kind::Int64, device))?;
    Ok(order.f_split(batch_size, 0)?.into_iter())
}

fn check(len: i64, batch_size: i64) -> Result<()> {
    if len <= 0 {
        return Err(Error::InvalidArgument("there are no examples to make batches of".to_owned()));
    }
    if batch_size <= 0 {
        return Err(Error::InvalidArgument(format!("a batch size of {batch_size}: it must be at least 1")));
    }
    Ok(())
}
