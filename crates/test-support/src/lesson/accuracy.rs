//! How exact the losses of a training run must be.

use crate::Float64Judge;

/// For losses of a run, beside those of a run that computes the same in another order.
///
/// The largest factor that the four lessons needed: 1.0 with AVX-512, 1.2 with AVX2, 3.5 without either (an AMD Zen 5;
/// `ATEN_CPU_CAPABILITY=default RNN_KERNELS=portable`).
const LOSSES: Float64Judge = Float64Judge { factor: 10.0, ulps: 8.0 };

/// Asserts that losses, or other positive figures of a run, are about as exact as `others`: those of the same training with
/// other kernels, or on another machine. `truth` are the figures of the same training in float64.
///
/// Errors are relative. Training amplifies rounding errors, and a single figure can be exact by chance. So the bound for a
/// figure is the largest error of the others up to that figure.
///
/// # Panics
/// If an error is too large.
#[track_caller]
pub fn assert_accurate_losses(what: &str, truth: &[f64], others: &[f64], ours: &[f64]) {
    assert_eq!((others.len(), ours.len()), (truth.len(), truth.len()), "{what}: the number of losses");
    let (mut other_error, mut needed) = (0.0_f64, 0.0_f64);
    for (index, ((truth, other), ours)) in truth.iter().zip(others).zip(ours).enumerate() {
        let error = |figure: f64| (figure / truth - 1.0).abs();
        other_error = other_error.max(error(*other));
        let what = format!("{what}, number {}: {ours}, the other has {other}, float64 has {truth}", index + 1);
        needed = needed.max(LOSSES.assert_errors(&what, 1.0, other_error, error(*ours)));
    }
    println!("{what}: errors up to {needed:.2} times the others', which are up to {other_error:e}");
}
