//! Compares the linear layer with its cross-entropy, and all gradients, with a computation in f64.

use rnn_kernels::{Error, IGNORE_INDEX, InstructionSet, LinearCrossEntropy, LinearGradients, Serial, ThreadPool};

use crate::accuracy::{Threads, instruction_sets};
use crate::problem::Random;
use crate::reference::Number;

const FACTOR: f32 = 0.125; // a power of 2: multiplying by it does not round

struct Problem {
    features: usize,
    classes: usize,
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    targets: Vec<i64>,
}

/// Losses, and the gradients of x, weight and bias.
type Results<N> = [Vec<N>; 4];

impl Problem {
    fn draw([examples, features, classes]: [usize; 3], scale: f32, bias: bool) -> Problem {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (examples * features + classes) as u64);
        let mut targets: Vec<i64> = (0..examples).map(|row| ((row * 7919) % classes) as i64).collect();
        if examples > 1 {
            targets[examples / 2] = IGNORE_INDEX;
        }
        Problem {
            features,
            classes,
            x: random.numbers(examples * features, 1.0),
            weight: random.numbers(classes * features, scale),
            bias: bias.then(|| random.numbers(classes, scale)),
            targets,
        }
    }

    fn arguments(&self) -> LinearCrossEntropy<'_> {
        LinearCrossEntropy { x: &self.x, weight: &self.weight, bias: self.bias.as_deref(), targets: &self.targets }
    }

    fn run(&self, set: InstructionSet, pool: &dyn ThreadPool) -> Results<f32> {
        let nan = |len| vec![f32::NAN; len];
        let mut results = [self.targets.len(), self.x.len(), self.weight.len(), self.classes].map(nan);
        let [losses, x, weight, bias] = &mut results;
        let tape = self.arguments().forward_with_tape(set, losses, pool).unwrap();
        let mut only_losses = nan(losses.len());
        self.arguments().forward(set, &mut only_losses, pool).unwrap();
        assert_same_bits(&only_losses, losses, "with and without a tape");

        let wanted = LinearGradients { x: Some(x), weight: Some(weight), bias: Some(bias) };
        tape.backward(&self.x, &self.weight, FACTOR, wanted, pool).unwrap();
        let mut bias_alone = nan(self.classes);
        let wanted = LinearGradients { bias: Some(&mut bias_alone), ..LinearGradients::default() };
        tape.backward(&self.x, &self.weight, FACTOR, wanted, pool).unwrap();
        assert_same_bits(&bias_alone, bias, "the gradient of the bias, alone and with the others");
        results
    }

    /// The same in order, one number at a time.
    fn solve<N: Number>(&self) -> Results<N> {
        let (zero, one) = (N::default(), N::from(1.0));
        let sizes = [self.targets.len(), self.x.len(), self.weight.len(), self.classes];
        let mut results = sizes.map(|len| vec![zero; len]);
        let [losses, d_x, d_weight, d_bias] = &mut results;
        for (row, &target) in self.targets.iter().enumerate() {
            let Ok(target) = usize::try_from(target) else { continue };
            let x = &self.x[row * self.features..][..self.features];
            let mut scores = vec![zero; self.classes];
            for (class, score) in scores.iter_mut().enumerate() {
                *score = N::from(self.bias.as_ref().map_or(0.0, |bias| bias[class]));
                for (x, w) in x.iter().zip(&self.weight[class * self.features..]) {
                    *score += N::from(*x) * N::from(*w);
                }
            }
            let largest = scores.iter().copied().fold(scores[0], |largest, x| if x > largest { x } else { largest });
            let mut sum = zero;
            scores.iter().for_each(|score| sum += (*score - largest).exp());
            losses[row] = largest - scores[target] + sum.ln();
            let normaliser = largest + sum.ln();
            for (class, score) in scores.iter().enumerate() {
                let gradient = (*score - normaliser).exp() - if class == target { one } else { zero };
                let gradient = gradient * N::from(FACTOR);
                d_bias[class] += gradient;
                for feature in 0..self.features {
                    d_x[row * self.features + feature] +=
                        gradient * N::from(self.weight[class * self.features + feature]);
                    d_weight[class * self.features + feature] += gradient * N::from(x[feature]);
                }
            }
        }
        results
    }
}

/// Miri changes the last bits of `ln`, and the sign of a NaN, at random.
#[track_caller]
fn assert_same_bits(got: &[f32], expected: &[f32], what: &str) {
    let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(cfg!(miri) || bits(got) == bits(expected), "{what}: {got:?}, expected {expected:?}");
}

#[test]
fn losses_and_gradients_are_as_accurate_as_the_equations_in_f32() {
    let sizes: &[[usize; 3]] = if cfg!(miri) {
        &[[3, 2, 1], [5, 3, 21]]
    } else {
        &[[1, 1, 1], [1, 3, 7], [3, 16, 16], [40, 5, 33], [64, 24, 10], [131, 40, 517], [300, 130, 1000]]
    };
    for &size in sizes {
        for (scale, bias) in [(1.0, true), (8.0, false), (1e-3, true)] {
            let problem = Problem::draw(size, scale, bias);
            let (truth, single) = (problem.solve::<f64>(), problem.solve::<f32>());
            for set in instruction_sets() {
                let got = problem.run(set, &Serial);
                for (one, two) in got.iter().zip(&problem.run(set, &Threads(2))) {
                    assert_same_bits(two, one, &format!("{set:?} {size:?}: two threads"));
                }
                let names = ["losses", "d x", "d weight", "d bias"];
                for (name, ((got, single), truth)) in names.into_iter().zip(got.iter().zip(&single).zip(&truth)) {
                    let error = |numbers: &[f32]| {
                        let differences = numbers.iter().zip(truth).map(|(x, y)| (f64::from(*x) - y).abs());
                        differences.fold(0.0, |largest, x| if x.is_nan() { f64::INFINITY } else { x.max(largest) })
                    };
                    let largest = truth.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
                    // The loss is a difference of scores: their size decides the rounding error.
                    let largest = if name == "losses" { largest.max(f64::from(scale)) } else { largest };
                    let allowed = 4.0 * error(single) + 16.0 * f64::from(f32::EPSILON) * largest;
                    assert!(
                        error(got) <= allowed,
                        "{set:?} {size:?}, scale {scale}, {name}: error {:e}, in f32 in order {:e}",
                        error(got),
                        error(single)
                    );
                }
            }
        }
    }
}

/// With one feature of 1 the scores are the weights.
#[test]
fn extreme_scores_give_torchs_results() {
    for set in instruction_sets() {
        let run = |scores: &[f32], target| {
            let problem = Problem {
                features: 1,
                classes: scores.len(),
                x: vec![1.0],
                weight: scores.to_vec(),
                bias: None,
                targets: vec![target],
            };
            let [losses, _, _, gradients] = problem.run(set, &Serial);
            (losses[0], gradients)
        };
        let with = |x: f32| [vec![0.5; 20], vec![x], vec![0.25; 20]].concat();
        for bad in [f32::NAN, f32::INFINITY] {
            let (loss, gradients) = run(&with(bad), 3);
            assert!(loss.is_nan(), "{set:?}: a score of {bad} gives the loss {loss}");
            assert!(gradients[0].is_nan(), "{set:?}: a score of {bad} gives the gradient {}", gradients[0]);
        }
        let (loss, gradients) = run(&with(f32::NEG_INFINITY), 3);
        assert!(loss.is_finite() && gradients[20] == 0.0, "{set:?}: a score of -inf has probability 0");
        let (loss, _) = run(&with(f32::NEG_INFINITY), 20);
        assert_eq!(loss, f32::INFINITY, "{set:?}: the target has probability 0");
        let (loss, gradients) = run(&with(300.0), 20);
        assert_eq!((loss, gradients[20], gradients[0]), (0.0, 0.0, 0.0), "{set:?}: the target is certain");
        let (loss, _) = run(&[f32::NEG_INFINITY; 5], 0);
        assert!(loss.is_nan(), "{set:?}: no class is possible");
    }
}

#[test]
fn invalid_arguments_are_errors() {
    let set = instruction_sets()[0];
    // Two features; the lengths of x, weight, bias, targets and losses.
    let forward = |x: usize, weight: usize, bias: Option<usize>, targets: &[i64], losses: usize| {
        let (x, weight, bias) = (vec![0.0; x], vec![0.0; weight], bias.map(|bias| vec![0.0; bias]));
        let arguments = LinearCrossEntropy { x: &x, weight: &weight, bias: bias.as_deref(), targets };
        arguments.forward(set, &mut vec![0.0; losses], &Serial)
    };
    let zero = |name| Err(Error::ZeroSize { name });
    let length = |what, expected, got| Err(Error::Length { what, expected, got });
    assert_eq!(forward(4, 6, Some(3), &[0, 1], 2), Ok(()));
    assert_eq!(forward(4, 6, None, &[0, 3], 2), Err(Error::Target { row: 1, target: 3, classes: 3 }));
    assert_eq!(forward(4, 6, None, &[-1, 0], 2), Err(Error::Target { row: 0, target: -1, classes: 3 }));
    assert_eq!(forward(4, 0, None, &[0, 1], 2), zero("the number of classes"));
    assert_eq!(forward(0, 6, None, &[], 0), zero("the number of examples"));
    assert_eq!(forward(0, 6, None, &[0], 1), zero("the number of features"));
    assert_eq!(forward(5, 6, None, &[0, 1], 2), length("x", 4, 5));
    assert_eq!(forward(4, 7, None, &[0, 1], 2), length("weight", 6, 7));
    assert_eq!(forward(4, 6, Some(2), &[0, 1], 2), length("bias", 3, 2));
    assert_eq!(forward(4, 6, None, &[0, 1], 1), length("losses", 2, 1));
    let message = Error::Target { row: 1, target: 3, classes: 3 }.to_string();
    assert_eq!(message, "target 3 of example 1 is not a class: expected 0 to 2");

    let problem = Problem::draw([2, 2, 3], 1.0, true);
    let tape = problem.arguments().forward_with_tape(set, &mut [0.0; 2], &Serial).unwrap();
    let backward = |x: usize, weight: usize, wanted: [usize; 3]| {
        let (x, weight) = (vec![0.0; x], vec![0.0; weight]);
        let [mut d_x, mut d_weight, mut d_bias] = wanted.map(|len| vec![0.0; len]);
        let wanted = LinearGradients { x: Some(&mut d_x), weight: Some(&mut d_weight), bias: Some(&mut d_bias) };
        tape.backward(&x, &weight, 1.0, wanted, &Serial)
    };
    assert_eq!(backward(4, 6, [4, 6, 3]), Ok(()));
    assert_eq!(backward(3, 6, [4, 6, 3]), length("x", 4, 3));
    assert_eq!(backward(4, 5, [4, 6, 3]), length("weight", 6, 5));
    assert_eq!(backward(4, 6, [5, 6, 3]), length("the gradient of x", 4, 5));
    assert_eq!(backward(4, 6, [4, 7, 3]), length("the gradient of the weight", 6, 7));
    assert_eq!(backward(4, 6, [4, 6, 2]), length("the gradient of the bias", 3, 2));
}
