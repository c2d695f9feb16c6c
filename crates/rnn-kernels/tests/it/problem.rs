//! Random problems for the kernels: a configuration, parameters, inputs, and gradients of the outputs.

use rnn_kernels::{Batch, Config};

/// The inputs of a forward and a backward pass.
pub struct Problem {
    pub config: Config,
    /// The lengths of the sequences, in decreasing order.
    pub lengths: Vec<usize>,
    pub parameters: Vec<Vec<f32>>,
    pub x: Vec<f32>,
    pub h_0: Vec<f32>,
    pub c_0: Vec<f32>,
    pub dropout: Vec<Vec<f32>>,
    pub d_output: Vec<f32>,
    pub d_h_n: Vec<f32>,
    pub d_c_n: Vec<f32>,
}

/// The results of a forward and a backward pass.
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

/// A random number generator (xorshift): numbers between -1 and 1.
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
    pub fn draw(config: Config, lengths: &[usize], dropout: bool, seed: u64) -> Problem {
        let random = &mut Random(0x9e37_79b9_7f4a_7c15 ^ (seed + 1).wrapping_mul(0xd134_2543_de82_ef95));
        let scale = 1.0 / (config.hidden_size as f32).sqrt();
        let (rows, batch) = (lengths.iter().sum::<usize>(), lengths.len());
        let [h, c] = [config.state_size(), config.hidden_size].map(|size| config.state_rows() * batch * size);
        let outputs = rows * config.output_size();
        let masks = if dropout { config.num_layers - 1 } else { 0 };
        let parameters = config.parameter_shapes().iter().map(|(m, n)| random.numbers(m * n, scale)).collect();
        let mut mask =
            || random.numbers(outputs, 1.0).iter().map(|x| if *x < -0.4 { 0.0 } else { 1.0 / 0.7 }).collect();
        Problem {
            config,
            lengths: lengths.to_vec(),
            parameters,
            dropout: (0..masks).map(|_| mask()).collect(),
            x: random.numbers(rows * config.input_size, 1.0),
            h_0: random.numbers(h, 1.0),
            c_0: random.numbers(c, 1.0),
            d_output: random.numbers(outputs, 1.0),
            d_h_n: random.numbers(h, 1.0),
            d_c_n: random.numbers(c, 1.0),
        }
    }

    /// For each time step, how many sequences have it.
    pub fn batch_sizes(&self) -> Vec<usize> {
        (0..self.lengths[0]).map(|step| self.lengths.iter().filter(|length| **length > step).count()).collect()
    }

    /// The batch as the kernels take it, with its `batch_sizes`.
    pub fn batch<'a>(&self, batch_sizes: &'a [usize]) -> Batch<'a> {
        if batch_sizes.first() == batch_sizes.last() {
            Batch::Padded { steps: batch_sizes.len(), sequences: self.lengths.len() }
        } else {
            Batch::Packed(batch_sizes)
        }
    }

    /// The row of a time step of a sequence: after those of all earlier steps.
    pub fn row(&self, step: usize, sequence: usize) -> usize {
        self.lengths.iter().map(|length| *length.min(&step)).sum::<usize>() + sequence
    }

    /// The index of parameter `which` of a layer and direction: weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, of
    /// those that exist.
    pub fn parameter(&self, layer: usize, direction: usize, which: usize) -> usize {
        (layer * self.config.directions() + direction) * self.config.parameters_per_direction() + which
    }
}
