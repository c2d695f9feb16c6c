//! The schedules over a product of their options, compared with Python's: every learning rate and momentum to the bit, and
//! states of scheduler and optimizer that both sides resume from.

use std::path::Path;

use pt_file::Value;
use torch_ext::optim::{
    AdamOptions, AdamWOptions, AnnealStrategy, Constant, ConstantLr, CosineAnnealing, CosineAnnealingLr,
    CosineAnnealingWarmRestarts, Exponential, ExponentialLr, HasStateDict, Lambda, LambdaLr, Linear, LinearLr,
    LrScheduler, MultiStep, MultiStepLr, OneCycleLr, OneCycleOptions, Optimizer, PerGroup, RmsPropOptions, Rule,
    Schedule, SequentialLr, SequentialPart, SgdOptions, StepDecay, StepLr, WarmRestarts,
};

use crate::support::{PRELUDE, weights};

/// For each line, prints the bits of learning rate and momentum of both groups at the start and after each of 24 steps.
/// After 12 steps, checks the state from Rust, FOLDER/rust-N.pt, resumes from it, and saves FOLDER/python-N.pt.
const PROGRAM: &str = r"
import warnings
warnings.simplefilter('ignore')
S = torch.optim.lr_scheduler
def make(line):
    kind, options, scheduler = line.split('|')
    groups = [{'params': [weights(3)], 'lr': 0.5}, {'params': [weights(2)], 'lr': 0.2}]
    o = eval(f'torch.optim.{kind}(groups, {options})')
    return o, eval(scheduler, {'o': o, 'S': S})
def values(o):
    numbers = [(g['lr'], g['betas'][0] if 'betas' in g else g['momentum']) for g in o.param_groups]
    return ' '.join(struct.pack('>d', float(v)).hex() for pair in numbers for v in pair)
def steps(o, s, n):
    lines = []
    for _ in range(n):
        o.step(); s.step()
        lines.append(values(o))
    return lines
folder = sys.argv[1]
for n, line in enumerate(open(f'{folder}/lines.txt').read().splitlines()):
    o, s = make(line)
    lines = [values(o)] + steps(o, s, 12)
    rust = torch.load(f'{folder}/rust-{n}.pt', weights_only=True)
    ours = {'scheduler': s.state_dict(), 'optimizer': o.state_dict()}
    assert rust == ours, f'{line}\n{rust}\nis not\n{ours}'
    torch.save(ours, f'{folder}/python-{n}.pt')
    lines += steps(o, s, 12)
    o, s = make(line)
    o.load_state_dict(rust['optimizer'])
    s.load_state_dict(rust['scheduler'])
    resumed = steps(o, s, 12)
    assert resumed == lines[13:], f'{line}: resumed from Rust'
    print('\n'.join(lines))
";

/// The bits of every step.
type Lines = Vec<String>;

/// A schedule in both languages.
struct Case {
    line: String,
    /// Runs all 24 steps and saves the states after 12 of them.
    run: Box<dyn Fn(&Path) -> Lines>,
    /// Runs the last 12 steps from saved states.
    resume: Box<dyn Fn(&Value) -> Lines>,
}

fn optimizer<R: Rule>(options: &R) -> Optimizer<R> {
    let group = |lr: f64| {
        let mut options = options.clone();
        *options.lr_mut() = lr;
        options
    };
    let mut optimizer = Optimizer::new([weights(3)], group(0.5)).unwrap();
    optimizer.add_param_group([weights(2)], group(0.2)).unwrap();
    optimizer
}

fn values<R: Rule>(optimizer: &Optimizer<R>) -> String {
    let bits = |value: f64| format!("{:016x}", value.to_bits());
    let groups = optimizer.param_groups().iter().map(|group| {
        let mut options = group.options.clone();
        let momentum = *options.momentum_mut().unwrap();
        format!("{} {}", bits(*options.lr_mut()), bits(momentum))
    });
    groups.collect::<Vec<_>>().join(" ")
}

type StepFn<R, S> = fn(&mut S, &mut Optimizer<R>);

fn case<R: Rule + 'static, S: HasStateDict + 'static>(
    python: &str,
    options: R,
    make: impl Fn(&mut Optimizer<R>) -> S + Clone + 'static,
    step: StepFn<R, S>,
) -> Case {
    let steps = move |optimizer: &mut Optimizer<R>, scheduler: &mut S| -> Lines {
        let one = |_| {
            optimizer.step().unwrap();
            step(scheduler, optimizer);
            values(optimizer)
        };
        (0..12).map(one).collect()
    };
    let (run_options, run_make) = (options.clone(), make.clone());
    let run = move |file: &Path| {
        let mut optimizer = optimizer(&run_options);
        let mut scheduler = run_make(&mut optimizer);
        let mut lines = vec![values(&optimizer)];
        lines.extend(steps(&mut optimizer, &mut scheduler));
        let states = [
            ("scheduler", HasStateDict::state_dict(&scheduler).unwrap()),
            ("optimizer", optimizer.state_dict().unwrap()),
        ];
        pt_file::save_file(file, &Value::dict(states)).unwrap();
        lines.extend(steps(&mut optimizer, &mut scheduler));
        lines
    };
    let resume = move |saved: &Value| {
        let mut optimizer = optimizer(&options);
        let mut scheduler = make(&mut optimizer);
        optimizer.load_state_dict(saved.get("optimizer").unwrap()).unwrap();
        HasStateDict::load_state_dict(&mut scheduler, saved.get("scheduler").unwrap()).unwrap();
        steps(&mut optimizer, &mut scheduler)
    };
    Case { line: python.to_owned(), run: Box::new(run), resume: Box::new(resume) }
}

fn sgd() -> SgdOptions {
    SgdOptions { momentum: 0.9, ..SgdOptions::default() }
}

/// A case of a schedule that depends on the epoch alone.
fn simple<S: Schedule + 'static>(python: &str, schedule: S) -> Case {
    let make = move |o: &mut Optimizer<SgdOptions>| LrScheduler::new(o, schedule.clone()).unwrap();
    case(&format!("SGD|momentum=0.9|{python}"), sgd(), make, |s, o| s.step(o))
}

fn one_cycle<R: Rule + 'static>(python: &str, optimizer: R, options: OneCycleOptions) -> Case {
    let make = move |o: &mut Optimizer<R>| OneCycleLr::new(o, options.clone()).unwrap();
    case(python, optimizer, make, |s, o| s.step(o).unwrap())
}

fn simple_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for start_factor in [1.0 / 3.0, 1.0, 0.1] {
        for end_factor in [1.0, 0.55, 0.0] {
            for total_iters in [0, 1, 5, 17] {
                let python = format!("S.LinearLR(o, {start_factor:?}, {end_factor:?}, {total_iters})");
                cases.push(simple(&python, Linear { start_factor, end_factor, total_iters }));
            }
        }
    }
    for factor in [1.0 / 3.0, 1.0, 0.7] {
        for total_iters in [0, 4, 20, 30] {
            let python = format!("S.ConstantLR(o, {factor:?}, {total_iters})");
            cases.push(simple(&python, Constant { factor, total_iters }));
        }
    }
    for milestones in [vec![3, 7, 15], vec![2, 2, 2, 19], vec![0, 5], vec![]] {
        for gamma in [0.1, 0.7] {
            let python = format!("S.MultiStepLR(o, {milestones:?}, {gamma:?})");
            cases.push(simple(&python, MultiStep { milestones: milestones.clone(), gamma }));
        }
    }
    for t_0 in [1, 5, 7] {
        for t_mult in [1, 2, 3] {
            for eta_min in [0.0, 0.01] {
                let python = format!("S.CosineAnnealingWarmRestarts(o, {t_0}, {t_mult}, {eta_min:?})");
                cases.push(simple(&python, WarmRestarts { t_0, t_mult, eta_min }));
            }
        }
    }
    let each: fn() -> Lambda = || {
        Lambda::for_each_group(vec![
            Box::new(|epoch| 0.95f64.powf(epoch as f64)),
            Box::new(|epoch| (epoch + 1).min(5) as f64 / 5.0),
        ])
    };
    cases.push(simple("S.LambdaLR(o, [lambda e: 0.95 ** e, lambda e: min(e + 1, 5) / 5])", each()));
    cases
}

/// The schedules as parts of a sequence.
const PARTS: [&str; 8] = [
    "S.LinearLR(o, 0.25, total_iters=6)",
    "S.ConstantLR(o, 0.3, 4)",
    "S.ExponentialLR(o, 0.9)",
    "S.StepLR(o, 3, 0.7)",
    "S.MultiStepLR(o, [0, 2, 6], 0.3)",
    "S.CosineAnnealingLR(o, 7, 0.01)",
    "S.CosineAnnealingWarmRestarts(o, 4, 2)",
    "S.LambdaLR(o, [lambda e: 1 / (e + 1)] * 2)",
];

fn part(n: usize, o: &mut Optimizer<SgdOptions>) -> Box<dyn SequentialPart> {
    let milestones = vec![0, 2, 6];
    let factor = || -> Box<dyn Fn(i64) -> f64 + Send + Sync> { Box::new(|epoch| 1.0 / (epoch + 1) as f64) };
    match n {
        0 => Box::new(LinearLr::new(o, Linear { start_factor: 0.25, end_factor: 1.0, total_iters: 6 }).unwrap()),
        1 => Box::new(ConstantLr::new(o, Constant { factor: 0.3, total_iters: 4 }).unwrap()),
        2 => Box::new(ExponentialLr::new(o, Exponential { gamma: 0.9 }).unwrap()),
        3 => Box::new(StepLr::new(o, StepDecay { step_size: 3, gamma: 0.7 }).unwrap()),
        4 => Box::new(MultiStepLr::new(o, MultiStep { milestones, gamma: 0.3 }).unwrap()),
        5 => Box::new(CosineAnnealingLr::new(o, CosineAnnealing { t_max: 7, eta_min: 0.01 }).unwrap()),
        6 => Box::new(CosineAnnealingWarmRestarts::new(o, WarmRestarts { t_0: 4, t_mult: 2, eta_min: 0.0 }).unwrap()),
        _ => Box::new(LambdaLr::new(o, Lambda::for_each_group(vec![factor(), factor()])).unwrap()),
    }
}

fn sequences() -> Vec<Case> {
    let mut lists: Vec<(Vec<usize>, Vec<i64>)> = vec![(vec![0, 5, 2], vec![5, 11]), (vec![1], vec![])];
    for first in 0..PARTS.len() {
        for second in 0..PARTS.len() {
            lists.extend([0, 1, 5].map(|milestone| (vec![first, second], vec![milestone])));
        }
    }
    let sequence = |(parts, milestones): (Vec<usize>, Vec<i64>)| {
        let python = parts.iter().map(|part| PARTS[*part]).collect::<Vec<_>>().join(", ");
        let python = format!("SGD|momentum=0.9|S.SequentialLR(o, [{python}], {milestones:?})");
        let make = move |o: &mut Optimizer<SgdOptions>| {
            let parts = parts.iter().map(|n| part(*n, o)).collect();
            SequentialLr::new(o, parts, milestones.clone()).unwrap()
        };
        case(&python, sgd(), make, |s, o| s.step(o))
    };
    lists.into_iter().map(sequence).collect()
}

fn one_cycles() -> Vec<Case> {
    let mut options = Vec::new();
    let lengths = [("total_steps=25", Some(25), None, None), ("epochs=5, steps_per_epoch=6", None, Some(5), Some(6))];
    for (length, total_steps, epochs, steps_per_epoch) in lengths {
        for pct_start in [0.0, 0.3, 0.45] {
            for (anneal, anneal_strategy) in [("cos", AnnealStrategy::Cos), ("linear", AnnealStrategy::Linear)] {
                for (three, three_phase) in [("False", false), ("True", true)] {
                    for (cycle, cycle_momentum) in [("False", false), ("True", true)] {
                        for (div_factor, final_div_factor) in [(25.0, 1e4), (10.0, 7.0)] {
                            let python = format!(
                                "{length}, pct_start={pct_start:?}, anneal_strategy='{anneal}', three_phase={three}, \
                                 cycle_momentum={cycle}, div_factor={div_factor:?}, final_div_factor={final_div_factor:?}"
                            );
                            let new = OneCycleOptions {
                                total_steps,
                                epochs,
                                steps_per_epoch,
                                pct_start,
                                anneal_strategy,
                                three_phase,
                                cycle_momentum,
                                div_factor,
                                final_div_factor,
                                ..OneCycleOptions::new(0.1)
                            };
                            options.push((python, new));
                        }
                    }
                }
            }
        }
    }
    let mut cases = Vec::new();
    for (python, options) in options {
        let all = format!("S.OneCycleLR(o, 0.1, {python})");
        let each = format!("S.OneCycleLR(o, [0.3, 0.7], {python}, base_momentum=[0.8, 0.7], max_momentum=[0.9, 0.99])");
        let lists = OneCycleOptions {
            max_lr: vec![0.3, 0.7].into(),
            base_momentum: vec![0.8, 0.7].into(),
            max_momentum: PerGroup::Each(vec![0.9, 0.99]),
            ..options.clone()
        };
        cases.push(one_cycle(&format!("SGD|momentum=0.9|{all}"), sgd(), options.clone()));
        cases.push(one_cycle(&format!("Adam||{each}"), AdamOptions::default(), lists.clone()));
        cases.push(one_cycle(&format!("AdamW||{all}"), AdamWOptions::default(), options));
        cases.push(one_cycle(&format!("RMSprop||{each}"), RmsPropOptions::default(), lists));
    }
    cases
}

/// Compares all cases with one Python process.
fn compare(cases: &[Case]) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, n: usize| folder.path().join(format!("{name}-{n}.pt"));
    let ours: Vec<Lines> = cases.iter().enumerate().map(|(n, case)| (case.run)(&file("rust", n))).collect();
    let lines: Vec<&str> = cases.iter().map(|case| case.line.as_str()).collect();
    std::fs::write(folder.path().join("lines.txt"), lines.join("\n")).unwrap();
    let python = test_support::run_python(&format!("{PRELUDE}{PROGRAM}"), &[folder.path().to_str().unwrap()]);
    let python: Vec<&str> = python.lines().collect();
    assert_eq!(python.len(), 25 * cases.len());
    for (n, (case, lines)) in cases.iter().zip(&ours).enumerate() {
        assert_eq!(*lines, python[25 * n..25 * (n + 1)], "{}", case.line);
        let resumed = (case.resume)(&pt_file::load_file(file("python", n)).unwrap());
        assert_eq!(resumed, lines[13..], "{}: resumed from Python", case.line);
    }
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn schedules_of_the_epoch_equal_pythons() {
    compare(&simple_cases());
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn sequences_of_schedules_equal_pythons() {
    compare(&sequences());
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn one_cycle_equals_pythons() {
    compare(&one_cycles());
}

/// Without Python: a run that is resumed from its own state equals one that is not interrupted.
#[test]
fn every_schedule_resumes_from_its_own_state() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.pt");
    for case in simple_cases().into_iter().chain(sequences()).chain(one_cycles()) {
        let lines = (case.run)(&file);
        assert_eq!((case.resume)(&pt_file::load_file(&file).unwrap()), lines[13..], "{}", case.line);
    }
}
