//! The arguments of a call: the caller's slices, and their conversion to checked pointers.

use crate::config::Config;
use crate::error::{Error, Result, check_length};
use crate::pointers::{MatrixPtr, SequencePtr};

/// A tensor of shape (steps, batch, features) with any strides in the first two dimensions. The features of a sample
/// are contiguous.
#[derive(Debug, Clone, Copy)]
pub struct Sequence<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// From a time step to the next, in numbers.
    pub step_stride: usize,
    /// From a sample to the next, in numbers.
    pub batch_stride: usize,
}

impl<'a> Sequence<'a> {
    /// A contiguous tensor of shape (steps, batch, features).
    pub fn contiguous(data: &'a [f32], batch: usize, features: usize) -> Sequence<'a> {
        Sequence { data, step_stride: batch * features, batch_stride: features }
    }

    /// The pointer, if the slice is long enough.
    fn pointer(&self, what: &'static str, steps: usize, batch: usize, features: usize) -> Result<SequencePtr> {
        let last = |count: usize, stride: usize| (count - 1).saturating_mul(stride);
        let steps_and_samples = last(steps, self.step_stride).saturating_add(last(batch, self.batch_stride));
        let expected = steps_and_samples.saturating_add(features);
        if self.data.len() < expected {
            return Err(Error::Length { what, expected, got: self.data.len() });
        }
        let ptr = self.data.as_ptr().cast_mut();
        Ok(SequencePtr { ptr, step_stride: self.step_stride, row_stride: self.batch_stride })
    }
}

/// The input of a forward pass.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Number of time steps.
    pub steps: usize,
    /// Number of sequences.
    pub batch: usize,
    /// (steps, batch, input_size)
    pub x: Sequence<'a>,
    /// The initial hidden state, (state_rows, batch, hidden_size). `None` is zeros.
    pub h_0: Option<&'a [f32]>,
    /// The initial cell state of LSTM, with the same shape. `None` is zeros. Other cells ignore it.
    pub c_0: Option<&'a [f32]>,
    /// Dropout masks: what the output of each layer but the last is multiplied by, (steps, batch, output_size) each.
    /// Empty without dropout.
    pub dropout: &'a [&'a [f32]],
}

/// The output of a forward pass.
#[derive(Debug)]
pub struct Output<'a> {
    /// h of the last layer at each step, (steps, batch, output_size).
    pub output: &'a mut [f32],
    /// The last hidden state, (state_rows, batch, hidden_size).
    pub h_n: &'a mut [f32],
    /// The last cell state of LSTM, with the same shape. Other cells ignore it.
    pub c_n: Option<&'a mut [f32]>,
}

/// The gradients of the loss with respect to the output of a forward pass. `None` is zeros.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutputGradients<'a> {
    /// (steps, batch, output_size)
    pub output: Option<Sequence<'a>>,
    /// (state_rows, batch, hidden_size)
    pub h_n: Option<&'a [f32]>,
    /// LSTM: the same shape. Other cells ignore it.
    pub c_n: Option<&'a [f32]>,
}

/// Where a backward pass writes the gradients with respect to the input of the forward pass. `None` where no gradient
/// is needed.
#[derive(Debug, Default)]
pub struct InputGradients<'a> {
    /// (steps, batch, input_size)
    pub x: Option<&'a mut [f32]>,
    /// (state_rows, batch, hidden_size)
    pub h_0: Option<&'a mut [f32]>,
    /// LSTM: the same shape. Other cells ignore it.
    pub c_0: Option<&'a mut [f32]>,
    /// In torch's order. Empty if none are needed.
    pub parameters: Vec<Option<&'a mut [f32]>>,
}

/// [`Input`] and [`Output`] as pointers. A state is a sequence with a step for each state row. The input is only read.
pub(crate) struct ForwardIo {
    pub x: SequencePtr,
    pub h_0: Option<SequencePtr>,
    pub c_0: Option<SequencePtr>,
    pub dropout: Vec<SequencePtr>,
    pub output: SequencePtr,
    pub h_n: SequencePtr,
    pub c_n: Option<SequencePtr>,
}

/// [`OutputGradients`] and [`InputGradients`] as pointers. The output gradients are only read.
pub(crate) struct BackwardIo {
    pub d_output: Option<SequencePtr>,
    pub d_h_n: Option<SequencePtr>,
    pub d_c_n: Option<SequencePtr>,
    pub d_x: Option<SequencePtr>,
    pub d_h_0: Option<SequencePtr>,
    pub d_c_0: Option<SequencePtr>,
    /// For each layer and direction: the gradients of (W_ih, b_ih) and of (W_hh, b_hh). Empty if none are needed.
    pub parameters: Vec<[WeightTarget; 2]>,
}

/// Where the gradients of a weight and its bias are written.
#[derive(Clone, Copy)]
pub(crate) struct WeightTarget {
    pub weight: Option<MatrixPtr>,
    pub bias: Option<MatrixPtr>,
}

/// Checks the arguments of a forward pass.
pub(crate) fn forward_io(config: &Config, input: &Input<'_>, output: Output<'_>) -> Result<ForwardIo> {
    let (steps, batch) = (input.steps, input.batch);
    let state = [config.state_rows(), batch, config.hidden_size];
    let outputs = [steps, batch, config.output_size()];
    if !input.dropout.is_empty() && input.dropout.len() + 1 != config.num_layers {
        return Err(Error::DropoutMaskCount { expected: config.num_layers - 1, got: input.dropout.len() });
    }
    let c_n = match output.c_n {
        Some(c_n) => Some(writable("c_n", c_n, state)?),
        None if config.cell.has_c() => return Err(Error::Length { what: "c_n", expected: numbers(state), got: 0 }),
        None => None,
    };
    Ok(ForwardIo {
        output: writable("output", output.output, outputs)?,
        h_n: writable("h_n", output.h_n, state)?,
        c_n,
        dropout: input.dropout.iter().map(|mask| readable("dropout", mask, outputs)).collect::<Result<_>>()?,
        x: input.x.pointer("x", steps, batch, config.input_size)?,
        h_0: input.h_0.map(|h_0| readable("h_0", h_0, state)).transpose()?,
        c_0: input.c_0.map(|c_0| readable("c_0", c_0, state)).transpose()?,
    })
}

/// Checks the arguments of a backward pass.
pub(crate) fn backward_io(
    config: &Config,
    (steps, batch): (usize, usize),
    given: &OutputGradients<'_>,
    wanted: InputGradients<'_>,
) -> Result<BackwardIo> {
    let state = [config.state_rows(), batch, config.hidden_size];
    let d_output = given.output.map(|d| d.pointer("d output", steps, batch, config.output_size()));
    Ok(BackwardIo {
        d_output: d_output.transpose()?,
        d_h_n: given.h_n.map(|d| readable("d h_n", d, state)).transpose()?,
        d_c_n: given.c_n.map(|d| readable("d c_n", d, state)).transpose()?,
        d_x: wanted.x.map(|d| writable("d x", d, [steps, batch, config.input_size])).transpose()?,
        d_h_0: wanted.h_0.map(|d| writable("d h_0", d, state)).transpose()?,
        d_c_0: wanted.c_0.map(|d| writable("d c_0", d, state)).transpose()?,
        parameters: weight_targets(config, wanted.parameters)?,
    })
}

fn weight_targets(config: &Config, wanted: Vec<Option<&mut [f32]>>) -> Result<Vec<[WeightTarget; 2]>> {
    let shapes = config.parameter_shapes();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    if wanted.len() != shapes.len() {
        return Err(Error::ParameterCount { expected: shapes.len(), got: wanted.len() });
    }
    let pointer = |(slice, (rows, columns)): (Option<&mut [f32]>, (usize, usize))| {
        slice.map(|slice| Ok(writable("d parameter", slice, [1, rows, columns])?.step(0))).transpose()
    };
    let pointers: Vec<Option<MatrixPtr>> = wanted.into_iter().zip(shapes).map(pointer).collect::<Result<_>>()?;
    let direction = |group: &[Option<MatrixPtr>]| {
        [0, 1].map(|kind| WeightTarget { weight: group[kind], bias: group.get(2 + kind).copied().flatten() })
    };
    Ok(pointers.chunks(config.parameters_per_direction()).map(direction).collect())
}

/// A contiguous tensor that is read.
fn readable(what: &'static str, slice: &[f32], shape: [usize; 3]) -> Result<SequencePtr> {
    check_length(what, slice, numbers(shape))?;
    Ok(contiguous(slice.as_ptr().cast_mut(), shape))
}

/// A contiguous tensor that is written.
fn writable(what: &'static str, slice: &mut [f32], shape: [usize; 3]) -> Result<SequencePtr> {
    check_length(what, slice, numbers(shape))?;
    Ok(contiguous(slice.as_mut_ptr(), shape))
}

fn contiguous(ptr: *mut f32, [_, batch, features]: [usize; 3]) -> SequencePtr {
    SequencePtr { ptr, step_stride: batch * features, row_stride: features }
}

/// The size of a tensor. An overflow gives `usize::MAX`, which is the length of no slice.
fn numbers(shape: [usize; 3]) -> usize {
    shape.into_iter().fold(1, usize::saturating_mul)
}
