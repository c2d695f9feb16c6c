//! On a GPU, beside the CPU.

use test_support::lesson::{assert_moves, assert_trains};

use crate::support::on_any_device;

#[test]
fn a_run_has_the_cpus_losses() {
    test_support::alone("cuda::a_run_has_the_cpus_losses", |device| {
        assert_trains(&on_any_device, device, &["--epochs", "20"]);
    });
}

#[test]
fn a_run_goes_on_elsewhere() {
    test_support::alone("cuda::a_run_goes_on_elsewhere", |device| assert_moves(&on_any_device, device, &[], 20, 30));
}
