//! The order of batches, against recorded orders of PyTorch 2.13.0.

use tch::{Device, Kind, Tensor};
use torch_ext::data::{ShuffledBatches, sequential_batches};

use crate::support::seeded;

fn lists(batches: impl IntoIterator<Item = Tensor>) -> Vec<Vec<i64>> {
    batches.into_iter().map(|batch| Vec::try_from(batch).unwrap()).collect()
}

// torch.manual_seed(0); d = DataLoader(range(10), batch_size=4, shuffle=True)
// [b.tolist() for b in d], [b.tolist() for b in d], torch.rand(1).item()
#[test]
fn two_epochs_have_the_order_of_a_data_loader() {
    let _turn = seeded(0);
    let batches = ShuffledBatches::new(10, 4).unwrap();
    assert_eq!(lists(batches.epoch().unwrap()), [vec![6, 7, 1, 4], vec![2, 0, 9, 8], vec![3, 5]]);
    assert_eq!(lists(batches.epoch().unwrap()), [vec![2, 4, 7, 0], vec![8, 9, 5, 3], vec![6, 1]]);
    assert_eq!(Tensor::rand([1], (Kind::Float, Device::Cpu)).double_value(&[0]) as f32, 0.455_627_98);
}

// torch.manual_seed(3); e = [b for b in DataLoader(range(60000), batch_size=100, shuffle=True)]
// e[0][:5].tolist(), e[-1][-3:].tolist()
#[test]
fn sixty_thousand_examples_have_the_order_of_a_data_loader() {
    let _turn = seeded(3);
    let epoch = ShuffledBatches::new(60_000, 100).unwrap().epoch().unwrap();
    assert_eq!(epoch.len(), 600);
    let batches = lists(epoch);
    assert_eq!(batches[0][..5], [18_386, 18_834, 27_986, 13_369, 50_518]);
    assert_eq!(batches[599][97..], [12_280, 35_430, 41_998]);
}

#[test]
fn a_limit_keeps_the_first_batches_and_does_not_change_the_next_epoch() {
    let epochs = |limit| {
        let _turn = seeded(0);
        let batches = ShuffledBatches::new(10, 4).unwrap().limit(limit);
        [lists(batches.epoch().unwrap()), lists(batches.epoch().unwrap())]
    };
    let (whole, cut) = (epochs(None), epochs(Some(2)));
    assert_eq!(cut, [&whole[0][..2], &whole[1][..2]]);
}

#[test]
fn sequential_batches_are_in_order() {
    let batches = sequential_batches(5, 2, Device::Cpu).unwrap();
    assert_eq!(lists(batches), [vec![0, 1], vec![2, 3], vec![4]]);
    assert!(sequential_batches(0, 2, Device::Cpu).is_err());
    let error = ShuffledBatches::new(5, 0).unwrap_err().to_string();
    assert_eq!(error, "a batch size of 0: it must be at least 1");
}

/// The batches of every process in an epoch.
fn distributed(len: i64, batch_size: i64, world_size: usize, epoch: u32) -> Vec<Vec<Vec<i64>>> {
    let _turn = seeded(0);
    let loader = ShuffledBatches::new(len, batch_size).unwrap();
    (0..world_size).map(|rank| lists(loader.distributed_epoch(5, epoch, rank, world_size).unwrap())).collect()
}

// for rank in range(3):
//     s = DistributedSampler(range(10), 3, rank, shuffle=True, seed=5); s.set_epoch(1)
//     print([batch for batch in DataLoader(range(10), 2, sampler=s, collate_fn=list)])
#[test]
fn distributed_batches_equal_those_of_torchs_sampler() {
    let [first, second, third] = &distributed(10, 6, 3, 1)[..] else { panic!("three processes") };
    assert_eq!(first, &[vec![0, 1], vec![9, 6]]);
    assert_eq!(second, &[vec![7, 8], vec![2, 0]]);
    assert_eq!(third, &[vec![5, 3], vec![4, 7]]);
}

// [list(DistributedSampler(range(2), 5, rank, shuffle=True, seed=5))[0] for rank in range(5)]
#[test]
fn fewer_examples_than_processes_are_repeated() {
    assert_eq!(distributed(2, 5, 5, 0).concat().concat(), [1, 0, 1, 0, 1]);
}

#[test]
fn the_parts_of_all_processes_make_up_the_batch() {
    let sorted = |mut batch: Vec<i64>| {
        batch.sort_unstable();
        batch
    };
    let whole = distributed(96, 12, 1, 2).remove(0);
    assert_eq!(whole.len(), 8);
    for world_size in [2, 3, 4, 6] {
        let parts = distributed(96, 12, world_size, 2);
        for (number, batch) in whole.iter().enumerate() {
            let together = parts.iter().flat_map(|part| part[number].clone()).collect();
            assert_eq!(sorted(together), sorted(batch.clone()), "{world_size} processes, batch {number}");
        }
    }
}

#[test]
fn a_batch_size_that_the_processes_do_not_divide_is_rejected() {
    let loader = ShuffledBatches::new(10, 100).unwrap();
    let error = |rank, world_size| loader.distributed_epoch(0, 0, rank, world_size).unwrap_err().to_string();
    assert_eq!(error(0, 3), "a batch size of 100 cannot be shared by 3 processes equally: it must be a multiple of 3");
    assert_eq!(error(2, 2), "Invalid rank 2: there are 2 processes, counted from 0");
    assert_eq!(error(0, 0), "Invalid rank 0: there are 0 processes, counted from 0");
}
