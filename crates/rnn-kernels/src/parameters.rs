//! torch's parameters, one slice each, by layer and direction.

use crate::buffer::Buffer;
use crate::config::Config;
use crate::error::{Error, Result, check_length};
use crate::layout::Layout;

/// The parameters of a layer and direction.
#[derive(Clone, Copy)]
pub(crate) struct Parameters<'a> {
    /// (gates * hidden_size) x input
    pub weight_ih: &'a [f32],
    /// (gates * hidden_size) x hidden_size
    pub weight_hh: &'a [f32],
    /// bias_ih and bias_hh
    pub biases: Option<(&'a [f32], &'a [f32])>,
}

/// Sorts all parameters, which come in torch's order, by layer and direction.
pub(crate) fn by_direction<'a>(config: &Config, parameters: &[&'a [f32]]) -> Result<Vec<Parameters<'a>>> {
    let shapes = config.parameter_shapes();
    if parameters.len() != shapes.len() {
        return Err(Error::ParameterCount { expected: shapes.len(), got: parameters.len() });
    }
    let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
    let each = config.parameters_per_direction();
    for (i, (parameter, (rows, columns))) in parameters.iter().zip(shapes).enumerate() {
        check_length(names[i % each], parameter, rows * columns)?;
    }
    let direction = |group: &[&'a [f32]]| Parameters {
        weight_ih: group[0],
        weight_hh: group[1],
        biases: config.bias.then(|| (group[2], group[3])),
    };
    Ok(parameters.chunks(each).map(direction).collect())
}

impl Parameters<'_> {
    /// Writes what each block of gates starts from, `size` numbers per block: bias_ih + bias_hh, but for GRU's n, whose
    /// hidden part has a block of its own.
    pub(crate) fn fill_bias(&self, layout: &Layout, size: usize, bias: &Buffer) {
        let (cell, hidden) = (layout.config.cell, layout.config.hidden_size);
        // SAFETY: the buffer has `size` numbers for each block, and this thread alone writes it.
        let bias = unsafe { std::slice::from_raw_parts_mut(bias.at(0), cell.blocks() * size) };
        bias.fill(0.0);
        let Some((bias_ih, bias_hh)) = self.biases else { return };
        for gate in 0..cell.gates() {
            for j in 0..hidden {
                bias[gate * size + j] += bias_ih[gate * hidden + j];
                bias[cell.hidden_block(gate) * size + j] += bias_hh[gate * hidden + j];
            }
        }
    }
}
