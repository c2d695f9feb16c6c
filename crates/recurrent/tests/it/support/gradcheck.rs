//! Equivalents of `torch.autograd.gradcheck` and `gradgradcheck`: compare gradients with central differences, in f64.

use tch::Tensor;

use super::tensors::{apart, leaf, uniform};

const STEP: f64 = 1e-6;
const TOLERANCE: f64 = 1e-5;

/// Asserts that the gradients of the scalar function `f` equal the numerical derivatives, for each input.
pub fn gradcheck(what: &str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Tensor) {
    let leaves: Vec<Tensor> = inputs.iter().map(leaf).collect();
    let gradients = Tensor::run_backward(&[f(&leaves)], &leaves, false, false);
    for (i, gradient) in gradients.iter().enumerate() {
        let slopes: Vec<f64> = (0..inputs[i].numel() as i64).map(|at| slope(inputs, i, at, &f)).collect();
        let slopes = Tensor::from_slice(&slopes).reshape(gradient.size());
        let apart = apart(gradient, &slopes);
        assert!(apart < TOLERANCE, "{what}, input {i}: gradient and numerical derivative differ by {apart:e}");
    }
}

/// [`gradcheck`] for second derivatives: the gradients of a weighted sum of all gradients of `f`.
pub fn gradgradcheck(what: &str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Tensor) {
    let weights: Vec<Tensor> = inputs.iter().map(|input| uniform(&input.size(), input.kind())).collect();
    gradcheck(what, inputs, |inputs| {
        let inputs: Vec<Tensor> = inputs.iter().map(with_gradient).collect();
        let gradients = Tensor::run_backward(&[f(&inputs)], &inputs, true, true);
        let terms = gradients.iter().zip(&weights).map(|(gradient, weight)| (gradient * weight).sum(gradient.kind()));
        terms.reduce(|sum, term| sum + term).unwrap()
    });
}

/// The tensor itself if it requires a gradient, else a new leaf.
fn with_gradient(tensor: &Tensor) -> Tensor {
    if tensor.requires_grad() { tensor.shallow_clone() } else { leaf(tensor) }
}

/// The central difference of `f` with respect to element `at` of input `i`.
fn slope(inputs: &[Tensor], i: usize, at: i64, f: impl Fn(&[Tensor]) -> Tensor) -> f64 {
    let moved = |step: f64| {
        let inputs: Vec<Tensor> = inputs.iter().map(Tensor::copy).collect();
        let _ = inputs[i].view([-1]).get(at).g_add_scalar_(step);
        f(&inputs).double_value(&[])
    };
    (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
}
