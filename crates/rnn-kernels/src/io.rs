//! The arguments of a call: the caller's slices, and their conversion to checked pointers.

use crate::batch::{Batch, BatchShape};
use crate::config::Config;
use crate::error::{Error, Result, check_length};
use crate::pointers::{MatrixPtr, SequencePtr, StepOffsets};

/// A tensor of shape (steps, batch, features) with any strides in the first two dimensions, or of shape (rows, features)
/// for a packed batch. The features of a sample are contiguous.
#[derive(Debug, Clone, Copy)]
pub struct Sequence<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// From a time step to the next, in numbers. Not used if the lengths of the sequences differ.
    pub step_stride: usize,
    /// From a sample to the next, in numbers.
    pub batch_stride: usize,
}

impl<'a> Sequence<'a> {
    /// A contiguous tensor of shape (steps, batch, features), or of shape (rows, features) for a packed batch of as many
    /// sequences.
    pub fn contiguous(data: &'a [f32], batch: usize, features: usize) -> Sequence<'a> {
        Sequence { data, step_stride: batch * features, batch_stride: features }
    }

    /// The pointer, if the slice is long enough.
    fn pointer<'s>(&self, what: &'static str, shape: &'s BatchShape, features: usize) -> Result<SequencePtr<'s>> {
        let last = |count: usize, stride: usize| (count - 1).saturating_mul(stride);
        let (last_row, steps) = match shape.offsets() {
            Some(offsets) => (last(shape.rows, self.batch_stride), StepOffsets::Rows(offsets)),
            None => {
                let last_row = last(shape.steps, self.step_stride).saturating_add(last(shape.batch, self.batch_stride));
                (last_row, StepOffsets::Stride(self.step_stride))
            }
        };
        let expected = last_row.saturating_add(features);
        if self.data.len() < expected {
            return Err(Error::Length { what, expected, got: self.data.len() });
        }
        Ok(SequencePtr { ptr: self.data.as_ptr().cast_mut(), row_stride: self.batch_stride, steps })
    }
}

/// The input of a forward pass.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The sequences and their lengths. The shapes of all arguments are those of [`Batch::Padded`]; those of
    /// [`Batch::Packed`] have (rows) instead of (steps, batch).
    pub batch: Batch<'a>,
    /// (steps, batch, input_size)
    pub x: Sequence<'a>,
    /// The initial hidden state, (state_rows, batch, state_size). `None` is zeros.
    pub h_0: Option<&'a [f32]>,
    /// The initial cell state of LSTM, (state_rows, batch, hidden_size). `None` is zeros. Other cells ignore it.
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
    /// The last hidden state, (state_rows, batch, state_size).
    pub h_n: &'a mut [f32],
    /// The last cell state of LSTM, (state_rows, batch, hidden_size). Other cells ignore it.
    pub c_n: Option<&'a mut [f32]>,
}

/// The gradients of the loss with respect to the output of a forward pass. `None` is zeros.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutputGradients<'a> {
    /// (steps, batch, output_size)
    pub output: Option<Sequence<'a>>,
    /// (state_rows, batch, state_size)
    pub h_n: Option<&'a [f32]>,
    /// LSTM: (state_rows, batch, hidden_size). Other cells ignore it.
    pub c_n: Option<&'a [f32]>,
}

/// Where a backward pass writes the gradients with respect to the input of the forward pass. `None` where no gradient
/// is needed.
#[derive(Debug, Default)]
pub struct InputGradients<'a> {
    /// (steps, batch, input_size)
    pub x: Option<&'a mut [f32]>,
    /// (state_rows, batch, state_size)
    pub h_0: Option<&'a mut [f32]>,
    /// LSTM: (state_rows, batch, hidden_size). Other cells ignore it.
    pub c_0: Option<&'a mut [f32]>,
    /// In torch's order. Empty if none are needed.
    pub parameters: Vec<Option<&'a mut [f32]>>,
}

/// [`Input`] and [`Output`] as pointers. A state is a sequence with a step for each state row. The input is only read. The
/// initial and the final states may be the same array: each shard reads its own ones before it writes them.
pub(crate) struct ForwardIo<'a> {
    pub x: SequencePtr<'a>,
    pub h_0: Option<SequencePtr<'a>>,
    pub c_0: Option<SequencePtr<'a>>,
    pub dropout: Vec<SequencePtr<'a>>,
    pub output: SequencePtr<'a>,
    pub h_n: SequencePtr<'a>,
    pub c_n: Option<SequencePtr<'a>>,
}

impl ForwardIo<'_> {
    /// Whether the rows of a step of x do not follow those of the step before.
    pub(crate) fn x_has_gaps(&self, shape: &BatchShape) -> bool {
        match self.x.steps {
            StepOffsets::Stride(stride) => stride != shape.batch * self.x.row_stride,
            StepOffsets::Rows(_) => false,
        }
    }
}

/// [`OutputGradients`] and [`InputGradients`] as pointers. The output gradients are only read.
pub(crate) struct BackwardIo<'a> {
    pub d_output: Option<SequencePtr<'a>>,
    pub d_h_n: Option<SequencePtr<'a>>,
    pub d_c_n: Option<SequencePtr<'a>>,
    pub d_x: Option<SequencePtr<'a>>,
    pub d_h_0: Option<SequencePtr<'a>>,
    pub d_c_0: Option<SequencePtr<'a>>,
    /// For each layer and direction: the gradients of (W_ih, b_ih), of (W_hh, b_hh) and of W_hr. Empty if none are
    /// needed.
    pub parameters: Vec<[WeightTarget; 3]>,
}

/// Where the gradients of a weight and its bias are written.
#[derive(Clone, Copy)]
pub(crate) struct WeightTarget {
    pub weight: Option<MatrixPtr>,
    pub bias: Option<MatrixPtr>,
}

/// Checks the arguments of a forward pass.
pub(crate) fn forward_io<'a>(
    config: &Config,
    shape: &'a BatchShape,
    input: &Input<'_>,
    output: Output<'_>,
) -> Result<ForwardIo<'a>> {
    let sequence = Shape::Steps(shape, config.output_size());
    let [state, cell] = states(config, shape);
    if !input.dropout.is_empty() && input.dropout.len() + 1 != config.num_layers {
        return Err(Error::DropoutMaskCount { expected: config.num_layers - 1, got: input.dropout.len() });
    }
    let c_n = match output.c_n {
        Some(c_n) => Some(cell.writable("c_n", c_n)?),
        None if config.cell.has_c() => {
            return Err(Error::Length { what: "c_n", expected: cell.numbers(), got: 0 });
        }
        None => None,
    };
    Ok(ForwardIo {
        output: sequence.writable("output", output.output)?,
        h_n: state.writable("h_n", output.h_n)?,
        c_n,
        dropout: input.dropout.iter().map(|mask| sequence.readable("dropout", mask)).collect::<Result<_>>()?,
        x: input.x.pointer("x", shape, config.input_size)?,
        h_0: input.h_0.map(|h_0| state.readable("h_0", h_0)).transpose()?,
        c_0: input.c_0.map(|c_0| cell.readable("c_0", c_0)).transpose()?,
    })
}

/// Checks the arguments of one time step, whose states are updated in place. Allocates nothing.
pub(crate) fn step_io<'a>(
    config: &Config,
    shape: &'a BatchShape,
    x: &[f32],
    h: &mut [f32],
    c: Option<&mut [f32]>,
    output: &mut [f32],
) -> Result<ForwardIo<'a>> {
    let [state, cell] = states(config, shape);
    let c = match c {
        Some(c) if config.cell.has_c() => Some(cell.writable("c", c)?),
        None if config.cell.has_c() => return Err(Error::Length { what: "c", expected: cell.numbers(), got: 0 }),
        _ => None,
    };
    let h = state.writable("h", h)?;
    Ok(ForwardIo {
        x: Shape::Steps(shape, config.input_size).readable("x", x)?,
        h_0: Some(h),
        c_0: c,
        dropout: Vec::new(),
        output: Shape::Steps(shape, config.output_size()).writable("output", output)?,
        h_n: h,
        c_n: c,
    })
}

/// Checks the arguments of a backward pass.
pub(crate) fn backward_io<'a>(
    config: &Config,
    shape: &'a BatchShape,
    given: &OutputGradients<'_>,
    wanted: InputGradients<'_>,
) -> Result<BackwardIo<'a>> {
    let [state, cell] = states(config, shape);
    let d_output = given.output.map(|d| d.pointer("d output", shape, config.output_size()));
    Ok(BackwardIo {
        d_output: d_output.transpose()?,
        d_h_n: given.h_n.map(|d| state.readable("d h_n", d)).transpose()?,
        d_c_n: given.c_n.map(|d| cell.readable("d c_n", d)).transpose()?,
        d_x: wanted.x.map(|d| Shape::Steps(shape, config.input_size).writable("d x", d)).transpose()?,
        d_h_0: wanted.h_0.map(|d| state.writable("d h_0", d)).transpose()?,
        d_c_0: wanted.c_0.map(|d| cell.writable("d c_0", d)).transpose()?,
        parameters: weight_targets(config, wanted.parameters)?,
    })
}

fn weight_targets(config: &Config, wanted: Vec<Option<&mut [f32]>>) -> Result<Vec<[WeightTarget; 3]>> {
    let shapes = config.parameter_shapes();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    if wanted.len() != shapes.len() {
        return Err(Error::ParameterCount { expected: shapes.len(), got: wanted.len() });
    }
    let pointer = |(slice, (rows, columns)): (Option<&mut [f32]>, (usize, usize))| {
        slice.map(|slice| Ok(Shape::States([1, rows, columns]).writable("d parameter", slice)?.step(0))).transpose()
    };
    let pointers: Vec<Option<MatrixPtr>> = wanted.into_iter().zip(shapes).map(pointer).collect::<Result<_>>()?;
    let direction = |group: &[Option<MatrixPtr>]| {
        let bias = |i: usize| if config.bias { group[i] } else { None };
        let projection = if config.proj_size > 0 { group.last().copied().flatten() } else { None };
        [
            WeightTarget { weight: group[0], bias: bias(2) },
            WeightTarget { weight: group[1], bias: bias(3) },
            WeightTarget { weight: projection, bias: None },
        ]
    };
    Ok(pointers.chunks(config.parameters_per_direction()).map(direction).collect())
}

/// The shapes of all h and of all c.
fn states(config: &Config, shape: &BatchShape) -> [Shape<'static>; 2] {
    [config.state_size(), config.hidden_size]
        .map(|features| Shape::States([config.state_rows(), shape.batch, features]))
}

/// The shape of a contiguous tensor.
#[derive(Clone, Copy)]
enum Shape<'a> {
    /// A row of this many features for each sample of each time step.
    Steps(&'a BatchShape, usize),
    /// A matrix for each of the first dimension's indices.
    States([usize; 3]),
}

impl<'a> Shape<'a> {
    /// The pointer to a tensor that is read.
    fn readable(self, what: &'static str, slice: &[f32]) -> Result<SequencePtr<'a>> {
        check_length(what, slice, self.numbers())?;
        Ok(self.pointer(slice.as_ptr().cast_mut()))
    }

    /// The pointer to a tensor that is written.
    fn writable(self, what: &'static str, slice: &mut [f32]) -> Result<SequencePtr<'a>> {
        check_length(what, slice, self.numbers())?;
        Ok(self.pointer(slice.as_mut_ptr()))
    }

    fn pointer(self, ptr: *mut f32) -> SequencePtr<'a> {
        let (rows, row_stride, offsets) = match self {
            Shape::Steps(shape, features) => (shape.batch, features, shape.offsets()),
            Shape::States([_, rows, features]) => (rows, features, None),
        };
        let steps = offsets.map_or(StepOffsets::Stride(rows * row_stride), StepOffsets::Rows);
        SequencePtr { ptr, row_stride, steps }
    }

    /// Number of elements. An overflow gives `usize::MAX`, which is the length of no slice.
    fn numbers(self) -> usize {
        match self {
            Shape::Steps(shape, features) => shape.rows.saturating_mul(features),
            Shape::States(sizes) => sizes.into_iter().fold(1, usize::saturating_mul),
        }
    }
}
