//! The equations of torch.nn written down once more, in f64, one sample and one step at a time.

use rnn_kernels::{Cell, Config};

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
pub struct Solution {
    pub output: Vec<f64>,
    pub h_n: Vec<f64>,
    pub c_n: Vec<f64>,
    pub d_x: Vec<f64>,
    pub d_h_0: Vec<f64>,
    pub d_c_0: Vec<f64>,
    pub d_parameters: Vec<Vec<f64>>,
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
    /// Random numbers of the size that torch draws.
    pub fn random(config: Config, steps: usize, batch: usize, dropout: bool, seed: u64) -> Problem {
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

    pub fn solve(&self) -> Solution {
        let Config { num_layers, hidden_size: hidden, .. } = self.config;
        let (steps, batch, directions) = (self.steps, self.batch, self.config.directions());
        let width = self.config.output_size();
        let wide = |slice: &[f32]| slice.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        let mut solution = Solution {
            h_n: vec![0.0; self.h_0.len()],
            c_n: vec![0.0; self.c_0.len()],
            d_h_0: vec![0.0; self.h_0.len()],
            d_c_0: vec![0.0; self.c_0.len()],
            d_parameters: self.parameters.iter().map(|parameter| vec![0.0; parameter.len()]).collect(),
            ..Solution::default()
        };
        let mut inputs = vec![wide(&self.x)];
        let mut layers = Vec::new();
        for layer in 0..num_layers {
            let mut output = vec![0.0; steps * batch * width];
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
                output.iter_mut().zip(mask).for_each(|(x, mask)| *x *= f64::from(*mask));
            }
            inputs.push(output);
        }
        let mut d_output = wide(&self.d_output);
        for layer in (0..num_layers).rev() {
            if let Some(mask) = self.dropout.get(layer) {
                d_output.iter_mut().zip(mask).for_each(|(x, mask)| *x *= f64::from(*mask));
            }
            let mut d_input = vec![0.0; inputs[layer].len()];
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

    fn parameter(&self, layer: usize, direction: usize, which: usize) -> usize {
        (layer * self.config.directions() + direction) * self.config.parameters_per_direction() + which
    }

    /// A sample through a layer in one direction.
    fn walk(&self, layer: usize, direction: usize, sample: usize, input: &[f64]) -> Vec<Step> {
        let Config { cell, hidden_size: hidden, .. } = self.config;
        let features = self.config.layer_input(layer);
        let state = ((layer * self.config.directions() + direction) * self.batch + sample) * hidden;
        let start = |state0: &[f32]| state0[state..state + hidden].iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        let (mut h, mut c) = (start(&self.h_0), start(&self.c_0));
        let parameter = |which| &self.parameters[self.parameter(layer, direction, which)];
        let product = |weight: &[f32], row: usize, x: &[f64]| {
            x.iter().enumerate().map(|(i, x)| x * f64::from(weight[row * x_len(weight, cell, hidden) + i])).sum::<f64>()
        };
        let bias = |which: usize, row: usize| if self.config.bias { f64::from(parameter(which)[row]) } else { 0.0 };
        (0..self.steps)
            .map(|i| {
                let time = if direction == 1 { self.steps - 1 - i } else { i };
                let x = &input[(time * self.batch + sample) * features..][..features];
                let from_x = |row| product(parameter(0), row, x) + bias(2, row);
                let from_h = |row| product(parameter(1), row, &h) + bias(3, row);
                let mut step = Step { h_prev: h.clone(), c_prev: c.clone(), ..Step::default() };
                for j in 0..hidden {
                    let row = |gate: usize| gate * hidden + j;
                    let sum = |gate| from_x(row(gate)) + from_h(row(gate));
                    match cell {
                        Cell::RnnTanh => step.h.push(sum(0).tanh()),
                        Cell::RnnRelu => step.h.push(sum(0).max(0.0)),
                        Cell::Lstm => {
                            let gates = [sigmoid(sum(0)), sigmoid(sum(1)), sum(2).tanh(), sigmoid(sum(3))];
                            let c = gates[1] * c[j] + gates[0] * gates[2];
                            step.c.push(c);
                            step.h.push(gates[3] * c.tanh());
                            step.gates.push(gates);
                        }
                        Cell::Gru => {
                            let (r, z, hidden_part) = (sigmoid(sum(0)), sigmoid(sum(1)), from_h(row(2)));
                            let n = (from_x(row(2)) + r * hidden_part).tanh();
                            step.h.push((1.0 - z) * n + z * h[j]);
                            step.gates.push([r, z, n, hidden_part]);
                        }
                    }
                }
                if cell != Cell::Lstm {
                    step.c.clone_from(&c);
                }
                h.clone_from(&step.h);
                c.clone_from(&step.c);
                step
            })
            .collect()
    }

    #[allow(clippy::too_many_arguments)]
    fn walk_back(
        &self,
        layer: usize,
        direction: usize,
        sample: usize,
        walk: &[Step],
        input: &[f64],
        d_output: &[f64],
        d_input: &mut [f64],
        solution: &mut Solution,
    ) {
        let Config { cell, hidden_size: hidden, .. } = self.config;
        let features = self.config.layer_input(layer);
        let state = ((layer * self.config.directions() + direction) * self.batch + sample) * hidden;
        let end = |d: &[f32]| d[state..state + hidden].iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        let (mut d_h, mut d_c) = (end(&self.d_h_n), end(&self.d_c_n));
        let ih = self.parameter(layer, direction, 0);
        for (i, step) in walk.iter().enumerate().rev() {
            let time = if direction == 1 { self.steps - 1 - i } else { i };
            let at = (time * self.batch + sample) * self.config.output_size() + direction * hidden;
            let mut d_sums = Vec::new(); // (row, gradient by way of x, gradient by way of h)
            for j in 0..hidden {
                let d = d_h[j] + d_output[at + j];
                d_h[j] = 0.0;
                match cell {
                    Cell::RnnTanh => d_sums.push((j, d * (1.0 - step.h[j] * step.h[j]), 1.0)),
                    Cell::RnnRelu => d_sums.push((j, if step.h[j] > 0.0 { d } else { 0.0 }, 1.0)),
                    Cell::Lstm => {
                        let [i, f, g, o] = step.gates[j];
                        let tanh_c = step.c[j].tanh();
                        d_c[j] += d * o * (1.0 - tanh_c * tanh_c);
                        let gates = [
                            d_c[j] * g * i * (1.0 - i),
                            d_c[j] * step.c_prev[j] * f * (1.0 - f),
                            d_c[j] * i * (1.0 - g * g),
                            d * tanh_c * o * (1.0 - o),
                        ];
                        d_sums.extend(gates.iter().enumerate().map(|(gate, d)| (gate * hidden + j, *d, 1.0)));
                        d_c[j] *= f;
                    }
                    Cell::Gru => {
                        let [r, z, n, hidden_part] = step.gates[j];
                        let d_n = d * (1.0 - z) * (1.0 - n * n);
                        d_sums.push((j, d_n * hidden_part * r * (1.0 - r), 1.0));
                        d_sums.push((hidden + j, d * (step.h_prev[j] - n) * z * (1.0 - z), 1.0));
                        d_sums.push((2 * hidden + j, d_n, r));
                        d_h[j] = d * z;
                    }
                }
            }
            let base = (time * self.batch + sample) * features;
            for (row, d, by_h) in d_sums {
                for k in 0..features {
                    solution.d_parameters[ih][row * features + k] += d * input[base + k];
                    d_input[base + k] += d * f64::from(self.parameters[ih][row * features + k]);
                }
                for (k, d_h) in d_h.iter_mut().enumerate() {
                    solution.d_parameters[ih + 1][row * hidden + k] += d * by_h * step.h_prev[k];
                    *d_h += d * by_h * f64::from(self.parameters[ih + 1][row * hidden + k]);
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
struct Step {
    h_prev: Vec<f64>,
    c_prev: Vec<f64>,
    h: Vec<f64>,
    c: Vec<f64>,
    gates: Vec<[f64; 4]>,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Columns of a weight.
fn x_len(weight: &[f32], cell: Cell, hidden: usize) -> usize {
    weight.len() / (cell.gates() * hidden)
}
