//! The optimizers, compared with `torch.optim` to the bit over 500 steps, with many options.

use tch::{Device, Kind, Tensor};
use torch_ext::Error;
use torch_ext::optim::{Adam, AdamOptions, AdamWOptions, Optimizer, RmsPropOptions, Rule, Sgd, SgdOptions};

use crate::support::{PRELUDE, bits, train_step, weights};

const PROGRAM: &str = r"
for line in sys.argv[1:]:
    p = [weights(37), weights(5)]
    optimizer = eval(line)
    for step in range(1, 501):
        train_step(optimizer, p)
        if step in (1, 10, 500): print(bits(p))
";

fn run<R: Rule>(options: R) -> Vec<String> {
    let params = [weights(37), weights(5)];
    let mut optimizer = Optimizer::new(&params, options).unwrap();
    let mut lines = Vec::new();
    for step in 1..=500 {
        train_step(&mut optimizer, &params);
        if [1, 10, 500].contains(&step) {
            lines.push(bits(&params));
        }
    }
    lines
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn five_hundred_steps_equal_pythons_to_the_bit() {
    tch::set_num_threads(1);
    let adam = |change: fn(&mut AdamOptions)| {
        let mut options = AdamOptions { lr: 0.01, ..AdamOptions::default() };
        change(&mut options);
        run(options)
    };
    let rms_prop = |change: fn(&mut RmsPropOptions)| {
        let mut options = RmsPropOptions::default();
        change(&mut options);
        run(options)
    };
    let sgd = |change: fn(&mut SgdOptions)| {
        let mut options = SgdOptions { lr: 0.01, ..SgdOptions::default() };
        change(&mut options);
        run(options)
    };
    let cases = [
        ("torch.optim.Adam(p, lr=0.01)", adam(|_| ())),
        ("torch.optim.Adam(p, lr=0.01, weight_decay=0.1)", adam(|o| o.weight_decay = 0.1)),
        (
            "torch.optim.Adam(p, lr=0.01, amsgrad=True, betas=(0.8, 0.99), eps=1e-4)",
            adam(|o| {
                (o.amsgrad, o.betas, o.eps) = (true, (0.8, 0.99), 1e-4);
            }),
        ),
        ("torch.optim.AdamW(p, lr=0.01)", adam(|o| (o.decoupled_weight_decay, o.weight_decay) = (true, 0.01))),
        ("torch.optim.AdamW(p, lr=0.01)", run(AdamWOptions { lr: 0.01, ..AdamWOptions::default() })),
        (
            "torch.optim.AdamW(p, lr=0.01, weight_decay=0.3, betas=(0.8, 0.99), amsgrad=True)",
            run(AdamWOptions {
                lr: 0.01,
                weight_decay: 0.3,
                betas: (0.8, 0.99),
                amsgrad: true,
                ..AdamWOptions::default()
            }),
        ),
        ("torch.optim.Adam(p, lr=0.01, maximize=True)", adam(|o| o.maximize = true)),
        ("torch.optim.Adam(p, lr=0.01, betas=(0.3, 0.99))", adam(|o| o.betas = (0.3, 0.99))),
        ("torch.optim.Adam(p, lr=0.01, fused=True)", adam(|o| o.fused = true)),
        (
            "torch.optim.Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True, fused=True)",
            adam(|o| (o.weight_decay, o.amsgrad, o.fused) = (0.1, true, true)),
        ),
        ("torch.optim.Adam(p, lr=0.01, maximize=True, fused=True)", adam(|o| (o.maximize, o.fused) = (true, true))),
        (
            "torch.optim.AdamW(p, lr=0.01, amsgrad=True, fused=True)",
            adam(|o| {
                (o.decoupled_weight_decay, o.weight_decay, o.amsgrad, o.fused) = (true, 0.01, true, true);
            }),
        ),
        ("torch.optim.SGD(p, lr=0.01)", sgd(|_| ())),
        ("torch.optim.SGD(p, lr=0.01, momentum=0.9, dampening=0.1)", sgd(|o| (o.momentum, o.dampening) = (0.9, 0.1))),
        (
            "torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1)",
            sgd(|o| {
                (o.momentum, o.nesterov, o.weight_decay) = (0.9, true, 0.1);
            }),
        ),
        ("torch.optim.RMSprop(p)", rms_prop(|_| ())),
        (
            "torch.optim.RMSprop(p, momentum=0.5, centered=True, weight_decay=0.1, alpha=0.9)",
            rms_prop(|o| (o.momentum, o.centered, o.weight_decay, o.alpha) = (0.5, true, 0.1, 0.9)),
        ),
    ];
    let lines: Vec<&str> = cases.iter().map(|(line, _)| *line).collect();
    let python = test_support::run_python(&format!("{PRELUDE}{PROGRAM}"), &lines);
    let ours: Vec<&String> = cases.iter().flat_map(|(_, lines)| lines).collect();
    assert_eq!(python.lines().count(), ours.len());
    for (i, (python, ours)) in python.lines().zip(ours).enumerate() {
        assert_eq!(ours, python, "{} after {} steps", cases[i / 3].0, [1, 10, 500][i % 3]);
    }
}

/// Sizes with and without a remainder for every vector length, and sizes near Adam's block (2040) and near those from which
/// libtorch uses several threads (2048 and 32768).
const SIZES: [i64; 30] = [
    1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 127, 128, 129, 300, 1000, 2039, 2040, 2041,
    2049, 5000, 40000,
];

/// Prints the bits of every parameter after four steps, on one thread and on two. The gradients are from 1e-30 to 1e9, and zeros
/// of both signs, subnormal numbers, infinity and NaN.
const SIZES_PROGRAM: &str = r"
sizes = [int(n) for n in sys.argv[1:]]
def numbers(n, seed):
    i = torch.arange(n, dtype=torch.float64) + 17 * seed
    return ((i * 0.7).sin() * 10 ** (39 * (i * 0.3).cos() ** 5 - 4).clamp(-30, 9)).float()
special = [0.0, -0.0, 1e-45, -1e-40, math.inf, -math.inf, math.nan, 3e38]
for threads in (1, 2):
    torch.set_num_threads(threads)
    p = [numbers(n, 0).requires_grad_() for n in sizes]
    optimizer = torch.optim.Adam(p, lr=0.01)
    for step in range(1, 5):
        for w in p:
            g = numbers(len(w), step)
            k = min(len(special), len(w) // 10)
            g[:k] = torch.tensor(special[:k])
            w.grad = g
        optimizer.step()
    for w in p: print(bits([w]))
";

fn numbers(n: i64, seed: i64) -> Tensor {
    let i = Tensor::arange(n, (Kind::Double, Device::Cpu)) + 17 * seed;
    let exponent = (((&i * 0.3).cos().pow_tensor_scalar(5) * 39) - 4).clamp(-30, 9);
    ((i * 0.7).sin() * Tensor::pow_scalar(10, &exponent)).to_kind(Kind::Float)
}

/// The same in Rust. Each gradient is that of `(w * grad).sum()`.
fn bits_of_sizes(threads: i32) -> Vec<String> {
    tch::set_num_threads(threads);
    let special = [0.0, -0.0, 1e-45, -1e-40, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 3e38];
    let params = SIZES.map(|n| numbers(n, 0).set_requires_grad(true));
    let mut optimizer = Adam::new(&params, AdamOptions { lr: 0.01, ..AdamOptions::default() }).unwrap();
    for step in 1..=4 {
        optimizer.zero_grad().unwrap();
        for (param, n) in params.iter().zip(SIZES) {
            let grad = numbers(n, step);
            let k = special.len().min(n as usize / 10);
            grad.narrow(0, 0, k as i64).copy_(&Tensor::from_slice(&special[..k]));
            (param * grad).sum(Kind::Float).backward();
        }
        optimizer.step().unwrap();
    }
    params.iter().map(|param| bits(std::slice::from_ref(param))).collect()
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn adam_equals_pythons_at_every_size() {
    let ours: Vec<String> = [1, 2].into_iter().flat_map(bits_of_sizes).collect();
    let sizes = SIZES.map(|n| n.to_string());
    let args = sizes.each_ref().map(String::as_str);
    let python = test_support::run_python(&format!("{PRELUDE}{SIZES_PROGRAM}"), &args);
    assert_eq!(python.lines().count(), ours.len());
    for (i, (ours, python)) in ours.iter().zip(python.lines()).enumerate() {
        let differing = ours.split(' ').zip(python.split(' ')).enumerate().find(|(_, (ours, python))| ours != python);
        assert_eq!(differing, None, "size {}, {} threads", SIZES[i % SIZES.len()], 1 + i / SIZES.len());
    }
}

/// The instruction sets round differently. A process chooses one when it starts.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn adam_equals_pythons_with_every_instruction_set() {
    for (variable, value) in [
        ("ATEN_CPU_CAPABILITY", "default"),
        ("ATEN_CPU_CAPABILITY", "avx2"),
        ("ATEN_CPU_CAPABILITY", "avx512"),
        ("MKL_ENABLE_INSTRUCTIONS", "SSE4_2"),
        ("MKL_ENABLE_INSTRUCTIONS", "AVX2"),
    ] {
        let test = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "optim::adam_equals_pytorch_at_every_size", "--include-ignored"])
            .env(variable, value)
            .output()
            .unwrap();
        assert!(test.status.success(), "{variable}={value}: {}", String::from_utf8_lossy(&test.stdout));
    }
}

#[test]
fn maximize_steps_in_the_other_direction() {
    // The first step is sign(grad) * lr.
    let w = Tensor::ones([2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let mut optimizer = Adam::new([&w], AdamOptions { lr: 0.1, maximize: true, ..AdamOptions::default() }).unwrap();
    (&w * 2).sum(Kind::Float).backward();
    optimizer.step().unwrap();
    assert!((w.double_value(&[0]) - 1.1).abs() < 4.0 * f64::from(f32::EPSILON)); // four operations
}

#[test]
fn a_parameter_without_a_gradient_does_not_change() {
    let w = Tensor::ones([2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let frozen = Tensor::ones([2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let mut optimizer = Adam::new([&w, &frozen], AdamOptions { weight_decay: 1.0, ..AdamOptions::default() }).unwrap();
    (&w * &w).sum(Kind::Float).backward();
    optimizer.step().unwrap();
    assert_eq!(Vec::<f32>::try_from(&frozen.detach()).unwrap(), [1.0, 1.0]);
    let states = optimizer.param_groups()[0].states();
    assert_eq!((states[0].as_ref().map(|s| s.step), states[1].is_none()), (Some(1), true));
    optimizer.zero_grad().unwrap();
    assert!(!w.grad().defined());
}

#[test]
fn adam_rejects_sparse_gradients_and_complex_parameters_as_torch_does() {
    for fused in [false, true] {
        // F.embedding(torch.tensor([1]), w, sparse=True).sum().backward(); optimizer.step()
        let w = Tensor::ones([4, 2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let mut optimizer = Adam::new([&w], AdamOptions { fused, ..AdamOptions::default() }).unwrap();
        Tensor::embedding(&w, &Tensor::from_slice(&[1i64]), -1, false, true).sum(Kind::Float).backward();
        let message = optimizer.step().unwrap_err().to_string();
        assert_eq!(message, "Adam does not support sparse gradients, please consider SparseAdam instead");
    }
    let w = Tensor::ones([2], (Kind::ComplexFloat, Device::Cpu)).set_requires_grad(true);
    let mut optimizer = Adam::new([&w], AdamOptions { fused: true, ..AdamOptions::default() }).unwrap();
    w.abs().sum(Kind::Float).backward();
    let message = optimizer.step().unwrap_err().to_string();
    assert!(message.starts_with("`fused=True` requires all the params to be floating point Tensors of"), "{message}");
}

/// `(w * w).sum()` saves w for the backward pass, and Adam's step changes it in place.
#[test]
fn autograd_detects_a_step_between_forward_and_backward() {
    for fused in [false, true] {
        let w = weights(5);
        let mut optimizer = Adam::new([&w], AdamOptions { fused, ..AdamOptions::default() }).unwrap();
        (0..2).for_each(|_| train_step(&mut optimizer, std::slice::from_ref(&w)));
        let loss = (&w * &w).sum(Kind::Float);
        optimizer.step().unwrap();
        let message = loss.f_backward().unwrap_err().to_string();
        assert!(message.contains("has been modified by an inplace operation"), "{message}");
    }
}

#[test]
fn each_group_has_its_own_options() {
    let param = || Tensor::ones([1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let (a, b) = (param(), param());
    let mut optimizer = Sgd::new([&a], SgdOptions { lr: 0.5, ..SgdOptions::default() }).unwrap();
    optimizer.add_param_group([&b], SgdOptions { lr: 0.25, ..SgdOptions::default() }).unwrap();
    (&a + &b).backward();
    optimizer.step().unwrap();
    assert_eq!((a.double_value(&[0]), b.double_value(&[0])), (0.5, 0.75));
    optimizer.param_groups_mut()[0].options.lr = 0.0;
    optimizer.step().unwrap();
    assert_eq!((a.double_value(&[0]), b.double_value(&[0])), (0.5, 0.5));
    let message = optimizer.add_param_group([&a], SgdOptions::default()).unwrap_err().to_string();
    assert_eq!(message, "some parameters appear in more than one parameter group");
}

#[test]
fn invalid_options_are_rejected_in_torchs_words() {
    let w = Tensor::ones([1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let adam = |change: fn(&mut AdamOptions)| {
        let mut options = AdamOptions::default();
        change(&mut options);
        Adam::new([&w], options).unwrap_err().to_string()
    };
    assert_eq!(adam(|o| o.lr = -1.0), "Invalid learning rate: -1.0");
    assert_eq!(adam(|o| o.lr = f64::NAN), "Invalid learning rate: NaN");
    assert_eq!(adam(|o| o.eps = -1.0), "Invalid epsilon value: -1.0");
    assert_eq!(adam(|o| o.betas.0 = 1.0), "Invalid beta parameter at index 0: 1.0");
    assert_eq!(adam(|o| o.betas.1 = -0.5), "Invalid beta parameter at index 1: -0.5");
    assert_eq!(adam(|o| o.weight_decay = -1.0), "Invalid weight_decay value: -1.0");
    let nesterov = Sgd::new([&w], SgdOptions { nesterov: true, ..SgdOptions::default() }).unwrap_err();
    assert_eq!(nesterov.to_string(), "Nesterov momentum requires a momentum and zero dampening");
    let computed = &w * 2;
    let non_leaf = Sgd::new([&computed], SgdOptions::default()).unwrap_err();
    assert_eq!(non_leaf, Error::InvalidArgument("can't optimize a non-leaf Tensor".to_owned()));
    let none = Sgd::new(Vec::<Tensor>::new(), SgdOptions::default()).unwrap_err();
    assert_eq!(none.to_string(), "optimizer got an empty parameter list");
}
