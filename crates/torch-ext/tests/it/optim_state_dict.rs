//! Optimizer states to and from Python: each side resumes from the other's state, to the bit.

use std::path::Path;

use pt_file::Value;
use tch::Tensor;
use torch_ext::convert;
use torch_ext::optim::{Adam, AdamOptions, AdamWOptions, Optimizer, RmsPropOptions, Rule, Sgd, SgdOptions};

use crate::support::{PRELUDE, bits, train_step, weights};

/// `make FOLDER LINE..` trains 20 steps with each optimizer, saves parameters and state as FOLDER/python-N.pt, trains 20 more
/// steps and prints the bits. `check FOLDER LINE..` checks that FOLDER/again-N.pt equals the saved state, including types and
/// order. Then it resumes from FOLDER/rust-N.pt, trains 20 steps and prints the bits.
const PROGRAM: &str = r"
def same(a, b):
    if isinstance(a, torch.Tensor): return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict): return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)): return type(a) == type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) == type(b) and a == b
what, folder, *lines = sys.argv[1:]
for n, line in enumerate(lines):
    p = [weights(37), weights(5)]
    optimizer = eval(line)
    if what == 'make':
        for _ in range(20): train_step(optimizer, p)
        torch.save({'params': [w.detach() for w in p], 'optimizer': optimizer.state_dict()}, f'{folder}/python-{n}.pt')
    else:
        ours, again = (torch.load(f'{folder}/{name}-{n}.pt', weights_only=True) for name in ('python', 'again'))
        assert same(ours['optimizer'], again), f'{line}: {again}'
        checkpoint = torch.load(f'{folder}/rust-{n}.pt', weights_only=True)
        assert same(ours['optimizer'], checkpoint['optimizer']), f'{line}: {checkpoint}'
        with torch.no_grad(): [w.copy_(saved) for w, saved in zip(p, checkpoint['params'])]
        optimizer.load_state_dict(checkpoint['optimizer'])
    for _ in range(20): train_step(optimizer, p)
    print(bits(p))
";

const LINES: [&str; 9] = [
    "torch.optim.Adam(p, lr=0.01)",
    "torch.optim.Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True, betas=(0.8, 0.99))",
    "torch.optim.AdamW(p, lr=0.01)",
    "torch.optim.SGD(p, lr=0.01)",
    "torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True)",
    "torch.optim.RMSprop(p)",
    "torch.optim.RMSprop(p, momentum=0.5, centered=True)",
    "torch.optim.Adam(p, lr=0.01, fused=True)",
    "torch.optim.AdamW(p, lr=0.01, amsgrad=True, fused=True)",
];

/// The bits after 40 steps, and those after 20 steps from Python's state. The files are those of the Python program.
fn train_and_resume<R: Rule>(n: usize, folder: &Path, options: R) -> [String; 2] {
    let file = |name: &str| folder.join(format!("{name}-{n}.pt"));
    let steps = |optimizer: &mut Optimizer<R>, params: &[Tensor]| (0..20).for_each(|_| train_step(optimizer, params));

    let params = [weights(37), weights(5)];
    let mut optimizer = Optimizer::new(&params, options.clone()).unwrap();
    steps(&mut optimizer, &params);
    let saved: Vec<_> = params.iter().map(|param| convert::to_pt_file(&param.detach()).unwrap()).collect();
    let checkpoint = Value::dict([("params", saved.into()), ("optimizer", optimizer.state_dict().unwrap())]);
    pt_file::save_file(file("rust"), &checkpoint).unwrap();
    steps(&mut optimizer, &params);
    let whole = bits(&params);

    let checkpoint = pt_file::load_file(file("python")).unwrap();
    let saved = checkpoint.get("params").and_then(Value::as_slice).unwrap();
    let params: Vec<Tensor> = saved
        .iter()
        .map(|param| convert::from_pt_file(param.as_tensor().unwrap()).unwrap().set_requires_grad(true))
        .collect();
    let mut optimizer = Optimizer::new(&params, options).unwrap();
    optimizer.load_state_dict(checkpoint.get("optimizer").unwrap()).unwrap();
    pt_file::save_file(file("again"), &optimizer.state_dict().unwrap()).unwrap();
    steps(&mut optimizer, &params);
    [whole, bits(&params)]
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn rust_and_python_resume_from_each_others_state() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let args = |what| [&[what, folder.path().to_str().unwrap()], &LINES[..]].concat();
    let program = format!("{PRELUDE}{PROGRAM}");
    let made = test_support::run_python(&program, &args("make"));

    let adam = AdamOptions { lr: 0.01, ..AdamOptions::default() };
    let decayed = AdamOptions { weight_decay: 0.1, amsgrad: true, betas: (0.8, 0.99), ..adam.clone() };
    let adam_w = AdamWOptions { lr: 0.01, ..AdamWOptions::default() };
    let sgd = SgdOptions { lr: 0.01, ..SgdOptions::default() };
    let nesterov = SgdOptions { momentum: 0.9, nesterov: true, ..sgd.clone() };
    let rms_prop = RmsPropOptions::default();
    let centered = RmsPropOptions { momentum: 0.5, centered: true, ..rms_prop.clone() };
    let ours = [
        train_and_resume(0, folder.path(), adam.clone()),
        train_and_resume(1, folder.path(), decayed),
        train_and_resume(2, folder.path(), adam_w.clone()),
        train_and_resume(3, folder.path(), sgd),
        train_and_resume(4, folder.path(), nesterov),
        train_and_resume(5, folder.path(), rms_prop),
        train_and_resume(6, folder.path(), centered),
        train_and_resume(7, folder.path(), AdamOptions { fused: true, ..adam }),
        train_and_resume(8, folder.path(), AdamWOptions { fused: true, amsgrad: true, ..adam_w }),
    ];
    let checked = test_support::run_python(&program, &args("check"));
    for (n, python) in made.lines().enumerate() {
        assert_eq!(ours[n][0], python, "{}: Rust alone", LINES[n]);
        assert_eq!(ours[n][1], python, "{}: Rust from Python's state", LINES[n]);
        assert_eq!(checked.lines().nth(n), Some(python), "{}: Python from Rust's state", LINES[n]);
    }
}

/// Ten steps without `fused`, ten with it, and ten without it. Each part loads the state of the part before.
const SWITCHED: &str = r"
p = [weights(37), weights(5)]
state = None
for fused in (None, True, False):
    optimizer = torch.optim.Adam(p, lr=0.01)
    if state: optimizer.load_state_dict(state)
    optimizer.param_groups[0]['fused'] = fused
    for _ in range(10): train_step(optimizer, p)
    state = optimizer.state_dict()
    print(bits(p))
";

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn python_loads_a_state_with_and_without_fused() {
    let params = [weights(37), weights(5)];
    let mut state = None;
    let mut ours = Vec::new();
    for fused in [false, true, false] {
        let mut optimizer = Adam::new(&params, AdamOptions { lr: 0.01, ..AdamOptions::default() }).unwrap();
        if let Some(state) = &state {
            optimizer.load_state_dict(state).unwrap();
        }
        optimizer.param_groups_mut()[0].options.fused = fused;
        (0..10).for_each(|_| train_step(&mut optimizer, &params));
        let saved = optimizer.state_dict().unwrap();
        let group = &saved.get("param_groups").unwrap().as_slice().unwrap()[0];
        assert_eq!(group.get("fused").and_then(Value::as_bool).unwrap_or(false), fused);
        state = Some(saved);
        ours.push(bits(&params));
    }
    let python = test_support::run_python(&format!("{PRELUDE}{SWITCHED}"), &[]);
    assert_eq!(ours, python.lines().collect::<Vec<_>>());
}

fn adam() -> Adam {
    let params = [weights(37), weights(5)];
    let mut optimizer = Adam::new(&params, AdamOptions::default()).unwrap();
    train_step(&mut optimizer, &params);
    optimizer
}

#[test]
fn a_state_that_does_not_fit_is_rejected_and_changes_nothing() {
    let state = adam().state_dict().unwrap();
    let message = |optimizer: &mut Adam, state: &Value| optimizer.load_state_dict(state).unwrap_err().to_string();

    let mut one = Adam::new([weights(37)], AdamOptions::default()).unwrap();
    assert_eq!(
        message(&mut one, &state),
        "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
    );
    one.add_param_group([weights(5)], AdamOptions::default()).unwrap();
    assert_eq!(message(&mut one, &state), "loaded state dict has a different number of parameter groups");

    let mut other_shape = Adam::new([weights(37), weights(6)], AdamOptions { lr: 0.5, ..Default::default() }).unwrap();
    assert_eq!(
        message(&mut other_shape, &state),
        "state[1][\"exp_avg\"] has shape [5], but parameter 1 has shape [6]: the model has other sizes than the saved one, or its \
         parameters are in another order (tch registers a bias before its weight); make the optimizer with \
         from_named(torch_ext::nn::named_parameters(&vs), options), which has Python's order"
    );
    assert_eq!(other_shape.param_groups()[0].options.lr, 0.5);
    assert!(other_shape.param_groups()[0].states().iter().all(Option::is_none));

    assert_eq!(message(&mut adam(), &Value::dict([("state", 3)])), "\"state\" is a int");
    assert_eq!(message(&mut adam(), &Value::None), "the optimizer's state has no \"state\"");
    let mut sgd = Sgd::new([weights(37), weights(5)], SgdOptions::default()).unwrap();
    assert_eq!(sgd.load_state_dict(&state).unwrap_err().to_string(), "param_groups[0] has no \"momentum\"");
}

#[test]
fn changed_options_are_saved_and_unknown_ones_are_kept() {
    let mut optimizer = adam();
    let mut state = optimizer.state_dict().unwrap();
    if let Value::Dict(state) = &mut state {
        let mut group = state.get("param_groups").unwrap().as_slice().unwrap()[0].as_dict().unwrap().clone();
        group.insert("fused", true);
        group.insert("new_in_a_later_torch", "kept");
        state.insert("param_groups", vec![Value::Dict(group)]);
    }
    optimizer.load_state_dict(&state).unwrap();
    optimizer.param_groups_mut()[0].options.lr = 0.25;
    let saved = optimizer.state_dict().unwrap();
    let group = &saved.get("param_groups").unwrap().as_slice().unwrap()[0];
    assert_eq!(group.get("lr").and_then(Value::as_float), Some(0.25));
    assert_eq!(group.get("fused").and_then(Value::as_bool), Some(true));
    assert_eq!(group.get("new_in_a_later_torch").and_then(Value::as_str), Some("kept"));
}
