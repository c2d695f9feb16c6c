//! Compares the fused backend with the exact one.

mod accuracy;
mod behavior;
mod cells;
mod packed;
mod projections;

use recurrent::{Backend, PackedSequence, pack_padded_sequence};
use tch::{Kind, Tensor};

use crate::each;
use crate::support::JUDGE;
use crate::support::layer::{Layer, Spec, in_float64};
use crate::support::tensors::{leaf, same_bits, uniform};

impl Layer {
    fn set_backend(&mut self, backend: Backend) -> recurrent::Result<()> {
        each!(self, layer => layer.set_backend(backend))
    }
}

/// Results and gradients of a forward and a backward pass.
#[derive(Debug)]
struct Results {
    /// Output, h_n, c_n.
    values: Vec<Tensor>,
    /// The gradients of x, h_0, c_0.
    inputs: Vec<Tensor>,
    parameters: Vec<Tensor>,
}

/// Input and state, and the weights of the loss: a weighted sum of all results.
#[derive(Debug)]
struct Problem {
    x: Tensor,
    /// The lengths of the sequences, if they are packed.
    lengths: Option<Vec<i64>>,
    hx: Option<Vec<Tensor>>,
    loss: Vec<Tensor>,
}

impl Problem {
    /// Draws from the default generator.
    fn random(spec: &Spec, steps: i64, batch: i64, with_state: bool) -> Problem {
        let kind = Kind::Float;
        let state: Vec<_> = spec.state_sizes().into_iter().map(|size| [spec.rows(), batch, size]).collect();
        let shape = |features| if spec.batch_first { [batch, steps, features] } else { [steps, batch, features] };
        let output = uniform(&shape(spec.directions() * spec.output_size()), kind);
        Problem {
            x: uniform(&shape(spec.input_size), kind),
            lengths: None,
            hx: with_state.then(|| state.iter().map(|shape| uniform(shape, kind)).collect()),
            loss: std::iter::once(output).chain(state.iter().map(|shape| uniform(shape, kind))).collect(),
        }
    }

    /// Sequences of these lengths, in any order, which are packed.
    fn random_packed(spec: &Spec, lengths: &[i64], with_state: bool) -> Problem {
        let steps = lengths.iter().copied().max().unwrap();
        let mut problem = Problem::random(spec, steps, lengths.len() as i64, with_state);
        problem.loss[0] = uniform(&[lengths.iter().sum(), spec.directions() * spec.output_size()], Kind::Float);
        problem.lengths = Some(lengths.to_vec());
        problem
    }

    /// The packed input.
    fn pack(&self, x: &Tensor, layer: &Layer) -> Option<PackedSequence> {
        let batch_first = each!(layer, layer => layer.batch_first());
        self.lengths.as_ref().map(|lengths| pack_padded_sequence(x, lengths, batch_first, false).unwrap())
    }

    /// The same numbers in float64.
    fn double(&self) -> Problem {
        let double = |tensors: &[Tensor]| tensors.iter().map(|tensor| tensor.to_kind(Kind::Double)).collect();
        Problem {
            x: self.x.to_kind(Kind::Double),
            lengths: self.lengths.clone(),
            hx: self.hx.as_deref().map(double),
            loss: double(&self.loss),
        }
    }

    /// Runs a forward and a backward pass. Then resets the gradients of the parameters.
    fn run(&self, layer: &Layer) -> Results {
        let x = leaf(&self.x);
        let hx: Option<Vec<Tensor>> = self.hx.as_ref().map(|hx| hx.iter().map(leaf).collect());
        let values = match self.pack(&x, layer) {
            None => layer.forward(&x, hx.as_deref()).unwrap(),
            Some(packed) => {
                let (output, state) = layer.forward_packed(&packed, hx.as_deref()).unwrap();
                std::iter::once(output.data).chain(state).collect()
            }
        };
        let terms = values.iter().zip(&self.loss).map(|(value, weight)| (value * weight).sum(self.x.kind()));
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

    /// Compares the fused backend, with one and two threads, with float64 and with the exact backend. With two threads the bits
    /// are the same, except in the gradients of the parameters, which have the same accuracy. `layer` is exact before, and fused
    /// afterwards.
    ///
    /// Returns the largest error in units of libtorch's, beyond the accepted ULP.
    fn assert_fused_is_accurate(&mut self, spec: &Spec, layer: &mut Layer, case: &str) -> f64 {
        let double = in_float64(spec, layer);
        self.move_away_from_kinks(spec, &double);
        let (truth, exact) = (self.double().run(&double), self.run(layer));
        layer.set_backend(Backend::Fused).unwrap();
        let fused = self.run(layer);
        tch::set_num_threads(2);
        let threaded = self.run(layer);
        tch::set_num_threads(1);
        let all = |a: &[Tensor], b: &[Tensor]| a.iter().zip(b).all(|(a, b)| same_bits(a, b));
        let same = all(&fused.values, &threaded.values) && all(&fused.inputs, &threaded.inputs);
        assert!(same, "the bits differ with two threads: {case}");
        threaded.assert_accurate(&exact, &truth, case);
        fused.assert_accurate(&exact, &truth, case)
    }

    /// Redraws sequences of an RNN with ReLU until no sum before a ReLU is close to zero. There rounding could change the sign, and
    /// the gradient would jump. `double` is the layer in float64.
    fn move_away_from_kinks(&mut self, spec: &Spec, double: &Layer) {
        if spec.nonlinearity != Some("relu") {
            return;
        }
        let batch_of_x = i64::from(!spec.batch_first);
        for _attempt in 0..100 {
            let near = self.double().near_kinks(spec, double);
            if near.is_empty() {
                return;
            }
            for sequence in near {
                let redraw = |tensor: &Tensor, dim: i64| drop(tensor.narrow(dim, sequence, 1).uniform_(-1.0, 1.0));
                redraw(&self.x, batch_of_x);
                self.hx.iter().flatten().for_each(|state| redraw(state, 1));
            }
        }
        panic!("{spec:?}: after 100 attempts there is still a sum close to zero");
    }

    /// One sequence of a packed batch.
    fn alone(&self, spec: &Spec, sequence: i64, length: i64) -> Problem {
        let (batch_of_x, steps_of_x) = if spec.batch_first { (0, 1) } else { (1, 0) };
        let state = |state: &Tensor| state.narrow(1, sequence, 1);
        Problem {
            x: self.x.narrow(batch_of_x, sequence, 1).narrow(steps_of_x, 0, length),
            lengths: None,
            hx: self.hx.as_ref().map(|hx| hx.iter().map(state).collect()),
            loss: Vec::new(),
        }
    }

    /// The sequences of the batch with a sum close to zero, relative to the sum of the magnitudes of its terms.
    fn near_kinks(&self, spec: &Spec, double: &Layer) -> Vec<i64> {
        /// 25 ULP of f32; the rounding error of a sum is a few ULP.
        const NEAR: f64 = 3e-6;
        let Layer::Rnn(rnn) = double else { unreachable!("ReLU is an RNN's") };
        if let Some(lengths) = &self.lengths {
            let near =
                |(i, length): (usize, &i64)| !self.alone(spec, i as i64, *length).near_kinks(spec, double).is_empty();
            let near = lengths.iter().enumerate().map(near);
            return near.enumerate().filter_map(|(i, near)| near.then_some(i as i64)).collect();
        }
        let steps_dim = i64::from(spec.batch_first);
        let steps = self.x.size()[steps_dim as usize];
        let h_0 = self.hx.as_ref().map(|hx| &hx[0]);
        let trace = tch::no_grad(|| rnn.trace(&self.x, h_0).unwrap());
        let gate = |name, layer, direction| trace.gate(name, layer as usize, direction as usize).unwrap();
        let mut near = Vec::new();
        let mut input = self.x.shallow_clone();
        for layer in 0..spec.num_layers {
            for direction in 0..spec.directions() {
                let (sums, h) = (gate("a", layer, direction), gate("h", layer, direction));
                let first = h_0.map_or_else(
                    || h.select(steps_dim, 0).zeros_like(),
                    |h_0| h_0.get(layer * spec.directions() + direction),
                );
                let first = first.unsqueeze(steps_dim);
                let before = match direction {
                    0 => Tensor::cat(&[first, h.narrow(steps_dim, 0, steps - 1)], steps_dim),
                    _ => Tensor::cat(&[h.narrow(steps_dim, 1, steps - 1), first], steps_dim),
                };
                let suffix = if direction == 0 { "" } else { "_reverse" };
                let parameter = |name: &str| double.parameter(&format!("{name}_l{layer}{suffix}")).detach().abs();
                let mut terms = input.abs().matmul(&parameter("weight_ih").tr());
                terms += before.abs().matmul(&parameter("weight_hh").tr());
                if spec.bias {
                    terms += parameter("bias_ih") + parameter("bias_hh");
                }
                let near_zero = sums.abs().lt_tensor(&(terms * NEAR)).any_dim(-1, false).any_dim(steps_dim, false);
                near.extend(Vec::<i64>::try_from(near_zero.nonzero().reshape([-1])).unwrap());
            }
            let outputs: Vec<_> = (0..spec.directions()).map(|direction| gate("h", layer, direction)).collect();
            input = Tensor::cat(&outputs, -1);
        }
        near
    }
}

impl Results {
    /// The results, and the gradients.
    fn kinds(&self) -> [Vec<Tensor>; 2] {
        let copy =
            |tensors: &[&[Tensor]]| tensors.iter().flat_map(|part| part.iter().map(Tensor::shallow_clone)).collect();
        [copy(&[&self.values]), copy(&[&self.inputs, &self.parameters])]
    }

    /// Asserts that the errors are of the size of the exact backend's. `truth` is in float64. Returns the smallest factor that
    /// would pass.
    #[track_caller]
    fn assert_accurate(&self, exact: &Results, truth: &Results, what: &str) -> f64 {
        let mut needed = 0.0_f64;
        let kinds = truth.kinds().into_iter().zip(exact.kinds()).zip(self.kinds());
        for (name, ((truth, exact), ours)) in ["results", "gradients"].into_iter().zip(kinds) {
            needed = needed.max(JUDGE.assert(&format!("{what}: {name}"), &truth, &exact, &ours));
        }
        needed
    }
}
