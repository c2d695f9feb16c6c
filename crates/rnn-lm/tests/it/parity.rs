//! The lesson and the notebook on Moby Dick: the same bits from the first weights to the last score.
//!
//! scripts/setup.sh has fetched the book; where it is missing, these tests fail and say how to get it.

use python_torch::{assert_equal_bits, compare_live};

use crate::BINARY;

const QUANTITIES: usize = 21;

/// The second epoch shows the schedule, the state that begins anew, and the choice of the best one.
#[test]
fn live_the_bits_are_equal() {
    for args in [
        ["--seed=0", "--threads=1", "--limit=12", "--epochs=1"],
        ["--seed=41", "--threads=2", "--limit=6", "--epochs=2"],
    ] {
        let Some(report) = compare_live("rnn-lm", BINARY, &args) else { return };
        assert_equal_bits(&report, QUANTITIES);
    }
}
