//! The caller's slices: what goes in and what comes out; as pointers, once they are known to be long enough.

use crate::backward::BackwardIo;
use crate::config::Config;
use crate::copy::Outside;
use crate::error::{Error, Result, check_length};
use crate::forward::Io;
use crate::gradients::ParameterGradients;
use crate::layout::Layout;

/// Numbers for each step and sample: `step` apart from step to step, `batch` from sample to sample, features side by side.
#[derive(Debug, Clone, Copy)]
pub struct Sequence<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// From a step to the next.
    pub step: usize,
    /// From a sample to the next.
    pub batch: usize,
}

impl<'a> Sequence<'a> {
    /// Time before batch, nothing between.
    pub fn contiguous(data: &'a [f32], batch: usize, features: usize) -> Sequence<'a> {
        Sequence { data, step: batch * features, batch: features }
    }

    fn outside(&self, what: &'static str, steps: usize, batch: usize, features: usize) -> Result<Outside<*const f32>> {
        let reach = |count: usize, stride: usize| (count - 1).saturating_mul(stride);
        let expected = reach(steps, self.step).saturating_add(reach(batch, self.batch)).saturating_add(features);
        if self.data.len() < expected {
            return Err(Error::Length { what, expected, got: self.data.len() });
        }
        Ok(Outside { at: self.data.as_ptr(), step: self.step, batch: self.batch })
    }
}

/// What goes into a forward pass.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Steps of the sequences.
    pub steps: usize,
    /// Sequences.
    pub batch: usize,
    /// (steps, batch, input_size)
    pub x: Sequence<'a>,
    /// (state_rows, batch, hidden_size); `None` for zeros.
    pub h_0: Option<&'a [f32]>,
    /// The same, for LSTM.
    pub c_0: Option<&'a [f32]>,
    /// What the output of each layer but the last is multiplied by, (steps, batch, output_size) each; empty for no dropout.
    pub dropout: &'a [&'a [f32]],
}

/// What comes out of it.
#[derive(Debug)]
pub struct Output<'a> {
    /// h of the last layer at each step, (steps, batch, output_size).
    pub output: &'a mut [f32],
    /// (state_rows, batch, hidden_size)
    pub h_n: &'a mut [f32],
    /// The same, for LSTM.
    pub c_n: Option<&'a mut [f32]>,
}

/// The gradients of the loss with respect to what came out; `None` for zeros.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutputGradients<'a> {
    /// (steps, batch, output_size)
    pub output: Option<Sequence<'a>>,
    /// (state_rows, batch, hidden_size)
    pub h_n: Option<&'a [f32]>,
    /// The same, for LSTM.
    pub c_n: Option<&'a [f32]>,
}

/// Where the gradients with respect to what went in are written; `None` for those that nobody wants.
#[derive(Debug, Default)]
pub struct InputGradients<'a> {
    /// (steps, batch, input_size)
    pub x: Option<&'a mut [f32]>,
    /// (state_rows, batch, hidden_size)
    pub h_0: Option<&'a mut [f32]>,
    /// The same, for LSTM.
    pub c_0: Option<&'a mut [f32]>,
    /// In torch's order; empty for none.
    pub parameters: Vec<Option<&'a mut [f32]>>,
}

/// The slices as pointers, once they are known to be long enough.
pub(crate) fn forward_io(config: &Config, input: &Input<'_>, output: Output<'_>) -> Result<Io> {
    let (steps, batch) = (input.steps, input.batch);
    let state = config.state_rows() * batch * config.hidden_size;
    let outputs = steps * batch * config.output_size();
    let given = |what, slice: Option<&[f32]>| {
        slice.map(|slice| check_length(what, slice, state).map(|()| slice.as_ptr())).transpose()
    };
    check_length("output", output.output, outputs)?;
    check_length("h_n", output.h_n, state)?;
    let c_n = match output.c_n {
        Some(c_n) => {
            check_length("c_n", c_n, state)?;
            c_n.as_mut_ptr()
        }
        None if config.cell.has_c() => return Err(Error::Length { what: "c_n", expected: state, got: 0 }),
        None => std::ptr::null_mut(),
    };
    if !input.dropout.is_empty() && input.dropout.len() + 1 != config.num_layers {
        let (expected, got) = (config.num_layers - 1, input.dropout.len());
        return Err(Error::Masks { expected, got });
    }
    for mask in input.dropout {
        check_length("dropout", mask, outputs)?;
    }
    Ok(Io {
        x: input.x.outside("x", steps, batch, config.input_size)?,
        h_0: given("h_0", input.h_0)?,
        c_0: given("c_0", input.c_0)?,
        dropout: input.dropout.iter().map(|mask| mask.as_ptr()).collect(),
        output: output.output.as_mut_ptr(),
        h_n: output.h_n.as_mut_ptr(),
        c_n,
    })
}

pub(crate) fn backward_io(
    layout: &Layout,
    gradients: &OutputGradients<'_>,
    wanted: InputGradients<'_>,
) -> Result<(BackwardIo, Vec<ParameterGradients>)> {
    let config = &layout.config;
    let (steps, batch) = (layout.steps, layout.batch);
    let state = config.state_rows() * batch * config.hidden_size;
    let given = |what, slice: Option<&[f32]>| {
        slice.map(|slice| check_length(what, slice, state).map(|()| slice.as_ptr())).transpose()
    };
    let room = |what, slice: Option<&mut [f32]>, len| {
        slice.map(|slice| check_length(what, slice, len).map(|()| slice.as_mut_ptr())).transpose()
    };
    let d_output = gradients.output.map(|d| d.outside("d output", steps, batch, config.output_size()));
    let io = BackwardIo {
        d_output: d_output.transpose()?,
        d_h_n: given("d h_n", gradients.h_n)?,
        d_c_n: given("d c_n", gradients.c_n)?,
        d_x: room("d x", wanted.x, steps * batch * config.input_size)?,
        d_h_0: room("d h_0", wanted.h_0, state)?,
        d_c_0: room("d c_0", wanted.c_0, state)?,
    };
    Ok((io, parameter_gradients(config, wanted.parameters)?))
}

fn parameter_gradients(config: &Config, wanted: Vec<Option<&mut [f32]>>) -> Result<Vec<ParameterGradients>> {
    let shapes = config.parameter_shapes();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    if wanted.len() != shapes.len() {
        return Err(Error::ParameterCount { expected: shapes.len(), got: wanted.len() });
    }
    let mut pointers = Vec::with_capacity(wanted.len());
    for (slice, (rows, columns)) in wanted.into_iter().zip(shapes) {
        pointers.push(match slice {
            Some(slice) => {
                check_length("d parameter", slice, rows * columns)?;
                Some(slice.as_mut_ptr())
            }
            None => None,
        });
    }
    let direction = |group: &[Option<*mut f32>]| ParameterGradients {
        weight_ih: group[0],
        weight_hh: group[1],
        bias_ih: group.get(2).copied().flatten(),
        bias_hh: group.get(3).copied().flatten(),
    };
    Ok(pointers.chunks(config.parameters_per_direction()).map(direction).collect())
}
