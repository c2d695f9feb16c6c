//! When an f32 result is right: its error against float64 is of the size of another f32 computation's error.

/// Accepted: 4 times the error of the other computation, plus 16 ULP of the largest number.
const FACTOR: f64 = 4.0;
const ULPS: f64 = 16.0;

/// The largest difference.
fn error(numbers: impl Iterator<Item = f64>, truth: &[f64]) -> f64 {
    numbers.zip(truth).map(|(x, truth)| (x - truth).abs()).fold(0.0, f64::max)
}

/// Compares `ours` with `truth`. `other` is a result of the same computation in f32.
pub fn assert_right(what: &str, ours: &[f32], other: &[f32], truth: &[f64]) {
    assert_eq!((ours.len(), other.len()), (truth.len(), truth.len()), "{what}");
    assert!(ours.iter().all(|x| x.is_finite()), "{what}: NaN or infinite");
    let wide = |numbers: &[f32]| numbers.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let largest = truth.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    let (ours, other) = (error(wide(ours).into_iter(), truth), error(wide(other).into_iter(), truth));
    let accepted = FACTOR * other + ULPS * f64::from(f32::EPSILON) * largest;
    assert!(ours <= accepted, "{what}: error {ours:e}, accepted {accepted:e}, largest number {largest}");
}
