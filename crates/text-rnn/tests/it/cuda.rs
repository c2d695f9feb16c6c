//! On a GPU, beside the CPU.

use cuda_test::lesson::{assert_moves, assert_trains};

use crate::support::text_rnn;

#[test]
fn a_run_has_the_cpus_losses() {
    cuda_test::alone("cuda::a_run_has_the_cpus_losses", |device| {
        assert_trains(&text_rnn, device, &["--epochs", "20"]);
    });
}

#[test]
fn a_run_goes_on_elsewhere() {
    cuda_test::alone("cuda::a_run_goes_on_elsewhere", |device| assert_moves(&text_rnn, device, &[], 20, 30));
}
