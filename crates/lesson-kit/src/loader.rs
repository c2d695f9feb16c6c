//! Batches of indices in the order of `torch.utils.data.DataLoader`, to the bit.
//!
//! The lessons' data fits in memory: a batch is `data.index_select(0, &indices)`, and nothing needs loading.

use anyhow::{Result, ensure};
use tch::{Device, Tensor};

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
}

/// `DataLoader(data, batch_size)`: `0..len` in order, for evaluation. Draws no random numbers.
///
/// # Errors
/// If there are no examples or the batch size is not positive.
pub fn sequential(len: i64, batch_size: i64, device: Device) -> Result<impl ExactSizeIterator<Item = Tensor>> {
    check(len, batch_size)?;
    let order = Tensor::f_arange(len, (tch::Kind::Int64, device))?;
    Ok(order.f_split(batch_size, 0)?.into_iter())
}

fn check(len: i64, batch_size: i64) -> Result<()> {
    ensure!(len > 0, "there are no examples to make batches of");
    ensure!(batch_size > 0, "a batch size of {batch_size}: it must be at least 1");
    Ok(())
}
