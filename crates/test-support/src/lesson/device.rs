//! `--device cuda`.

use std::path::Path;

use tch::Device;

use super::training::{Lesson, losses, train};

/// Relative tolerance for a loss that both devices compute from equal parameters. An output has a few hundred rounding errors
/// of 2^-24. A squared error of 0.003 is the square of a small difference of such outputs: its relative error is about 20
/// times theirs.
const FIRST: f64 = 5e-5;
/// Relative tolerance after 20 to 40 steps of Adam. Adam divides by the root of a gradient's second moment. So a rounding error
/// in a small gradient can change a whole step of size `lr`.
const LATER: f64 = 1e-3;

/// Asserts that every tensor of the files is on the CPU.
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

/// Asserts that a run on `device` has the losses of a run on the CPU, that the CPU scores its files, and that Python reads
/// tensors on the CPU from them.
///
/// # Panics
/// If not.
pub fn assert_same_losses_on_device(lesson: Lesson<'_>, device: Device, options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let [cpu, other] = ["cpu", "other"].map(|name| folder.path().join(name));
    train(lesson, &cpu, &[options, &["--device", "cpu"]].concat());
    train(lesson, &other, &[options, &["--device", &name(device)]].concat());
    assert_close(&losses(&other), &losses(&cpu), 0);

    let files = ["model.pt", "checkpoint.pt"].map(|file| other.join(file).to_str().unwrap().to_owned());
    for file in &files {
        let scored = lesson(&["eval", file, "--device", "cpu"]);
        assert!(scored.status.success(), "{}", String::from_utf8_lossy(&scored.stderr));
    }
    crate::run_python(ON_CPU, &[&files[0], &files[1]]);
}

/// Asserts that a run of `first` epochs on one device can be resumed to `all` on the other, in both directions, with the
/// losses of an uninterrupted run on the CPU.
///
/// # Panics
/// If not.
pub fn assert_resumes_on_other_device(lesson: Lesson<'_>, device: Device, options: &[&str], first: u32, all: u32) {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    train(lesson, &whole, &[options, &["--device", "cpu", "--epochs", &all.to_string()]].concat());
    let whole = losses(&whole);
    for (number, (from, to)) in [(Device::Cpu, device), (device, Device::Cpu)].into_iter().enumerate() {
        let moved = folder.path().join(number.to_string());
        train(lesson, &moved, &[options, &["--device", &name(from), "--epochs", &first.to_string()]].concat());
        resume(lesson, &moved, from, to, all);
        let equal = if from == Device::Cpu { whole.len() * first as usize / all as usize } else { 0 };
        assert_close(&losses(&moved), &whole, equal);
    }
}

/// Resumes the run in `out`, which began on `from`, on the device `to`.
fn resume(lesson: Lesson<'_>, out: &Path, from: Device, to: Device, epochs: u32) {
    let [from, to] = [from, to].map(name);
    let options = ["--resume", "--epochs", &epochs.to_string(), "--device", &to, "--out", out.to_str().unwrap()];
    let output = lesson(&options);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr.contains(&format!("began on {from} and continues on {to}")), from != to, "{stderr}");
}

/// Asserts that the first `equal` losses are equal, the next is within [`FIRST`], and the others are within [`LATER`].
#[track_caller]
fn assert_close(ours: &[f64], cpu: &[f64], equal: usize) {
    assert!(ours.len() == cpu.len() && cpu.len() > equal, "{} and {} losses", ours.len(), cpu.len());
    for (index, (ours, cpu)) in ours.iter().zip(cpu).enumerate() {
        let tolerance = match index {
            _ if index < equal => 0.0,
            _ if index == equal => FIRST,
            _ => LATER,
        };
        let difference = (ours / cpu - 1.0).abs();
        assert!(difference <= tolerance, "loss {}: {ours}, on the CPU {cpu}: {difference:e} apart", index + 1);
    }
}

/// The device as an argument of `--device`.
fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}
