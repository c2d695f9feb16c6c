//! The equations of torch.nn written down once more, one sample and one step at a time: in f64, which is the truth, and in f32,
//! which shows how large rounding errors are.

use std::ops::{Add, AddAssign, Mul, MulAssign, Sub};

use rnn_kernels::{CellKind, Config};

/// f32 or f64.
pub trait Number:
    Copy
    + Default
    + PartialOrd
    + From<f32>
    + Into<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + AddAssign
    + MulAssign
{
    fn tanh(self) -> Self;
    fn sigmoid(self) -> Self;
}

impl Number for f32 {
    fn tanh(self) -> f32 {
        self.tanh()
    }

    fn sigmoid(self) -> f32 {
        1.0 / (1.0 + (-self).exp())
    }
}

impl Number for f64 {
    fn tanh(self) -> f64 {
        self.tanh()
    }

    fn sigmoid(self) -> f64 {
        1.0 / (1.0 + (-self).exp())
    }
}

/// Everything that goes into a pass and its way back.
pub struct Problem {
    pub config: Config,
    pub steps: usize,
    pub batch: usize,
    pub parameters: Vec<Vec<f32>>,
    pub x: Vec<f32>,
    pub h_0: Vec<f32>,
    pub c_0: Vec<f32>,
    pub dropout: Vec<Vec<f32>>,
    pub d_output: Vec<f32>,
    pub d_h_n: Vec<f32>,
    pub d_c_n: Vec<f32>,
}

/// Everything that comes out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Solution<N = f64> {
    pub output: Vec<N>,
    pub h_n: Vec<N>,
    pub c_n: Vec<N>,
    pub d_x: Vec<N>,
    pub d_h_0: Vec<N>,
    pub d_c_0: Vec<N>,
    pub d_parameters: Vec<Vec<N>>,
}

/// Numbers between -1 and 1 (xorshift; any would do).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn numbers(&mut self, count: usize, scale: f32) -> Vec<f32> {
        (0..count).map(|_| scale * self.next()).collect()
    }
}

impl Problem {
    /// Random numbers of the size that torch draws. No sum before a ReLU is so near to zero that rounding could change its sign:
    /// there the gradient jumps.
    pub fn random(config: Config, steps: usize, batch: usize, dropout: bool, seed: u64) -> Problem {
        let mut problem = Problem::draw(config, steps, batch, dropout, seed);
        let random = &mut Random(seed + 1);
        let mut samples: Vec<usize> = if config.cell == CellKind::RnnRelu { (0..batch).collect() } else { Vec::new() };
        loop {
            samples = problem.near_kinks(&samples);
            if samples.is_empty() {
                return problem;
            }
            for &sample in &samples {
                for (numbers, size) in [(&mut problem.x, config.input_size), (&mut problem.h_0, config.hidden_size)] {
                    let of_sample = numbers.chunks_exact_mut(size).skip(sample).step_by(batch);
                    of_sample.flatten().for_each(|x| *x = random.next());
                }
            }
        }
    }

    fn draw(config: Config, steps: usize, batch: usize, dropout: bool, seed: u64) -> Problem {
        let random = &mut Random(0x9e37_79b9_7f4a_7c15 ^ (seed + 1).wrapping_mul(0xd134_2543_de82_ef95));
        let scale = 1.0 / (config.hidden_size as f32).sqrt();
        let state = config.state_rows() * batch * config.hidden_size;
        let outputs = steps * batch * config.output_size();
        let masks = if dropout { config.num_layers - 1 } else { 0 };
        let parameters = config.parameter_shapes().iter().map(|(m, n)| random.numbers(m * n, scale)).collect();
        let mut mask =
            || random.numbers(outputs, 1.0).iter().map(|x| if *x < -0.4 { 0.0 } else { 1.0 / 0.7 }).collect();
        Problem {
            config,
            steps,
            batch,
            parameters,
            dropout: (0..masks).map(|_| mask()).collect(),
            x: random.numbers(steps * batch * config.input_size, 1.0),
            h_0: random.numbers(state, 1.0),
            c_0: random.numbers(state, 1.0),
            d_output: random.numbers(outputs, 1.0),
            d_h_n: random.numbers(state, 1.0),
            d_c_n: random.numbers(state, 1.0),
        }
    }

    /// Forward and backward in arithmetic of this type.
    pub fn solve<N: Number>(&self) -> Solution<N> {
        let Config { num_layers, hidden_size: hidden, .. } = self.config;
        let (steps, batch, directions) = (self.steps, self.batch, self.config.directions());
        let width = self.config.output_size();
        let wide = |slice: &[f32]| slice.iter().map(|x| N::from(*x)).collect::<Vec<_>>();
        let mut solution = Solution {
            h_n: vec![N::default(); self.h_0.len()],
            c_n: vec![N::default(); self.c_0.len()],
            d_h_0: vec![N::default(); self.h_0.len()],
            d_c_0: vec![N::default(); self.c_0.len()],
            d_parameters: self.parameters.iter().map(|parameter| vec![N::default(); parameter.len()]).collect(),
            ..Solution::default()
        };
        let mut inputs = vec![wide(&self.x)];
        let mut layers = Vec::new();
        for layer in 0..num_layers {
            let mut output = vec![N::default(); steps * batch * width];
            let mut walks = Vec::new();
            for direction in 0..directions {
                for sample in 0..batch {
                    let walk = self.walk(layer, direction, sample, &inputs[layer]);
                    let state = ((layer * directions + direction) * batch + sample) * hidden;
                    for (i, step) in walk.iter().enumerate() {
                        let time = if direction == 1 { steps - 1 - i } else { i };
                        let at = (time * batch + sample) * width + direction * hidden;
                        output[at..at + hidden].copy_from_slice(&step.h);
                    }
                    solution.h_n[state..state + hidden].copy_from_slice(&walk[steps - 1].h);
                    solution.c_n[state..state + hidden].copy_from_slice(&walk[steps - 1].c);
                    walks.push(walk);
                }
            }
            layers.push(walks);
            solution.output.clone_from(&output);
            if let Some(mask) = self.dropout.get(layer) {
                output.iter_mut().zip(mask).for_each(|(x, mask)| *x *= N::from(*mask));
            }
            inputs.push(output);
        }
        let mut d_output = wide(&self.d_output);
        for layer in (0..num_layers).rev() {
            if let Some(mask) = self.dropout.get(layer) {
                d_output.iter_mut().zip(mask).for_each(|(x, mask)| *x *= N::from(*mask));
            }
            let mut d_input = vec![N::default(); inputs[layer].len()];
            for direction in 0..directions {
                for sample in 0..batch {
                    let walk = &layers[layer][direction * batch + sample];
                    self.walk_back(
                        layer,
                        direction,
                        sample,
                        walk,
                        &inputs[layer],
                        &d_output,
                        &mut d_input,
                        &mut solution,
                    );
                }
            }
            d_output = d_input;
        }
        solution.d_x = d_output;
        solution
    }

    /// Those of `samples` with a sum near zero before a ReLU, as a share of the sum of its terms' magnitudes.
    fn near_kinks(&self, samples: &[usize]) -> Vec<usize> {
        /// 25 ULP of f32: the rounding error of a sum is some ULP.
        const NEAR: f64 = 3e-6;
        let (steps, batch, directions) = (self.steps, self.batch, self.config.directions());
        let (hidden, width) = (self.config.hidden_size, self.config.output_size());
        let mut near = Vec::new();
        let mut input: Vec<f64> = self.x.iter().map(|x| f64::from(*x)).collect();
        for layer in 0..self.config.num_layers {
            let features = self.config.layer_input_size(layer);
            let mut output = vec![0.0; steps * batch * width];
            for (direction, &sample) in (0..directions).flat_map(|d| samples.iter().map(move |s| (d, s))) {
                let parameter = |which| &self.parameters[self.parameter(layer, direction, which)];
                for (i, step) in self.walk(layer, direction, sample, &input).iter().enumerate() {
                    let time = if direction == 1 { steps - 1 - i } else { i };
                    let x = &input[(time * batch + sample) * features..][..features];
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
                    let at = (time * batch + sample) * width + direction * hidden;
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

    fn parameter(&self, layer: usize, direction: usize, which: usize) -> usize {
        (layer * self.config.directions() + direction) * self.config.parameters_per_direction() + which
    }

    /// A sample through a layer in one direction.
    fn walk<N: Number>(&self, layer: usize, direction: usize, sample: usize, input: &[N]) -> Vec<Step<N>> {
        let Config { cell, hidden_size: hidden, .. } = self.config;
        let one = N::from(1.0);
        let features = self.config.layer_input_size(layer);
        let state = ((layer * self.config.directions() + direction) * self.batch + sample) * hidden;
        let start = |state0: &[f32]| state0[state..state + hidden].iter().map(|x| N::from(*x)).collect::<Vec<_>>();
        let (mut h, mut c) = (start(&self.h_0), start(&self.c_0));
        let parameter = |which| &self.parameters[self.parameter(layer, direction, which)];
        let product = |weight: &[f32], row: usize, x: &[N]| {
            let term = |(i, x): (usize, &N)| *x * N::from(weight[row * x_len(weight, cell, hidden) + i]);
            x.iter().enumerate().map(term).fold(N::default(), |sum, term| sum + term)
        };
        let bias =
            |which: usize, row: usize| if self.config.bias { N::from(parameter(which)[row]) } else { N::default() };
        (0..self.steps)
            .map(|i| {
                let time = if direction == 1 { self.steps - 1 - i } else { i };
                let x = &input[(time * self.batch + sample) * features..][..features];
                let from_x = |row| product(parameter(0), row, x) + bias(2, row);
                let from_h = |row| product(parameter(1), row, &h) + bias(3, row);
                let mut step = Step { h_prev: h.clone(), c_prev: c.clone(), ..Step::<N>::default() };
                for j in 0..hidden {
                    let row = |gate: usize| gate * hidden + j;
                    let sum = |gate| from_x(row(gate)) + from_h(row(gate));
                    match cell {
                        CellKind::RnnTanh => step.h.push(sum(0).tanh()),
                        CellKind::RnnRelu => step.h.push(if sum(0) > N::default() { sum(0) } else { N::default() }),
                        CellKind::Lstm => {
                            let gates = [sum(0).sigmoid(), sum(1).sigmoid(), sum(2).tanh(), sum(3).sigmoid()];
                            let c = gates[1] * c[j] + gates[0] * gates[2];
                            step.c.push(c);
                            step.h.push(gates[3] * c.tanh());
                            step.gates.push(gates);
                        }
                        CellKind::Gru => {
                            let (r, z, hidden_part) = (sum(0).sigmoid(), sum(1).sigmoid(), from_h(row(2)));
                            let n = (from_x(row(2)) + r * hidden_part).tanh();
                            step.h.push((one - z) * n + z * h[j]);
                            step.gates.push([r, z, n, hidden_part]);
                        }
                    }
                }
                if cell != CellKind::Lstm {
                    step.c.clone_from(&c);
                }
                h.clone_from(&step.h);
                c.clone_from(&step.c);
                step
            })
            .collect()
    }

    #[allow(clippy::too_many_arguments)]
    fn walk_back<N: Number>(
        &self,
        layer: usize,
        direction: usize,
        sample: usize,
        walk: &[Step<N>],
        input: &[N],
        d_output: &[N],
        d_input: &mut [N],
        solution: &mut Solution<N>,
    ) {
        let Config { cell, hidden_size: hidden, .. } = self.config;
        let one = N::from(1.0);
        let features = self.config.layer_input_size(layer);
        let state = ((layer * self.config.directions() + direction) * self.batch + sample) * hidden;
        let end = |d: &[f32]| d[state..state + hidden].iter().map(|x| N::from(*x)).collect::<Vec<_>>();
        let (mut d_h, mut d_c) = (end(&self.d_h_n), end(&self.d_c_n));
        let ih = self.parameter(layer, direction, 0);
        for (i, step) in walk.iter().enumerate().rev() {
            let time = if direction == 1 { self.steps - 1 - i } else { i };
            let at = (time * self.batch + sample) * self.config.output_size() + direction * hidden;
            let mut d_sums = Vec::new(); // (row, gradient by way of x, gradient by way of h)
            for j in 0..hidden {
                let d = d_h[j] + d_output[at + j];
                d_h[j] = N::default();
                match cell {
                    CellKind::RnnTanh => d_sums.push((j, d * (one - step.h[j] * step.h[j]), one)),
                    CellKind::RnnRelu => d_sums.push((j, if step.h[j] > N::default() { d } else { N::default() }, one)),
                    CellKind::Lstm => {
                        let [i, f, g, o] = step.gates[j];
                        let tanh_c = step.c[j].tanh();
                        d_c[j] += d * o * (one - tanh_c * tanh_c);
                        let gates = [
                            d_c[j] * g * i * (one - i),
                            d_c[j] * step.c_prev[j] * f * (one - f),
                            d_c[j] * i * (one - g * g),
                            d * tanh_c * o * (one - o),
                        ];
                        d_sums.extend(gates.iter().enumerate().map(|(gate, d)| (gate * hidden + j, *d, one)));
                        d_c[j] *= f;
                    }
                    CellKind::Gru => {
                        let [r, z, n, hidden_part] = step.gates[j];
                        let d_n = d * (one - z) * (one - n * n);
                        d_sums.push((j, d_n * hidden_part * r * (one - r), one));
                        d_sums.push((hidden + j, d * (step.h_prev[j] - n) * z * (one - z), one));
                        d_sums.push((2 * hidden + j, d_n, r));
                        d_h[j] = d * z;
                    }
                }
            }
            let base = (time * self.batch + sample) * features;
            for (row, d, by_h) in d_sums {
                for k in 0..features {
                    solution.d_parameters[ih][row * features + k] += d * input[base + k];
                    d_input[base + k] += d * N::from(self.parameters[ih][row * features + k]);
                }
                for (k, d_h) in d_h.iter_mut().enumerate() {
                    solution.d_parameters[ih + 1][row * hidden + k] += d * by_h * step.h_prev[k];
                    *d_h += d * by_h * N::from(self.parameters[ih + 1][row * hidden + k]);
                }
                if self.config.bias {
                    solution.d_parameters[ih + 2][row] += d;
                    solution.d_parameters[ih + 3][row] += d * by_h;
                }
            }
        }
        solution.d_h_0[state..state + hidden].copy_from_slice(&d_h);
        solution.d_c_0[state..state + hidden].copy_from_slice(&d_c);
    }
}

/// A step of a sample: the states around it, and the gates of each hidden unit.
#[derive(Default)]
struct Step<N> {
    h_prev: Vec<N>,
    c_prev: Vec<N>,
    h: Vec<N>,
    c: Vec<N>,
    gates: Vec<[N; 4]>,
}

/// Columns of a weight.
fn x_len(weight: &[f32], cell: CellKind, hidden: usize) -> usize {
    weight.len() / (cell.gates() * hidden)
}
