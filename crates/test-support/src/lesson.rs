//! What the tests of every lesson ask of `--device cuda`.

use std::path::Path;
use std::process::Output;

use crate::backend::{losses, train};
use tch::Device;

use crate::Float64Judge;

/// Runs a lesson: its tests' own options and these, which name the device.
type Lesson<'a> = &'a dyn Fn(&[&str]) -> Output;

/// Relative tolerance for a loss that both devices compute from equal parameters. An output has a few hundred rounding errors
/// of 2^-24. A squared error of 0.003 is a difference of such outputs: its relative error is some 20 times theirs.
const FIRST: f64 = 5e-5;
/// Relative tolerance after 20 to 40 steps of Adam. Adam divides by the root of a gradient's second moment, so that a rounding
/// error in a small gradient can change a whole step of size `lr`.
const LATER: f64 = 1e-3;

/// How exact the losses of a training are, beside those of one that computes the same in another order.
///
/// The largest factor that was needed, in the four lessons: 1.0 with AVX-512, 1.2 with AVX2, 3.5 without either (an AMD Zen 5;
/// `ATEN_CPU_CAPABILITY=default RNN_KERNELS=portable`).
const LOSSES: Float64Judge = Float64Judge { factor: 10.0, ulps: 8.0 };

/// Asserts that the losses of a fused run are about as exact as those of an exact one ([`assert_accurate_losses`]), and that they
/// are not all equal to the bit: then both would have run the same operations.
///
/// # Panics
/// If not.
pub fn assert_fused_losses(lesson: Lesson<'_>, options: &[&str], truth: &[f64]) {
    let folder = tempfile::tempdir().unwrap();
    let [exact, fused] = ["exact", "fused"].map(|backend| {
        let out = folder.path().join(backend);
        train(lesson, &out, &[options, &["--backend", backend]].concat());
        losses(&out)
    });
    assert_accurate_losses(&format!("{options:?}"), truth, &exact, &fused);
    assert_ne!(exact, fused, "{options:?}");
}

/// Asserts that losses, or other positive figures of a training, are about as exact as `others`, which the same training gives on
/// this machine with other kernels, or on another machine. `truth` are those of the same training in float64.
///
/// An error is relative. Training amplifies rounding errors, and one figure can be exact by chance: each is judged by the largest
/// error of the others up to it.
///
/// # Panics
/// If not.
#[track_caller]
pub fn assert_accurate_losses(what: &str, truth: &[f64], others: &[f64], ours: &[f64]) {
    assert_eq!((others.len(), ours.len()), (truth.len(), truth.len()), "{what}: how many");
    let (mut of_others, mut needed) = (0.0_f64, 0.0_f64);
    for (place, ((truth, other), ours)) in truth.iter().zip(others).zip(ours).enumerate() {
        let error = |figure: f64| (figure / truth - 1.0).abs();
        of_others = of_others.max(error(*other));
        let what = format!("{what}, number {}: {ours}, the other has {other}, in float64 it is {truth}", place + 1);
        needed = needed.max(LOSSES.assert_errors(&what, 1.0, of_others, error(*ours)));
    }
    println!("{what}: errors up to {needed:.2} times the others', which are up to {of_others:e}");
}

/// What a file of a run says where it was written and read: every tensor is on the CPU.
const ON_CPU: &str = "
import sys, torch
def check(value):
    if isinstance(value, torch.Tensor):
        assert value.device.type == 'cpu', value.device
    elif isinstance(value, dict):
        [check(item) for item in value.values()]
    elif isinstance(value, (list, tuple)):
        [check(item) for item in value]
for path in sys.argv[1:]:
    check(torch.load(path, weights_only=True))
";

/// Asserts that a run on `device` has the losses of one on the CPU, and that what it leaves is scored on the CPU, and read there
/// by Python.
///
/// # Panics
/// If not.
pub fn assert_trains(lesson: Lesson<'_>, device: Device, options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let [cpu, there] = ["cpu", "there"].map(|name| folder.path().join(name));
    train(lesson, &cpu, &[options, &["--device", "cpu"]].concat());
    train(lesson, &there, &[options, &["--device", &name(device)]].concat());
    assert_close(&losses(&there), &losses(&cpu), 0);

    let files = ["model.pt", "checkpoint.pt"].map(|file| there.join(file).to_str().unwrap().to_owned());
    for file in &files {
        let scored = lesson(&["eval", file, "--device", "cpu"]);
        assert!(scored.status.success(), "{}", String::from_utf8_lossy(&scored.stderr));
    }
    crate::run("files written on a GPU", ON_CPU, &[&files[0], &files[1]]);
}

/// Asserts that a run of `first` epochs on one device goes on to `all` on the other, either way round, with the losses of a run
/// that never left the CPU.
///
/// # Panics
/// If not.
pub fn assert_moves(lesson: Lesson<'_>, device: Device, options: &[&str], first: u32, all: u32) {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    train(lesson, &whole, &[options, &["--device", "cpu", "--epochs", &all.to_string()]].concat());
    let whole = losses(&whole);
    for (number, (from, to)) in [(Device::Cpu, device), (device, Device::Cpu)].into_iter().enumerate() {
        let moved = folder.path().join(number.to_string());
        train(lesson, &moved, &[options, &["--device", &name(from), "--epochs", &first.to_string()]].concat());
        go_on(lesson, &moved, from, to, all);
        let equal = if from == Device::Cpu { whole.len() * first as usize / all as usize } else { 0 };
        assert_close(&losses(&moved), &whole, equal);
    }
}

/// Resumes the run in `out`, which began on `from`.
fn go_on(lesson: Lesson<'_>, out: &Path, from: Device, to: Device, epochs: u32) {
    let [from, to] = [from, to].map(name);
    let options = ["--resume", "--epochs", &epochs.to_string(), "--device", &to, "--out", out.to_str().unwrap()];
    let output = lesson(&options);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.contains(&format!("began on {from} and goes on on {to}")), from != to, "{said}");
}

/// The first `equal` losses are the same, the next is close, and the others are not far.
#[track_caller]
fn assert_close(there: &[f64], cpu: &[f64], equal: usize) {
    assert!(there.len() == cpu.len() && cpu.len() > equal, "{} and {} losses", there.len(), cpu.len());
    for (place, (there, cpu)) in there.iter().zip(cpu).enumerate() {
        let tolerance = if place < equal {
            0.0
        } else if place == equal {
            FIRST
        } else {
            LATER
        };
        let apart = (there / cpu - 1.0).abs();
        assert!(apart <= tolerance, "loss {}: {there}, {cpu} on the CPU: {apart:e} apart", place + 1);
    }
}

/// As `--device` takes it.
fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}
