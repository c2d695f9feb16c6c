//! The equations of `torch.nn.RNN`, `LSTM` and `GRU`, one sample and one time step at a time. In f64 they are the
//! expected result, in f32 they show how large rounding errors are.

use std::ops::{Add, AddAssign, Mul, MulAssign, Sub};

use rnn_kernels::{CellKind, Config};

use crate::problem::{Problem, Solution};

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
    fn exp(self) -> Self;
    fn ln(self) -> Self;
}

impl Number for f32 {
    fn tanh(self) -> f32 {
        self.tanh()
    }

    fn sigmoid(self) -> f32 {
        1.0 / (1.0 + (-self).exp())
    }

    fn exp(self) -> f32 {
        self.exp()
    }

    fn ln(self) -> f32 {
        self.ln()
    }
}

impl Number for f64 {
    fn tanh(self) -> f64 {
        self.tanh()
    }

    fn sigmoid(self) -> f64 {
        1.0 / (1.0 + (-self).exp())
    }

    fn exp(self) -> f64 {
        self.exp()
    }

    fn ln(self) -> f64 {
        self.ln()
    }
}

impl Problem {
    /// Computes the forward and the backward pass in this number type.
    pub fn solve<N: Number>(&self) -> Solution<N> {
        let Config { num_layers, hidden_size: hidden, .. } = self.config;
        let size = self.config.state_size();
        let (batch, directions) = (self.lengths.len(), self.config.directions());
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
            let mut output = vec![N::default(); self.d_output.len()];
            let mut sequences = Vec::new();
            for direction in 0..directions {
                for sample in 0..batch {
                    let sequence = self.forward_sequence(layer, direction, sample, &inputs[layer]);
                    let state = (layer * directions + direction) * batch + sample;
                    for (i, step) in sequence.iter().enumerate() {
                        let time = self.time(direction, sample, i);
                        let at = self.row(time, sample) * width + direction * size;
                        output[at..at + size].copy_from_slice(&step.h);
                    }
                    let last = &sequence[self.lengths[sample] - 1];
                    solution.h_n[state * size..][..size].copy_from_slice(&last.h);
                    solution.c_n[state * hidden..][..hidden].copy_from_slice(&last.c);
                    sequences.push(sequence);
                }
            }
            layers.push(sequences);
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
                    let sequence = &layers[layer][direction * batch + sample];
                    self.backward_sequence(
                        layer,
                        direction,
                        sample,
                        sequence,
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

    /// The time step that a direction processes as number `i`.
    pub fn time(&self, direction: usize, sample: usize, i: usize) -> usize {
        if direction == 1 { self.lengths[sample] - 1 - i } else { i }
    }

    /// Runs one sample through one direction of a layer.
    pub fn forward_sequence<N: Number>(
        &self,
        layer: usize,
        direction: usize,
        sample: usize,
        input: &[N],
    ) -> Vec<Step<N>> {
        let Config { cell, hidden_size: hidden, .. } = self.config;
        let one = N::from(1.0);
        let features = self.config.layer_input_size(layer);
        let state = (layer * self.config.directions() + direction) * self.lengths.len() + sample;
        let start = |state0: &[f32], size: usize| {
            state0[state * size..][..size].iter().map(|x| N::from(*x)).collect::<Vec<_>>()
        };
        let (mut h, mut c) = (start(&self.h_0, self.config.state_size()), start(&self.c_0, hidden));
        let parameter = |which| &self.parameters[self.parameter(layer, direction, which)];
        let product = |weight: &[f32], row: usize, x: &[N]| {
            let weights = &weight[row * x.len()..][..x.len()];
            x.iter().zip(weights).fold(N::default(), |sum, (x, weight)| sum + *x * N::from(*weight))
        };
        let bias =
            |which: usize, row: usize| if self.config.bias { N::from(parameter(which)[row]) } else { N::default() };
        (0..self.lengths[sample])
            .map(|i| {
                let time = self.time(direction, sample, i);
                let x = &input[self.row(time, sample) * features..][..features];
                let from_x = |row| product(parameter(0), row, x) + bias(2, row);
                let from_h = |row| product(parameter(1), row, &h) + bias(3, row);
                let mut step = Step { h_prev: h.clone(), c_prev: c.clone(), ..Step::<N>::default() };
                for j in 0..hidden {
                    let row = |gate: usize| gate * hidden + j;
                    let sum = |gate| from_x(row(gate)) + from_h(row(gate));
                    match cell {
                        CellKind::RnnTanh => step.h.push(sum(0).tanh()),
                        CellKind::RnnRelu => {
                            let sum = sum(0);
                            step.h.push(if sum > N::default() { sum } else { N::default() });
                        }
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
                if self.config.proj_size > 0 {
                    let weight_hr = parameter(self.config.parameters_per_direction() - 1);
                    let projected = (0..self.config.proj_size).map(|row| product(weight_hr, row, &step.h)).collect();
                    step.unprojected = std::mem::replace(&mut step.h, projected);
                }
                h.clone_from(&step.h);
                c.clone_from(&step.c);
                step
            })
            .collect()
    }

    /// Runs one sample back through one direction of a layer, and adds its gradients to `d_input` and `solution`.
    #[allow(clippy::too_many_arguments)]
    fn backward_sequence<N: Number>(
        &self,
        layer: usize,
        direction: usize,
        sample: usize,
        sequence: &[Step<N>],
        input: &[N],
        d_output: &[N],
        d_input: &mut [N],
        solution: &mut Solution<N>,
    ) {
        let Config { cell, hidden_size: hidden, .. } = self.config;
        let one = N::from(1.0);
        let features = self.config.layer_input_size(layer);
        let size = self.config.state_size();
        let state = (layer * self.config.directions() + direction) * self.lengths.len() + sample;
        let end = |d: &[f32], size: usize| d[state * size..][..size].iter().map(|x| N::from(*x)).collect::<Vec<_>>();
        let (mut d_h, mut d_c) = (end(&self.d_h_n, size), end(&self.d_c_n, hidden));
        let ih = self.parameter(layer, direction, 0);
        for (i, step) in sequence.iter().enumerate().rev() {
            let time = self.time(direction, sample, i);
            let at = self.row(time, sample) * self.config.output_size() + direction * size;
            let mut d_cell = Vec::new(); // d h before the projection
            for (d_h, d_output) in d_h.iter_mut().zip(&d_output[at..]) {
                d_cell.push(std::mem::take(d_h) + *d_output);
            }
            if self.config.proj_size > 0 {
                let hr = self.parameter(layer, direction, self.config.parameters_per_direction() - 1);
                let d_projected = std::mem::replace(&mut d_cell, vec![N::default(); hidden]);
                for (row, d) in d_projected.into_iter().enumerate() {
                    for (k, d_cell) in d_cell.iter_mut().enumerate() {
                        solution.d_parameters[hr][row * hidden + k] += d * step.unprojected[k];
                        *d_cell += d * N::from(self.parameters[hr][row * hidden + k]);
                    }
                }
            }
            let mut d_gates = Vec::new(); // (row, gradient, factor of the gradient of the recurrent part)
            for j in 0..hidden {
                let d = d_cell[j];
                match cell {
                    CellKind::RnnTanh => d_gates.push((j, d * (one - step.h[j] * step.h[j]), one)),
                    CellKind::RnnRelu => {
                        d_gates.push((j, if step.h[j] > N::default() { d } else { N::default() }, one))
                    }
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
                        d_gates.extend(gates.iter().enumerate().map(|(gate, d)| (gate * hidden + j, *d, one)));
                        d_c[j] *= f;
                    }
                    CellKind::Gru => {
                        let [r, z, n, hidden_part] = step.gates[j];
                        let d_n = d * (one - z) * (one - n * n);
                        d_gates.push((j, d_n * hidden_part * r * (one - r), one));
                        d_gates.push((hidden + j, d * (step.h_prev[j] - n) * z * (one - z), one));
                        d_gates.push((2 * hidden + j, d_n, r));
                        d_h[j] = d * z;
                    }
                }
            }
            let base = self.row(time, sample) * features;
            for (row, d, recurrent_factor) in d_gates {
                for k in 0..features {
                    solution.d_parameters[ih][row * features + k] += d * input[base + k];
                    d_input[base + k] += d * N::from(self.parameters[ih][row * features + k]);
                }
                for (k, d_h) in d_h.iter_mut().enumerate() {
                    solution.d_parameters[ih + 1][row * size + k] += d * recurrent_factor * step.h_prev[k];
                    *d_h += d * recurrent_factor * N::from(self.parameters[ih + 1][row * size + k]);
                }
                if self.config.bias {
                    solution.d_parameters[ih + 2][row] += d;
                    solution.d_parameters[ih + 3][row] += d * recurrent_factor;
                }
            }
        }
        solution.d_h_0[state * size..][..size].copy_from_slice(&d_h);
        solution.d_c_0[state * hidden..][..hidden].copy_from_slice(&d_c);
    }
}

/// A time step of a sample: the states before and after it, and the gates of each hidden unit.
#[derive(Default)]
pub struct Step<N> {
    pub h_prev: Vec<N>,
    c_prev: Vec<N>,
    pub h: Vec<N>,
    c: Vec<N>,
    gates: Vec<[N; 4]>,
    /// h before its projection.
    unprojected: Vec<N>,
}
