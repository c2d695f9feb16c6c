//! Training on a GPU, compared with the CPU.

use test_support::lesson::{assert_resumes_on_other_device, assert_same_losses_on_device};

use crate::support::on_any_device;

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_run_on_the_gpu_has_the_cpus_losses() {
    test_support::on_gpu(|device| {
        assert_same_losses_on_device(&on_any_device, device, &["--epochs", "20"]);
    });
}

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_run_resumes_on_the_other_device() {
    test_support::on_gpu(|device| assert_resumes_on_other_device(&on_any_device, device, &[], 20, 30));
}
