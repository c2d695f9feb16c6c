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
        let share = processes::share_of_batch(self.batch_size, world)?;
        let _base_seed = torch_ext::rng::draw_i64()?;
        let order = torch_ext::rng::seeded_randperm(self.len, seed.wrapping_add(epoch.into()).cast_unsigned())?;
        let total = (self.len + world - 1) / world * world;
        let rounds = (total + self.len - 1) / self.len;
        let mine = order.f_repeat([rounds])?.f_slice(0, rank, total, world)?.f_to_device(self.device)?;
        Ok(mine.f_split(share, 0)?.into_iter().take(self.limit.unwrap_or(usize::MAX)).collect())
    }
}

/// `DataLoader(data, batch_size)`: `0..len` in order, for evaluation. Draws no random numbers. Under torchrun each process
/// gets some of the batches, those of rank 0 first: what all have found is [`processes::concat`].
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The shares of all processes of an epoch, batch by batch.
    fn shares(len: i64, batch_size: i64, world: i64, epoch: u32) -> Vec<Vec<Vec<i64>>> {
        let loader = ShuffledBatches::new(len, batch_size).unwrap();
        let share = |rank| loader.share_of_epoch(5, epoch, rank, world).unwrap();
        let numbers = |batch: Tensor| Vec::try_from(batch).unwrap();
        (0..world).map(|rank| share(rank).into_iter().map(numbers).collect()).collect()
    }

    // for rank in range(3):
    //     s = DistributedSampler(range(10), 3, rank, shuffle=True, seed=5); s.set_epoch(1)
    //     print([batch for batch in DataLoader(range(10), 2, sampler=s, collate_fn=list)])
    #[test]
    fn shares_are_those_of_torchs_sampler() {
        let [first, second, third] = &shares(10, 6, 3, 1)[..] else { panic!("three shares") };
        assert_eq!(first, &[vec![0, 1], vec![9, 6]]);
        assert_eq!(second, &[vec![7, 8], vec![2, 0]]);
        assert_eq!(third, &[vec![5, 3], vec![4, 7]]);
    }

    // [list(DistributedSampler(range(2), 5, rank, shuffle=True, seed=5))[0] for rank in range(5)]: the examples are padded more than once
    #[test]
    fn few_examples_come_as_often_as_there_are_processes() {
        assert_eq!(shares(2, 5, 5, 0).concat().concat(), [1, 0, 1, 0, 1]);
    }

    #[test]
    fn the_shares_of_a_batch_are_the_batch_whatever_their_number() {
        let sorted = |mut batch: Vec<i64>| {
            batch.sort_unstable();
            batch
        };
        let whole = shares(96, 12, 1, 2).remove(0);
        assert_eq!(whole.len(), 8);
        for world in [2, 3, 4, 6] {
            let shares = shares(96, 12, world, 2);
            for (number, batch) in whole.iter().enumerate() {
                let together = shares.iter().flat_map(|share| share[number].clone()).collect();
                assert_eq!(sorted(together), sorted(batch.clone()), "{world} processes, batch {number}");
            }
        }
    }

    #[test]
    fn a_batch_that_cannot_be_shared_is_an_error() {
        let error = ShuffledBatches::new(10, 100).unwrap().share_of_epoch(0, 0, 0, 3).unwrap_err().to_string();
        assert_eq!(error, "--batch-size 100 cannot be shared by 3 processes equally: take a multiple of 3");
    }
}
