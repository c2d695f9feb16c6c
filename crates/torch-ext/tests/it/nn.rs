//! Layers and losses beside PyTorch's, and beside recorded numbers of PyTorch 2.13.0.

use tch::{Device, Kind, Reduction, Tensor, nn};
use torch_ext::nn::{Embedding, Linear, cross_entropy, linear_cross_entropy, mse_loss};

use crate::support::seeded;

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

/// The largest difference between a weight and a recorded one, in units of the bound k of its uniform distribution. CPUs
/// without fused multiply-add round `2 k u - k` twice, each time by at most half an ULP of a number below 2 k.
const ROUNDING: f32 = 2.0 * f32::EPSILON;

#[track_caller]
fn assert_near(ours: &Tensor, recorded: &[f32], bound: f32) {
    let ours = floats(ours);
    let near = |(ours, recorded): (&f32, &f32)| (ours - recorded).abs() <= ROUNDING * bound;
    assert!(ours.len() == recorded.len() && ours.iter().zip(recorded).all(near), "{ours:?}, recorded {recorded:?}");
}

fn bits(tensor: &Tensor) -> String {
    floats(tensor).iter().map(|value| value.to_bits().to_string()).collect::<Vec<_>>().join(" ")
}

/// Compares the parameters, an output and the number that is drawn next with Python's on this machine.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn linear_equals_pythons_to_the_bit() {
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
            assert_eq!(bits(ours), lines.next().unwrap(), "seed {seed}, Linear({inputs}, {outputs})");
        }
    }
}

/// Compares the parameter, outputs, losses and the number that is drawn next with Python's on this machine.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn embedding_and_losses_equal_pythons_to_the_bit() {
    let program = "
import torch, torch.nn.functional as F
torch.manual_seed(3)
e = torch.nn.Embedding(9, 4)
x = e(torch.tensor([[8, 0, 8], [2, 5, 1]]))
scores, target = x.reshape(6, 4), torch.tensor([0, 3, 1, 2, 2, 0])
losses = [F.cross_entropy(scores, target, reduction=r) for r in ('mean', 'sum', 'none')]
losses += [F.mse_loss(x[0], x[1], reduction=r) for r in ('mean', 'sum', 'none')]
for t in (e.weight, x, *losses, torch.rand(1)):
    print(*(v & 0xffffffff for v in t.detach().flatten().view(torch.int32).tolist()))
print(e, torch.nn.Linear(5, 3), sep='; ')
";
    let printed = test_support::run_python(program, &[]);
    let _turn = seeded(3);
    let vs = nn::VarStore::new(Device::Cpu);
    let embedding = Embedding::new(vs.root(), 9, 4).unwrap();
    let x = embedding.forward(&Tensor::from_slice2(&[[8i64, 0, 8], [2, 5, 1]])).unwrap();
    let (scores, target) = (x.reshape([6, 4]), Tensor::from_slice(&[0i64, 3, 1, 2, 2, 0]));
    let reductions = [Reduction::Mean, Reduction::Sum, Reduction::None];
    let mut ours = vec![embedding.weight.shallow_clone(), x.shallow_clone()];
    ours.extend(reductions.map(|reduction| cross_entropy(&scores, &target, reduction).unwrap()));
    ours.extend(reductions.map(|reduction| mse_loss(&x.get(0), &x.get(1), reduction).unwrap()));
    ours.push(Tensor::rand([1], (Kind::Float, Device::Cpu)));
    let mut ours: Vec<String> = ours.iter().map(bits).collect();
    ours.push(format!("{embedding}; {}", Linear::new(vs.root() / "fc", 5, 3).unwrap()));
    assert_eq!(ours, printed.lines().collect::<Vec<_>>());
}

// torch.manual_seed(0); l = torch.nn.Linear(3, 2); l.weight, l.bias, l(torch.tensor([[1., 2., 3.]]))
#[test]
fn linear_starts_with_the_recorded_numbers_of_torch() {
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
fn linear_draws_as_many_numbers_as_torch() {
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
fn embedding_has_one_trainable_parameter_and_checks_its_indices() {
    let _turn = seeded(0);
    let vs = nn::VarStore::new(Device::Cpu);
    let embedding = Embedding::new(vs.root(), 9, 4).unwrap();
    let [(name, weight)] = &embedding.named_parameters()[..] else { panic!("one parameter") };
    assert_eq!((name.as_str(), weight.size(), weight.requires_grad()), ("weight", vec![9, 4], true));
    let error = embedding.forward(&Tensor::from_slice(&[9i64])).unwrap_err().to_string();
    assert_eq!(error, "index out of range in self");
}

#[test]
fn sizes_below_one_are_rejected() {
    let vs = nn::VarStore::new(Device::Cpu);
    let message = Linear::new(vs.root(), 0, 2).unwrap_err().to_string();
    assert_eq!(message, "Linear(0, 2): both sizes must be at least 1");
    let message = Embedding::new(vs.root(), 9, -1).unwrap_err().to_string();
    assert_eq!(message, "Embedding(9, -1): both sizes must be at least 1");
}

/// The loss and the gradients of input, weight and bias.
fn loss_and_gradients(tensors: &[Tensor; 3], kind: Kind, loss: impl Fn(&[Tensor; 3]) -> Tensor) -> [Tensor; 4] {
    let tensors = tensors.each_ref().map(|tensor| tensor.to_kind(kind).copy().set_requires_grad(true));
    let loss = loss(&tensors);
    torch_ext::autograd::backward(&(&loss * 3.0)).unwrap();
    let [x, weight, bias] = tensors.map(|tensor| tensor.grad().to_kind(Kind::Double));
    [loss.detach().to_kind(Kind::Double), x, weight, bias]
}

/// The error against float64 is that of the separate operations in f32, up to a small factor.
#[test]
fn linear_cross_entropy_is_as_accurate_as_the_separate_operations() {
    let _turn = seeded(5);
    for (examples, features, classes) in [(1, 1, 1), (7, 5, 3), (40, 16, 1001)] {
        let of = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
        let tensors = [of(&[examples, features]), of(&[classes, features]), of(&[classes])];
        let target = Tensor::randint(classes, [examples], (Kind::Int64, Device::Cpu));
        let _ = target.get(examples / 2).fill_(if examples > 1 { -100 } else { 0 });
        for reduction in [Reduction::Mean, Reduction::Sum] {
            let separate = |[x, weight, bias]: &[Tensor; 3]| {
                cross_entropy(&x.linear(weight, Some(bias)), &target, reduction).unwrap()
            };
            let fused = |[x, weight, bias]: &[Tensor; 3]| {
                linear_cross_entropy(x, weight, &target, Some(bias), reduction).unwrap()
            };
            let exact = loss_and_gradients(&tensors, Kind::Double, separate);
            let torch = loss_and_gradients(&tensors, Kind::Float, separate);
            let ours = loss_and_gradients(&tensors, Kind::Float, fused);
            for (i, ((exact, torch), ours)) in exact.iter().zip(&torch).zip(&ours).enumerate() {
                let error = |result: &Tensor| (result - exact).abs().max().double_value(&[]);
                let allowed = 4.0 * error(torch) + 16.0 * f64::from(f32::EPSILON) * exact.abs().max().double_value(&[]);
                let size = format!("{examples} x {features} x {classes}, {reduction:?}, result {i}");
                assert!(error(ours) <= allowed, "{size}: error {}, torch's {}", error(ours), error(torch));
            }
        }
    }
}

/// Transposed views, no bias, and one gradient only: the same bits as with contiguous tensors and all gradients.
#[test]
fn linear_cross_entropy_takes_views_and_computes_the_needed_gradients() {
    let _turn = seeded(6);
    let of = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
    let (x, weight, target) = (of(&[7, 5]), of(&[21, 5]), Tensor::randint(21, [7], (Kind::Int64, Device::Cpu)));
    let run = |is_view: bool, needs: [bool; 2]| {
        let leaves =
            [(&x, needs[0]), (&weight, needs[1])].map(|(tensor, needs)| tensor.copy().set_requires_grad(needs));
        let [x, weight] = leaves.each_ref().map(|leaf| if is_view { leaf.tr().contiguous().tr() } else { leaf + 0.0 });
        let loss = linear_cross_entropy(&x, &weight, &target, None, Reduction::Mean).unwrap();
        torch_ext::autograd::backward(&loss).unwrap();
        leaves.map(|leaf| leaf.grad())
    };
    let all = run(false, [true, true]);
    for (is_view, needs) in [(true, [true, true]), (false, [true, false]), (true, [false, true])] {
        for ((got, expected), needed) in run(is_view, needs).iter().zip(&all).zip(needs) {
            assert!(if needed { got == expected } else { !got.defined() }, "view: {is_view}, needed: {needs:?}");
        }
    }
}

#[test]
fn linear_cross_entropy_of_ignored_examples_has_torchs_gradients() {
    let target = Tensor::from_slice(&[-100i64, -100]);
    let tensors = [[2, 3], [4, 3]].map(|shape| Tensor::ones(shape, (Kind::Float, Device::Cpu)));
    let run = |loss: &dyn Fn(&Tensor, &Tensor) -> Tensor| {
        let [x, weight] = tensors.each_ref().map(|tensor| tensor.copy().set_requires_grad(true));
        let loss = loss(&x, &weight);
        assert!(loss.double_value(&[]).is_nan());
        torch_ext::autograd::backward(&loss).unwrap();
        [x.grad(), weight.grad()]
    };
    let ours = run(&|x, weight| linear_cross_entropy(x, weight, &target, None, Reduction::Mean).unwrap());
    let separate = run(&|x, weight| cross_entropy(&x.matmul(&weight.tr()), &target, Reduction::Mean).unwrap());
    assert_eq!(ours, separate);
}

#[test]
fn linear_cross_entropy_runs_the_separate_operations_where_it_must() {
    let target = Tensor::from_slice(&[1i64, 0]);
    let of = |shape: &[i64], kind| Tensor::ones(shape, (kind, Device::Cpu));
    for (kind, reduction) in [(Kind::Double, Reduction::Mean), (Kind::Float, Reduction::None)] {
        let (x, weight) = (of(&[2, 3], kind), of(&[4, 3], kind));
        let loss = linear_cross_entropy(&x, &weight, &target, None, reduction).unwrap();
        assert_eq!(loss, cross_entropy(&x.matmul(&weight.tr()), &target, reduction).unwrap(), "{kind:?}");
        assert_eq!(loss.kind(), kind);
    }
    let empty = Tensor::zeros([0], (Kind::Int64, Device::Cpu));
    let (x, weight) = (of(&[0, 3], Kind::Float), of(&[4, 3], Kind::Float));
    let loss = linear_cross_entropy(&x, &weight, &empty, None, Reduction::Mean).unwrap();
    assert!(loss.double_value(&[]).is_nan(), "as in torch: the mean of nothing");
}

#[test]
fn linear_cross_entropy_rejects_what_torch_rejects() {
    let of = |shape: &[i64]| Tensor::ones(shape, (Kind::Float, Device::Cpu));
    let message = |x: &Tensor, weight: &Tensor, target: &[i64]| {
        linear_cross_entropy(x, weight, &Tensor::from_slice(target), None, Reduction::Mean).unwrap_err().to_string()
    };
    assert_eq!(message(&of(&[2, 3]), &of(&[4, 3]), &[0, 4]), "Target 4 is out of bounds.");
    assert_eq!(message(&of(&[2, 3]), &of(&[4, 3]), &[0, -1]), "Target -1 is out of bounds.");
    assert!(
        message(&of(&[2, 3]), &of(&[4, 5]), &[0, 1])
            .contains("mat1 and mat2 shapes cannot be multiplied (2x3 and 5x4)")
    );
    assert!(message(&of(&[2, 3]), &of(&[4, 3]), &[0]).contains("batch_size"), "one target for two examples");
}

/// The weight is saved for the backward pass.
#[test]
fn linear_cross_entropy_detects_an_overwritten_weight() {
    let x = Tensor::ones([2, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let mut weight = Tensor::ones([4, 3], (Kind::Float, Device::Cpu));
    let loss = linear_cross_entropy(&x, &weight, &Tensor::from_slice(&[0i64, 1]), None, Reduction::Mean).unwrap();
    let _ = weight.fill_(2.0);
    let error = torch_ext::autograd::backward(&loss).unwrap_err().to_string();
    assert!(error.contains("modified by an inplace operation"), "{error}");
}
