//! Compares the cross-entropy and its gradient with a computation in f64.

use rnn_kernels::{CrossEntropy, Error, IGNORE_INDEX, Serial, ThreadPool, cross_entropy};

use crate::accuracy::{Threads, instruction_sets};
use crate::problem::Random;

/// Losses, gradients and column sums.
type Results = (Vec<f32>, Vec<f32>, Vec<f32>);

fn run(set: rnn_kernels::InstructionSet, scores: &[f32], targets: &[i64], pool: &dyn ThreadPool) -> Results {
    let mut gradients = scores.to_vec();
    let mut losses = vec![f32::NAN; targets.len()];
    let mut column_sums = vec![f32::NAN; scores.len() / targets.len()];
    let arguments =
        CrossEntropy { scores: &mut gradients, targets, losses: &mut losses, column_sums: Some(&mut column_sums) };
    cross_entropy(set, arguments, pool).unwrap();

    // Without gradients: the same losses, and the scores stay.
    let (mut unchanged, mut only_losses) = (scores.to_vec(), vec![f32::NAN; targets.len()]);
    let arguments = CrossEntropy { scores: &mut unchanged, targets, losses: &mut only_losses, column_sums: None };
    cross_entropy(set, arguments, pool).unwrap();
    let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&only_losses), bits(&losses));
    assert_eq!(bits(&unchanged), bits(scores));
    (losses, gradients, column_sums)
}

/// The loss and the gradients of a row in f64.
fn reference(scores: &[f32], target: i64) -> (f64, Vec<f64>) {
    let maximum = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let e: Vec<f64> = scores.iter().map(|x| (f64::from(*x) - f64::from(maximum)).exp()).collect();
    let sum: f64 = e.iter().sum();
    let Ok(target) = usize::try_from(target) else { return (0.0, vec![0.0; scores.len()]) };
    let loss = sum.ln() + f64::from(maximum) - f64::from(scores[target]);
    let gradient = (0..).zip(e).map(|(j, e)| e / sum - f64::from(u8::from(j == target))).collect();
    (loss, gradient)
}

#[test]
fn losses_and_gradients_equal_the_equations() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let sizes: &[(usize, usize)] =
        if cfg!(miri) { &[(3, 1), (5, 21)] } else { &[(1, 1), (1, 7), (3, 16), (40, 33), (64, 10), (131, 4567)] };
    for &(rows, columns) in sizes {
        for scale in [1.0, 30.0, 1e-3] {
            let scores = random.numbers(rows * columns, scale);
            let mut targets: Vec<i64> = (0..rows).map(|row| ((row * 7919) % columns) as i64).collect();
            targets[rows / 2] = IGNORE_INDEX;
            for set in instruction_sets() {
                let one = run(set, &scores, &targets, &Serial);
                let two = run(set, &scores, &targets, &Threads(2));
                assert_eq!((&one.0, &one.1), (&two.0, &two.1), "{set:?}: two threads");
                let mut sums = vec![0.0; columns];
                for (row, (&target, &loss)) in targets.iter().zip(&one.0).enumerate() {
                    let scores = &scores[row * columns..][..columns];
                    let (exact, gradient) = reference(scores, target);
                    let largest = scores.iter().fold(1.0, |largest: f32, x| largest.max(x.abs()));
                    let allowed = exact.max(f64::from(largest)) * 8.0 * f64::from(f32::EPSILON);
                    let error = (f64::from(loss) - exact).abs();
                    assert!(error <= allowed, "{set:?} {rows} x {columns}: loss {loss}, expected {exact}");
                    for ((got, exact), sum) in one.1[row * columns..].iter().zip(gradient).zip(&mut sums) {
                        let error = (f64::from(*got) - exact).abs();
                        assert!(error <= 16.0 * f64::from(f32::EPSILON), "{set:?}: gradient {got}, expected {exact}");
                        *sum += exact;
                    }
                }
                for result in [&one.2, &two.2] {
                    for (got, exact) in result.iter().zip(&sums) {
                        let allowed = 16.0 * f64::from(f32::EPSILON) * (rows as f64).max(1.0);
                        assert!((f64::from(*got) - exact).abs() <= allowed, "{set:?}: sum {got}, expected {exact}");
                    }
                }
            }
        }
    }
}

#[test]
fn extreme_scores_give_torchs_results() {
    for set in instruction_sets() {
        let with = |x: f32| [vec![0.5; 20], vec![x], vec![0.25; 20]].concat();
        for bad in [f32::NAN, f32::INFINITY] {
            let (losses, gradients, _) = run(set, &with(bad), &[3], &Serial);
            assert!(losses[0].is_nan(), "{set:?}: a score of {bad} gives the loss {}", losses[0]);
            assert!(gradients[0].is_nan(), "{set:?}: a score of {bad} gives the gradient {}", gradients[0]);
        }
        let (losses, gradients, _) = run(set, &with(f32::NEG_INFINITY), &[3], &Serial);
        assert!(losses[0].is_finite() && gradients[20] == 0.0, "{set:?}: a score of -inf has probability 0");
        let (losses, ..) = run(set, &with(f32::NEG_INFINITY), &[20], &Serial);
        assert_eq!(losses[0], f32::INFINITY, "{set:?}: the target has probability 0");
        let (losses, gradients, _) = run(set, &with(300.0), &[20], &Serial);
        assert_eq!((losses[0], gradients[20], gradients[0]), (0.0, 0.0, 0.0), "{set:?}: the target is certain");
        let (losses, ..) = run(set, &[f32::NEG_INFINITY; 5], &[0], &Serial);
        assert!(losses[0].is_nan(), "{set:?}: no class is possible");
    }
}

#[test]
fn invalid_arguments_are_errors() {
    let set = instruction_sets()[0];
    let call = |scores: usize, targets: &[i64], losses: usize, sums: Option<usize>| {
        let (mut scores, mut losses) = (vec![0.0; scores], vec![0.0; losses]);
        let mut sums = sums.map(|sums| vec![0.0; sums]);
        let arguments =
            CrossEntropy { scores: &mut scores, targets, losses: &mut losses, column_sums: sums.as_deref_mut() };
        cross_entropy(set, arguments, &Serial)
    };
    assert_eq!(call(6, &[0, 1], 2, Some(3)), Ok(()));
    assert_eq!(call(6, &[0, 3], 2, None), Err(Error::Target { row: 1, target: 3, classes: 3 }));
    assert_eq!(call(6, &[-1, 0], 2, None), Err(Error::Target { row: 0, target: -1, classes: 3 }));
    assert_eq!(call(0, &[0], 1, None), Err(Error::Target { row: 0, target: 0, classes: 0 }));
    assert_eq!(call(0, &[], 0, None), Err(Error::ZeroSize { name: "the number of examples" }));
    assert_eq!(call(7, &[0, 1], 2, None), Err(Error::Length { what: "scores", expected: 6, got: 7 }));
    assert_eq!(call(6, &[0, 1], 1, None), Err(Error::Length { what: "losses", expected: 2, got: 1 }));
    assert_eq!(call(6, &[0, 1], 2, Some(2)), Err(Error::Length { what: "column_sums", expected: 3, got: 2 }));
    let message = Error::Target { row: 1, target: 3, classes: 3 }.to_string();
    assert_eq!(message, "target 3 of example 1 is not a class: expected 0 to 2");
}
