//! Runs a test on a GPU, and compares its numbers with the CPU's.
//!
//! libtorch looks for CUDA once: when the first generator is seeded, or the first backward pass runs. By then, other tests of
//! the same program have done both. Therefore a GPU test starts its program once more, as a process that runs this test only
//! and loads CUDA first.
//!
//! ```ignore
//! mod cuda { // scripts select GPU tests by this name
//!     #[test]
//!     #[ignore = "needs a GPU: cargo test cuda -- --ignored"]
//!     fn products_agree() {
//!         test_support::on_gpu(|device| {
//!             let x = tch::Tensor::rand([3, 3], tch::kind::FLOAT_CPU);
//!             let (on_device, double) = (x.to_device(device), x.to_kind(tch::Kind::Double));
//!             Float64Judge::GPU.assert("x x", &[double.mm(&double)], &[x.mm(&x)], &[on_device.mm(&on_device)]);
//!         });
//!     }
//! }
//! ```
//!
//! `CUDA_TESTS_REHEARSE_ON_CPU=1 cargo test cuda -- --ignored` is a rehearsal of the test code: the CPU takes the GPU's place.
//! It shows nothing about a GPU.
//!
//! GPU tests that read their files with Python need Python's torch too.

use std::any::type_name;
use std::env;
use std::io::Write;
use std::process::Command;

use tch::{Device, Kind, Tensor};

/// Set in the process that runs only one test.
const SINGLE_TEST: &str = "CUDA_TEST_PROCESS";

/// What that process prints at the end.
const DONE: &str = "GPU test done";

/// The begin of libtorch's warning about weights that cuDNN has to copy together at every call.
const NOT_FLAT: &str = "not part of single contiguous chunk of memory";

/// Runs `body` in a process of its own, on the first GPU, or in a rehearsal on the CPU. No number is rounded to TF32, neither
/// in that process nor in those that it starts. The caller is a `#[test]`, and `body` is a closure in it.
///
/// # Panics
/// If there is no GPU (with the diagnosis), if `body` panics, or if libtorch warns of weights that are not flat.
#[track_caller]
pub fn on_gpu<F: FnOnce(Device)>(body: F) {
    if env::var_os(SINGLE_TEST).is_some() {
        return run_and_exit(body);
    }
    // "CRATE::MODULES::TEST::{{closure}}"
    let test = type_name::<F>().trim_end_matches("::{{closure}}").split_once("::").unwrap().1;
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(SINGLE_TEST, "1")
        .env("NVIDIA_TF32_OVERRIDE", "0")
        .output()
        .unwrap();
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream));
    assert!(output.status.success(), "{test}, in a process of its own:\n{stdout}\n{stderr}");
    assert!(stdout.contains(DONE), "this program has no test {test}:\n{stdout}");
    assert!(!stderr.contains(NOT_FLAT), "{test}:\n{stderr}");
}

fn run_and_exit(body: impl FnOnce(Device)) {
    if env::var_os("CUDA_TESTS_REHEARSE_ON_CPU").is_some() {
        body(Device::Cpu);
    } else {
        if let Some(failure) = torch_ext::cuda::diagnose().failure() {
            panic!("no CUDA device: {failure}");
        }
        torch_ext::cuda::allow_tf32(false).unwrap();
        body(Device::Cuda(0));
    }
    println!("\n{DONE}");
    // libtorch's static destructors can crash when CUDA is loaded, after the test has passed.
    std::io::stdout().flush().unwrap();
    signal_hook::low_level::exit(0);
}

/// Asserts equal kinds and shapes, and elements within `tolerance`, relative for numbers above 1. For float64;
/// [`Float64Judge::GPU`](crate::Float64Judge::GPU) judges f32 results.
///
/// # Panics
/// If they differ more.
#[track_caller]
pub fn assert_close(ours: &Tensor, expected: &Tensor, tolerance: f64, what: &str) {
    assert_eq!((ours.kind(), ours.size()), (expected.kind(), expected.size()), "{what}");
    let values = |tensor: &Tensor| -> Vec<f64> {
        Vec::try_from(tensor.detach().to_device(Device::Cpu).to_kind(Kind::Double).reshape([-1])).unwrap()
    };
    for (a, b) in values(ours).into_iter().zip(values(expected)) {
        let difference = (a - b).abs() / b.abs().max(1.0);
        assert!(a == b || difference <= tolerance, "{what}: {a} and {b} differ by {difference:e}, above {tolerance:e}");
    }
}
