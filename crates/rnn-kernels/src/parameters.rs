//! torch's parameters, one slice each, grouped by layer and direction.

use crate::buffer_pool::Buffer;
use crate::config::Config;
use crate::error::{Error, Result, check_length};

/// The parameters of one layer and direction.
#[derive(Clone, Copy)]
pub(crate) struct Parameters<'a> {
    /// (gates * hidden_size, input size)
    pub weight_ih: &'a [f32],
    /// (gates * hidden_size, state size)
    pub weight_hh: &'a [f32],
    /// bias_ih and bias_hh
    pub biases: Option<(&'a [f32], &'a [f32])>,
    /// (proj_size, hidden_size)
    pub weight_hr: Option<&'a [f32]>,
}

/// Checks all parameters, which are in torch's order, and groups them by layer and direction.
pub(crate) fn by_direction<'a>(config: &Config, parameters: &[&'a [f32]]) -> Result<Vec<Parameters<'a>>> {
    let shapes = config.parameter_shapes();
    if parameters.len() != shapes.len() {
        return Err(Error::ParameterCount { expected: shapes.len(), got: parameters.len() });
    }
    let mut names = vec!["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"];
    if !config.bias {
        names.drain(2..4);
    }
    let per_direction = config.parameters_per_direction();
    for (i, (parameter, (rows, columns))) in parameters.iter().zip(shapes).enumerate() {
        check_length(names[i % per_direction], parameter, rows * columns)?;
    }
    let direction = |group: &[&'a [f32]]| Parameters {
        weight_ih: group[0],
        weight_hh: group[1],
        biases: config.bias.then(|| (group[2], group[3])),
        weight_hr: group.last().copied().filter(|_| config.proj_size > 0),
    };
    Ok(parameters.chunks(per_direction).map(direction).collect())
}

impl Parameters<'_> {
    /// The biases of the gate blocks, `stride` numbers for each: bias_ih + bias_hh. The two parts of GRU's n get one
    /// bias each.
    pub(crate) fn gate_biases(&self, config: &Config, stride: usize) -> Result<Buffer> {
        let (cell, hidden) = (config.cell, config.hidden_size);
        let mut buffer = Buffer::new(cell.gate_blocks() * stride)?;
        let sums = buffer.as_mut_slice();
        sums.fill(0.0);
        if let Some((bias_ih, bias_hh)) = self.biases {
            for gate in 0..cell.gates() {
                for j in 0..hidden {
                    sums[gate * stride + j] += bias_ih[gate * hidden + j];
                    sums[cell.recurrent_block(gate) * stride + j] += bias_hh[gate * hidden + j];
                }
            }
        }
        Ok(buffer)
    }
}
