//! Random problems whose gradients can be compared: none has a relu pre-activation that is almost zero.

use rnn_kernels::{CellKind, Config};

use crate::problem::{Problem, Random};

impl Problem {
    /// A random problem. No pre-activation of a relu is so close to zero that rounding could change its sign, because
    /// the gradient of relu jumps there.
    pub fn random(config: Config, lengths: &[usize], dropout: bool, seed: u64) -> Problem {
        let mut problem = Problem::draw(config, lengths, dropout, seed);
        let batch = lengths.len();
        let random = &mut Random(seed + 1);
        let mut samples: Vec<usize> = if config.cell == CellKind::RnnRelu { (0..batch).collect() } else { Vec::new() };
        loop {
            samples = problem.samples_near_kink(&samples);
            if samples.is_empty() {
                return problem;
            }
            for &sample in &samples {
                for row in (0..lengths[sample]).map(|step| problem.row(step, sample)).collect::<Vec<_>>() {
                    let x = problem.x.chunks_exact_mut(config.input_size).nth(row);
                    x.into_iter().flatten().for_each(|x| *x = random.next());
                }
                let h_0 = problem.h_0.chunks_exact_mut(config.hidden_size).skip(sample).step_by(batch);
                h_0.flatten().for_each(|x| *x = random.next());
            }
        }
    }

    /// The samples, of those given, with a relu pre-activation close to zero relative to the sum of the magnitudes of
    /// its terms.
    fn samples_near_kink(&self, samples: &[usize]) -> Vec<usize> {
        /// 25 ULP of f32. The rounding error of a sum is a few ULP.
        const NEAR: f64 = 3e-6;
        let directions = self.config.directions();
        let (hidden, width) = (self.config.hidden_size, self.config.output_size());
        let mut near = Vec::new();
        let mut input: Vec<f64> = self.x.iter().map(|x| f64::from(*x)).collect();
        for layer in 0..self.config.num_layers {
            let features = self.config.layer_input_size(layer);
            let mut output = vec![0.0; self.d_output.len()];
            for (direction, &sample) in (0..directions).flat_map(|d| samples.iter().map(move |s| (d, s))) {
                let parameter = |which| &self.parameters[self.parameter(layer, direction, which)];
                for (i, step) in self.forward_sequence(layer, direction, sample, &input).iter().enumerate() {
                    let time = self.time(direction, sample, i);
                    let x = &input[self.row(time, sample) * features..][..features];
                    for row in 0..hidden {
                        let ih = parameter(0)[row * features..][..features].iter().zip(x);
                        let hh = parameter(1)[row * hidden..][..hidden].iter().zip(&step.h_prev);
                        let products = ih.chain(hh).map(|(weight, x)| f64::from(*weight) * x);
                        let biases =
                            [2, 3].map(|which| if self.config.bias { parameter(which)[row].into() } else { 0.0 });
                        let (sum, magnitudes) = products
                            .chain(biases)
                            .fold((0.0, 0.0), |(sum, magnitudes), term: f64| (sum + term, magnitudes + term.abs()));
                        if sum.abs() < NEAR * magnitudes && !near.contains(&sample) {
                            near.push(sample);
                        }
                    }
                    let at = self.row(time, sample) * width + direction * hidden;
                    output[at..at + hidden].copy_from_slice(&step.h);
                }
            }
            if let Some(mask) = self.dropout.get(layer) {
                output.iter_mut().zip(mask).for_each(|(x, mask)| *x *= f64::from(*mask));
            }
            input = output;
        }
        near
    }
}
