//! The order of the batches ([`torch_ext::data`]) where several processes may share them.

use anyhow::Result;
use tch::{Device, Tensor};
pub use torch_ext::data::ShuffledBatches;

use crate::processes;

/// The part of epoch number `epoch` that process `rank` of `world` computes.
///
/// # Errors
/// [`UsageError`](crate::exit::UsageError) if `world` does not divide the batch size.
pub(crate) fn share_of_epoch(
    loader: &ShuffledBatches,
    seed: i64,
    epoch: u32,
    rank: usize,
    world: usize,
) -> Result<Vec<Tensor>> {
    processes::share_of_batch(loader.batch_size(), world as i64)?;
    Ok(loader.distributed_epoch(seed, epoch, rank, world)?)
}

/// `DataLoader(data, batch_size)`: `0..len` in order, for evaluation. Under torchrun each process gets some of the batches,
/// those of rank 0 first; [`processes::concat`] puts their results together.
///
/// # Errors
/// If there are no examples or the batch size is not positive.
pub fn sequential(len: i64, batch_size: i64, device: Device) -> Result<impl ExactSizeIterator<Item = Tensor>> {
    let batches = torch_ext::data::sequential_batches(len, batch_size, device)?;
    let count = batches.len();
    let (begin, end) = processes::current().map_or((0, count), |processes| {
        let (rank, world) = (processes.rank(), processes.world());
        (rank * count / world, (rank + 1) * count / world)
    });
    Ok(batches.take(end).skip(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_size_that_the_processes_do_not_divide_is_an_error() {
        let error = share_of_epoch(&ShuffledBatches::new(10, 100).unwrap(), 0, 0, 0, 3).unwrap_err().to_string();
        assert_eq!(error, "--batch-size 100 cannot be shared by 3 processes equally: take a multiple of 3");
    }
}
