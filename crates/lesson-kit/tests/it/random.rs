//! What draws random numbers, against the numbers of PyTorch 2.13.0.

use lesson_kit::{Linear, loader};
use tch::{Device, Kind, Tensor, nn};

use crate::seeded;

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

/// The sum of the bit patterns: equal sums, equal bits, for all that chance can do.
fn sum_of_bits(tensor: &Tensor) -> u64 {
    floats(tensor).iter().map(|value| u64::from(value.to_bits())).sum()
}

fn lists(batches: impl Iterator<Item = Tensor>) -> Vec<Vec<i64>> {
    batches.map(|batch| Vec::try_from(batch).unwrap()).collect()
}

// torch.manual_seed(0); l = torch.nn.Linear(3, 2); l.weight, l.bias, l(torch.tensor([[1., 2., 3.]]))
#[test]
fn linear_starts_with_torchs_numbers() {
    let _turn = seeded(0);
    let vs = nn::VarStore::new(Device::Cpu);
    let linear = Linear::new(vs.root(), 3, 2).unwrap();
    let weight: [f32; 6] = [-0.004_322_517_7, 0.309_715_84, -0.475_185_33, -0.424_894_6, -0.222_368_97, 0.154_820_73];
    assert_eq!(floats(&linear.weight), weight);
    assert_eq!(floats(&linear.bias), [-0.011_439_145, 0.457_774_94]);
    assert_eq!(linear.weight.size(), [2, 3]);
    let output = linear.forward(&Tensor::from_slice(&[1f32, 2.0, 3.0]).view([1, 3])).unwrap();
    assert_eq!(floats(&output), [-0.821_885_94, 0.052_604_556]);
    let names: Vec<String> = linear.named_parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["weight", "bias"]);
    assert!(linear.weight.requires_grad() && linear.bias.requires_grad());
    assert_eq!(vs.len(), 2);
}

// torch.manual_seed(7); l = torch.nn.Linear(128, 10); bits = lambda t: int(t.detach().numpy().view(np.uint32).astype(np.uint64).sum())
// bits(l.weight), bits(l.bias), torch.rand(1).item()
#[test]
fn linear_draws_what_torch_draws_and_no_more() {
    let _turn = seeded(7);
    let vs = nn::VarStore::new(Device::Cpu);
    let linear = Linear::new(vs.root() / "fc", 128, 10).unwrap();
    assert_eq!((sum_of_bits(&linear.weight), sum_of_bits(&linear.bias)), (2_684_872_753_359, 23_164_240_309));
    assert_eq!(Tensor::rand([1], (Kind::Float, Device::Cpu)).double_value(&[0]) as f32, 0.942_346_63);
}

#[test]
fn linear_refuses_sizes_below_one() {
    let vs = nn::VarStore::new(Device::Cpu);
    let message = Linear::new(vs.root(), 0, 2).unwrap_err().to_string();
    assert_eq!(message, "Linear(0, 2): both sizes must be at least 1");
}

// torch.manual_seed(0); d = DataLoader(range(10), batch_size=4, shuffle=True)
// [b.tolist() for b in d], [b.tolist() for b in d], torch.rand(1).item()
#[test]
fn two_epochs_have_the_order_of_a_data_loader() {
    let _turn = seeded(0);
    let batches = loader::ShuffledBatches::new(10, 4).unwrap();
    assert_eq!(lists(batches.epoch().unwrap()), [vec![6, 7, 1, 4], vec![2, 0, 9, 8], vec![3, 5]]);
    assert_eq!(lists(batches.epoch().unwrap()), [vec![2, 4, 7, 0], vec![8, 9, 5, 3], vec![6, 1]]);
    assert_eq!(Tensor::rand([1], (Kind::Float, Device::Cpu)).double_value(&[0]) as f32, 0.455_627_98);
}

// torch.manual_seed(3); e = [b for b in DataLoader(range(60000), batch_size=100, shuffle=True)]
// e[0][:5].tolist(), e[-1][-3:].tolist()
#[test]
fn mnist_has_the_order_of_a_data_loader() {
    let _turn = seeded(3);
    let epoch = loader::ShuffledBatches::new(60_000, 100).unwrap().epoch().unwrap();
    assert_eq!(epoch.len(), 600);
    let batches = lists(epoch);
    assert_eq!(batches[0][..5], [18_386, 18_834, 27_986, 13_369, 50_518]);
    assert_eq!(batches[599][97..], [12_280, 35_430, 41_998]);
}

#[test]
fn a_limit_takes_the_first_batches_and_leaves_the_next_epoch_alone() {
    let epochs = |limit| {
        let _turn = seeded(0);
        let batches = loader::ShuffledBatches::new(10, 4).unwrap().limit(limit);
        [lists(batches.epoch().unwrap()), lists(batches.epoch().unwrap())]
    };
    let (whole, cut) = (epochs(None), epochs(Some(2)));
    assert_eq!(cut, [&whole[0][..2], &whole[1][..2]]);
}

#[test]
fn evaluation_goes_in_order() {
    let batches = loader::sequential(5, 2, Device::Cpu).unwrap();
    assert_eq!(lists(batches), [vec![0, 1], vec![2, 3], vec![4]]);
    assert!(loader::sequential(0, 2, Device::Cpu).is_err());
    assert!(loader::ShuffledBatches::new(5, 0).is_err());
}
