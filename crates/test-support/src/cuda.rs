//! Tests of numbers that rounding changes: a GPU's beside the CPU's, and any f32 results beside float64 ([`float64`](crate::float64)).
//!
//! libtorch looks for CUDA once, when the first generator is seeded or the first backward pass runs, and other tests of the same
//! program have done both by then. So such a test runs itself once more, in a process of its own where CUDA is loaded first:
//!
//! ```no_run
//! // in `fn agree`, a `#[test]` of the module `products`
//! test_support::alone("products::agree", |device| {
//!     let x = tch::Tensor::rand([3, 3], tch::kind::FLOAT_CPU);
//!     let (there, double) = (x.to_device(device), x.to_kind(tch::Kind::Double));
//!     test_support::GPU.assert("x x", &[double.mm(&double)], &[x.mm(&x)], &[there.mm(&there)]);
//! });
//! ```
//!
//! Without a GPU it says `skipped: no CUDA device`, and why, and passes.
//!
//! | environment | effect |
//! |---|---|
//! | `REQUIRE_CUDA=1` | what would be skipped fails: for machines with a GPU |
//! | `CUDA_TESTS_ON=cpu` | the CPU takes the GPU's part: shows on any machine that the tests themselves are right |
use std::env;
use std::io::Write;
use std::process::Command;

use tch::{Device, Kind, Tensor};

/// Set in the process of a test's own.
const OWN_PROCESS: &str = "CUDA_TEST_PROCESS";

// What that process prints at its end.
const NO_DEVICE: &str = "no CUDA device: ";
const DONE: &str = "compared on ";

/// How libtorch begins to complain of weights that cuDNN has to copy together at every call.
const NOT_FLAT: &str = "not part of single contiguous chunk of memory";

/// Runs `body` with a CUDA device (with `CUDA_TESTS_ON=cpu` with the CPU) in a process of its own. There nothing is rounded to
/// TF32, neither in the process nor in those that it starts. `test` is the name of the calling test, with its modules.
///
/// # Panics
/// If `body` does; if libtorch complains of weights that are not flat; if there is no device although `REQUIRE_CUDA` is set.
#[track_caller]
pub fn alone(test: &str, body: impl FnOnce(Device)) {
    if env::var_os(OWN_PROCESS).is_some() {
        return on_device(body);
    }
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(OWN_PROCESS, "1")
        .env("NVIDIA_TF32_OVERRIDE", "0")
        .output()
        .unwrap();
    let [said, complained] = [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream));
    assert!(output.status.success(), "{test}, in a process of its own:\n{said}\n{complained}");
    assert!(!complained.contains(NOT_FLAT), "{test}:\n{complained}");
    if let Some(problem) = said.lines().find_map(|line| line.strip_prefix(NO_DEVICE)) {
        assert!(env::var_os("REQUIRE_CUDA").is_none(), "REQUIRE_CUDA is set, but there is no CUDA device: {problem}");
        // Straight to the stream: the test harness hides what a passing test prints.
        let _ = writeln!(std::io::stderr(), "skipped: no CUDA device ({problem}): {test}");
        return;
    }
    assert!(said.lines().any(|line| line.starts_with(DONE)), "there is no test {test} in this program");
}

fn on_device(body: impl FnOnce(Device)) {
    let rehearsal = env::var_os("CUDA_TESTS_ON").is_some_and(|device| device == "cpu");
    let device = if rehearsal { Device::Cpu } else { Device::Cuda(0) };
    if device.is_cuda() {
        if let Some(failure) = torch_ext::cuda::diagnose().failure() {
            println!("\n{NO_DEVICE}{}", failure.problem);
            return;
        }
        torch_ext::cuda::allow_tf32(false).unwrap();
    }
    body(device);
    println!("\n{DONE}{device:?}");
    // libtorch's static destructors can crash when CUDA is loaded, after the test has passed.
    std::io::stdout().flush().unwrap();
    signal_hook::low_level::exit(0);
}

/// Asserts that kind and shape are the same, and every element within `tolerance`, relative for numbers above 1. For float64;
/// f32 results are judged by [`GPU`](crate::GPU).
///
/// # Panics
/// If not.
#[track_caller]
pub fn assert_close(there: &Tensor, cpu: &Tensor, tolerance: f64, what: &str) {
    assert_eq!((there.kind(), there.size()), (cpu.kind(), cpu.size()), "{what}");
    let values = |tensor: &Tensor| -> Vec<f64> {
        Vec::try_from(tensor.detach().to_device(Device::Cpu).to_kind(Kind::Double).reshape([-1])).unwrap()
    };
    let apart = |(a, b): (f64, f64)| if a == b { 0.0 } else { (a - b).abs() / b.abs().max(1.0) };
    let differences = values(there).into_iter().zip(values(cpu)).map(apart);
    let worst =
        differences.fold(0.0, |worst: f64, apart| if apart.is_nan() { f64::INFINITY } else { worst.max(apart) });
    assert!(worst <= tolerance, "{what}: {worst:e} apart, {tolerance:e} allowed");
}
