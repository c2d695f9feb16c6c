//! The fused backend beside the exact one.

mod agrees;
mod behaves;

use recurrent::Backend;
use tch::Tensor;

use crate::each;
use crate::support::layer::{Layer, Spec};
use crate::support::tensors::{leaf, uniform, values};

impl Layer {
    fn set_backend(&mut self, backend: Backend) -> recurrent::Result<()> {
        each!(self, layer => layer.set_backend(backend))
    }
}

/// What a pass and its way back give.
struct Results {
    /// Output, h_n, c_n.
    values: Vec<Tensor>,
    /// The gradients of x, h_0, c_0.
    inputs: Vec<Tensor>,
    parameters: Vec<Tensor>,
}

/// Input, state and the weights of a sum of all results, which is the loss.
struct Problem {
    x: Tensor,
    hx: Option<Vec<Tensor>>,
    loss: Vec<Tensor>,
}

impl Problem {
    /// Random numbers from the default generator.
    fn random(spec: &Spec, steps: i64, batch: i64, with_state: bool) -> Problem {
        let kind = tch::Kind::Float;
        let state: Vec<_> = spec.state_sizes().into_iter().map(|size| [spec.rows(), batch, size]).collect();
        let shape = |features| if spec.batch_first { [batch, steps, features] } else { [steps, batch, features] };
        let output = uniform(&shape(spec.directions() * spec.output_size()), kind);
        Problem {
            x: uniform(&shape(spec.input_size), kind),
            hx: with_state.then(|| state.iter().map(|shape| uniform(shape, kind)).collect()),
            loss: std::iter::once(output).chain(state.iter().map(|shape| uniform(shape, kind))).collect(),
        }
    }

    /// Runs it on a layer whose parameters have no gradients yet, and takes them away.
    fn run(&self, layer: &Layer) -> Results {
        let x = leaf(&self.x);
        let hx: Option<Vec<Tensor>> = self.hx.as_ref().map(|hx| hx.iter().map(leaf).collect());
        let values = layer.forward(&x, hx.as_deref()).unwrap();
        let terms = values.iter().zip(&self.loss).map(|(value, weight)| (value * weight).sum(tch::Kind::Float));
        terms.reduce(|sum, term| sum + term).unwrap().backward();
        let take = |(_, mut parameter): (String, Tensor)| {
            let grad = parameter.grad().copy();
            parameter.zero_grad();
            grad
        };
        Results {
            values,
            inputs: std::iter::once(&x).chain(hx.iter().flatten()).map(Tensor::grad).collect(),
            parameters: layer.named_parameters().into_iter().map(take).collect(),
        }
    }
}

impl Results {
    /// Results and gradients.
    fn kinds(&self) -> [Vec<&Tensor>; 2] {
        [self.values.iter().collect(), self.inputs.iter().chain(&self.parameters).collect()]
    }

    /// The largest difference, relative to the largest number of its kind, and which tensor of which kind it is in.
    fn apart(&self, other: &Results) -> (f64, (usize, usize)) {
        let mut worst = (0.0_f64, (0, 0));
        for (kind, (ours, other)) in self.kinds().into_iter().zip(other.kinds()).enumerate() {
            let largest =
                other.iter().flat_map(|tensor| values(tensor)).fold(0.0, |largest: f64, x| largest.max(x.abs()));
            for (i, (ours, other)) in ours.iter().zip(other).enumerate() {
                assert_eq!(ours.size(), other.size());
                for (a, b) in values(ours).into_iter().zip(values(other)) {
                    let difference = if a == b { 0.0 } else { (a - b).abs() / largest };
                    if difference > worst.0 || difference.is_nan() {
                        worst = (if difference.is_nan() { f64::INFINITY } else { difference }, (kind, i));
                    }
                }
            }
        }
        worst
    }

    #[track_caller]
    fn assert_close(&self, other: &Results, what: &str) {
        self.assert_within(2e-6, other, what);
    }

    #[track_caller]
    fn assert_within(&self, tolerance: f64, other: &Results, what: &str) -> f64 {
        let (apart, (kind, tensor)) = self.apart(other);
        assert!(apart <= tolerance, "{what}: kind {kind}, tensor {tensor}: {apart:e} apart");
        apart
    }
}
