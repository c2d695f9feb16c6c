//! What draws random numbers, against the numbers of PyTorch 2.13.0.

use lesson_kit::{Linear, loader};
use tch::{Device, Kind, Tensor, nn};

use crate::seeded;

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

/// How far a weight may be from a recorded one, beside the bound k of the uniform distribution that it is drawn from. CPUs
/// without fused multiply-add round `2 k u - k` twice, each time by at most half an ULP of a number below 2 k.
const ROUNDING: f32 = 2.0 * f32::EPSILON;

#[track_caller]
fn assert_near(ours: &Tensor, recorded: &[f32], bound: f32) {
    let ours = floats(ours);
    let near = |(ours, recorded): (&f32, &f32)| (ours - recorded).abs() <= ROUNDING * bound;
    assert!(ours.len() == recorded.len() && ours.iter().zip(recorded).all(near), "{ours:?}, recorded {recorded:?}");
}

fn lists(batches: impl Iterator<Item = Tensor>) -> Vec<Vec<i64>> {
    batches.map(|batch| Vec::try_from(batch).unwrap()).collect()
}

/// Makes layers after seeds as Python does on this machine, to the bit, and the number that is drawn next.
#[test]
#[cfg_attr(not(python_torch), ignore = "needs Python's torch: scripts/setup.sh --full")]
fn linear_is_pythons_to_the_bit() {
    let program = "
import torch
for seed, inputs, outputs in [(0, 3, 2), (7, 128, 10)]:
    torch.manual_seed(seed)
    l = torch.nn.Linear(inputs, outputs)
    x = torch.arange(1, inputs + 1, dtype=torch.float32).reshape(1, -1)
    for t in (l.weight, l.bias, l(x), torch.rand(1)):
        print(*(v & 0xffffffff for v in t.detach().flatten().view(torch.int32).tolist()))
";
    let printed = test_support::run_python(program, &[]);
    let mut lines = printed.lines();
    for (seed, inputs, outputs) in [(0, 3, 2), (7, 128, 10)] {
        let _turn = seeded(seed);
        let vs = nn::VarStore::new(Device::Cpu);
        let linear = Linear::new(vs.root() / "fc", inputs, outputs).unwrap();
        let x = (Tensor::arange(inputs, (Kind::Float, Device::Cpu)) + 1.0).view([1, inputs]);
        let next = Tensor::rand([1], (Kind::Float, Device::Cpu));
        for ours in [&linear.weight, &linear.bias, &linear.forward(&x).unwrap(), &next] {
            let bits: Vec<String> = floats(ours).iter().map(|value| value.to_bits().to_string()).collect();
            assert_eq!(bits.join(" "), lines.next().unwrap(), "seed {seed}, Linear({inputs}, {outputs})");
        }
    }
}

// torch.manual_seed(0); l = torch.nn.Linear(3, 2); l.weight, l.bias, l(torch.tensor([[1., 2., 3.]]))
#[test]
fn linear_starts_with_torchs_numbers() {
    let _turn = seeded(0);
    let vs = nn::VarStore::new(Device::Cpu);
    let linear = Linear::new(vs.root(), 3, 2).unwrap();
    let weight = [-0.004_322_517_7, 0.309_715_84, -0.475_185_33, -0.424_894_6, -0.222_368_97, 0.154_820_73];
    let bound = 1.0 / 3f32.sqrt();
    assert_near(&linear.weight, &weight, bound);
    assert_near(&linear.bias, &[-0.011_439_145, 0.457_774_94], bound);
    assert_eq!(linear.weight.size(), [2, 3]);
    // A sum of four terms, whose magnitudes add up to less than 7 bounds.
    let output = linear.forward(&Tensor::from_slice(&[1f32, 2.0, 3.0]).view([1, 3])).unwrap();
    assert_near(&output, &[-0.821_885_94, 0.052_604_556], 7.0 * 4.0 * bound);
    let names: Vec<String> = linear.named_parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["weight", "bias"]);
    assert!(linear.weight.requires_grad() && linear.bias.requires_grad());
    assert_eq!(vs.len(), 2);
}

// torch.manual_seed(7); l = torch.nn.Linear(128, 10)
// l.weight[0, :2].tolist(), l.weight[9, 126:].tolist(), l.bias[8:].tolist(), torch.rand(1).item()
#[test]
fn linear_draws_what_torch_draws_and_no_more() {
    let _turn = seeded(7);
    let vs = nn::VarStore::new(Device::Cpu);
    let linear = Linear::new(vs.root() / "fc", 128, 10).unwrap();
    let bound = 1.0 / 128f32.sqrt();
    assert_near(&linear.weight.get(0).narrow(0, 0, 2), &[0.006_173_491, -0.053_244_576], bound);
    assert_near(&linear.weight.get(9).narrow(0, 126, 2), &[0.083_413_586, -0.083_038_144], bound);
    assert_near(&linear.bias.narrow(0, 8, 2), &[-0.017_864_035, -0.076_071_92], bound);
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
