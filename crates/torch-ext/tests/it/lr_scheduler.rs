//! The schedulers, compared with Python's: every learning rate to the bit, and states that both sides load.

use pt_file::Value;
use torch_ext::optim::{
    CosineAnnealing, CosineAnnealingLr, Exponential, ExponentialLr, PlateauMode, PlateauOptions, ReduceLrOnPlateau,
    Sgd, SgdOptions, StepDecay, StepLr, ThresholdMode,
};

use crate::support::{PRELUDE, weights};

/// Prints the bits of the learning rate after each of 40 steps. After 20 steps, checks that FOLDER/rust-N.pt, the state from
/// Rust, has the same value, and saves the state in FOLDER/python-N.pt.
const PROGRAM: &str = r"
sgd = lambda: torch.optim.SGD([weights(3)], lr=0.5)
S = torch.optim.lr_scheduler
metric = lambda epoch: 10.0 if epoch % 7 else 1.0 / (1 + epoch)
cases = [
    (lambda o: S.StepLR(o, 3, 0.7), False),
    (lambda o: S.ExponentialLR(o, 0.9), False),
    (lambda o: S.CosineAnnealingLR(o, 10, 0.01), False),
    (lambda o: S.ReduceLROnPlateau(o, patience=2, cooldown=1, factor=0.3), True),
    (lambda o: S.ReduceLROnPlateau(o, 'max', patience=1, threshold=0.2, threshold_mode='abs', min_lr=0.01), True),
]
for n, (make, wants_metric) in enumerate(cases):
    optimizer = sgd()
    scheduler = make(optimizer)
    for epoch in range(1, 41):
        optimizer.step()
        scheduler.step(metric(epoch)) if wants_metric else scheduler.step()
        print(struct.pack('>d', optimizer.param_groups[0]['lr']).hex())
        if epoch == 20:
            state = scheduler.state_dict()
            rust = torch.load(f'{sys.argv[1]}/rust-{n}.pt', weights_only=True)
            assert repr(rust) == repr(state), f'{n}: {rust} is not {state}'
            torch.save(state, f'{sys.argv[1]}/python-{n}.pt')
";

fn metric(epoch: u32) -> f64 {
    if epoch.is_multiple_of(7) { 1.0 / f64::from(1 + epoch) } else { 10.0 }
}

/// The scheduler's step at the end of an epoch.
type Step = Box<dyn FnMut(&mut Sgd, u32)>;

/// A schedule and its optimizer.
struct Case {
    optimizer: Sgd,
    step: Step,
    save: Box<dyn Fn() -> Value>,
}

macro_rules! case {
    ($make:expr, |$scheduler:ident, $optimizer:ident, $epoch:ident| $step:expr, $from:expr) => {{
        let mut optimizer = Sgd::new([weights(3)], SgdOptions { lr: 0.5, ..SgdOptions::default() }).unwrap();
        let mut scheduler = $make(&mut optimizer).unwrap();
        if let Some((state, lr)) = $from {
            scheduler.load_state_dict(state).unwrap();
            optimizer.param_groups_mut()[0].options.lr = lr;
        }
        let scheduler = std::rc::Rc::new(std::cell::RefCell::new(scheduler));
        let saved = std::rc::Rc::clone(&scheduler);
        Case {
            optimizer,
            step: Box::new(move |$optimizer, $epoch| {
                let mut $scheduler = scheduler.borrow_mut();
                $step;
            }),
            save: Box::new(move || saved.borrow().state_dict()),
        }
    }};
}

/// The cases of the Python program, from the start or from a saved state and learning rate.
fn case(n: usize, from: Option<(&Value, f64)>) -> Case {
    let min = PlateauOptions { patience: 2, cooldown: 1, factor: 0.3, ..PlateauOptions::default() };
    let max = PlateauOptions {
        mode: PlateauMode::Max,
        patience: 1,
        threshold: 0.2,
        threshold_mode: ThresholdMode::Abs,
        min_lr: 0.01,
        ..PlateauOptions::default()
    };
    match n {
        0 => case!(|o| StepLr::new(o, StepDecay { step_size: 3, gamma: 0.7 }), |s, o, _epoch| s.step(o), from),
        1 => case!(|o| ExponentialLr::new(o, Exponential { gamma: 0.9 }), |s, o, _epoch| s.step(o), from),
        2 => case!(
            |o| CosineAnnealingLr::new(o, CosineAnnealing { t_max: 10, eta_min: 0.01 }),
            |s, o, _epoch| s.step(o),
            from
        ),
        3 => case!(|o| ReduceLrOnPlateau::new(o, min), |s, o, epoch| s.step(o, metric(epoch)), from),
        _ => case!(|o| ReduceLrOnPlateau::new(o, max), |s, o, epoch| s.step(o, metric(epoch)), from),
    }
}

const CASES: usize = 5;

fn run(case: &mut Case, epochs: std::ops::RangeInclusive<u32>) -> Vec<f64> {
    epochs
        .map(|epoch| {
            (case.step)(&mut case.optimizer, epoch);
            case.optimizer.param_groups()[0].options.lr
        })
        .collect()
}

fn hex(lrs: &[f64]) -> Vec<String> {
    lrs.iter().map(|lr| format!("{:016x}", lr.to_bits())).collect()
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn schedules_and_their_states_equal_pythons() {
    let folder = tempfile::tempdir().unwrap();
    let mut ours = Vec::new();
    for n in 0..CASES {
        let mut case = case(n, None);
        let mut lrs = run(&mut case, 1..=20);
        pt_file::save_file(folder.path().join(format!("rust-{n}.pt")), &(case.save)()).unwrap();
        lrs.extend(run(&mut case, 21..=40));
        ours.push(lrs);
    }
    let program = format!("{PRELUDE}{PROGRAM}");
    let python = test_support::run_python(&program, &[folder.path().to_str().unwrap()]);
    let python: Vec<&str> = python.lines().collect();
    for (n, lrs) in ours.iter().enumerate() {
        assert_eq!(hex(lrs), python[40 * n..40 * (n + 1)], "schedule {n}");
        let state = pt_file::load_file(folder.path().join(format!("python-{n}.pt"))).unwrap();
        let resumed = run(&mut case(n, Some((&state, lrs[19]))), 21..=40);
        assert_eq!(hex(&resumed), hex(&lrs[20..]), "schedule {n}, resumed");
    }
}

#[test]
fn invalid_options_and_states_are_rejected() {
    let mut optimizer = Sgd::new([weights(3)], SgdOptions::default()).unwrap();
    let error = StepLr::new(&mut optimizer, StepDecay { step_size: 0, gamma: 0.1 }).unwrap_err();
    assert_eq!(error.to_string(), "step_size must be at least 1, got 0");
    let factor = PlateauOptions { factor: 1.0, ..PlateauOptions::default() };
    assert_eq!(ReduceLrOnPlateau::new(&mut optimizer, factor).unwrap_err().to_string(), "Factor should be < 1.0.");
    let mut scheduler = ExponentialLr::new(&mut optimizer, Exponential { gamma: 0.5 }).unwrap();
    let before = scheduler.clone();
    let other = StepLr::new(&mut optimizer, StepDecay { step_size: 2, gamma: 0.1 }).unwrap().state_dict();
    let mut plateau = ReduceLrOnPlateau::new(&mut optimizer, PlateauOptions::default()).unwrap();
    assert_eq!(plateau.load_state_dict(&other).unwrap_err().to_string(), "the scheduler's state has no \"min_lrs\"");
    assert!(scheduler.load_state_dict(&Value::Int(3)).is_err());
    assert_eq!(scheduler, before);
}
