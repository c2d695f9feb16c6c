//! The trace of a layer: a forward pass step by step that keeps every gate.

use ndarray::{Array, ArrayView, ArrayView3, Axis};
use rnn_kernels::{CellKind, Config};

use super::rank::Rank;
use super::stack::Stack;
use super::state::State;
use crate::arrays::{array, product, row_major, zeros};
use crate::error::{Error, Result};
use crate::functions::{relu_of as relu, sigmoid_of as sigmoid};
use crate::product::affine;

/// Every gate of every step of a forward pass. `trace` of a layer returns it.
///
/// torch.nn has no equivalent: its layers do not return the gates. The names are those of torch's equations:
///
/// | layer | names | |
/// |---|---|---|
/// | RNN | `a` `h` | a = W_ih x + b_ih + W_hh h + b_hh; h is its nonlinearity |
/// | LSTM | `i` `f` `g` `o` `c` `h` | input gate, forget gate, candidate, output gate, cell state, hidden state |
/// | GRU | `r` `z` `n` `h` | reset gate, update gate, candidate, hidden state |
#[derive(Debug, Clone)]
pub struct Trace<D: Rank, S> {
    /// The output, equal to `forward`'s up to rounding.
    pub output: Array<f32, D>,
    /// The last state, equal to `forward`'s up to rounding.
    pub state: S,
    names: &'static [&'static str],
    directions: usize,
    /// For each layer and direction the gates in the order of `names`.
    gates: Vec<Vec<Array<f32, D>>>,
}

impl<D: Rank, S> Trace<D, S> {
    /// The names of the gates, in the order of computation.
    pub fn names(&self) -> &'static [&'static str] {
        self.names
    }

    /// One gate at every step, in the layout of the output: (steps, batch, hidden_size), (batch, steps, hidden_size) with
    /// `batch_first`, or (steps, hidden_size) if unbatched.
    ///
    /// `direction` is 0, or 1 for the reverse direction. In both, step t belongs to step t of the input. With a projection
    /// `h` has proj_size features.
    ///
    /// # Errors
    /// [`Error::NotTraced`] for an unknown name, layer or direction.
    pub fn gate(&self, name: &str, layer: usize, direction: usize) -> Result<&Array<f32, D>> {
        let found = self.gates(layer, direction)?.find(|(known, _)| *known == name);
        found.map(|(_, gate)| gate).ok_or_else(|| Error::NotTraced {
            wanted: format!("gate '{name}'"),
            known: format!("the gates {}", self.names.join(", ")),
        })
    }

    /// All gates of a layer and direction with their names.
    ///
    /// # Errors
    /// [`Error::NotTraced`] for an unknown layer or direction.
    pub fn gates(
        &self,
        layer: usize,
        direction: usize,
    ) -> Result<impl Iterator<Item = (&'static str, &Array<f32, D>)>> {
        let (layers, directions) = (self.gates.len() / self.directions, self.directions);
        if layer >= layers || direction >= directions {
            return Err(Error::NotTraced {
                wanted: format!("layer {layer} with direction {direction}"),
                known: format!("{layers} layer(s) and {directions} direction(s), counted from 0"),
            });
        }
        Ok(self.names.iter().copied().zip(&self.gates[layer * directions + direction]))
    }
}

impl Stack {
    /// Computes the equations step by step.
    pub(super) fn trace<D: Rank, S: State<D>>(
        &self,
        x: ArrayView<'_, f32, D>,
        state: Option<&S>,
    ) -> Result<Trace<D, S>> {
        let (config, batch_first) = (self.config(), self.batch_first());
        let x = D::sequences(x, batch_first);
        let views = state.map_or([None, None], State::views);
        self.check(&x, &views)?;
        let (steps, batch) = (x.shape()[0], x.shape()[1]);
        let mut input = row_major(&x)?.into_owned();
        let (mut all_gates, mut last) = (Vec::new(), [Vec::new(), Vec::new()]);
        for layer in 0..config.num_layers {
            let mut runs = Vec::new();
            for direction in 0..config.directions() {
                let row = layer * config.directions() + direction;
                let run = Direction { stack: self, row, layer, reverse: direction == 1, steps, batch };
                let first = [first_state(&views[0], row)?, first_state(&views[1], row)?];
                let (gates, [h, c]) = run.run(&input, first)?;
                last[0].extend(h);
                last[1].extend(c);
                runs.push(gates);
            }
            input = concat_h(&runs, config, steps * batch)?;
            all_gates.extend(runs);
        }
        let sequences = |numbers: Vec<f32>, features: usize| -> Result<_> {
            Ok(D::from_sequences(array((steps, batch, features), numbers)?, batch_first))
        };
        let gates_of = |gates: Vec<Vec<f32>>| -> Result<Vec<_>> {
            let h = gates.len() - 1;
            let features = |i| if i == h { config.state_size() } else { config.hidden_size };
            gates.into_iter().enumerate().map(|(i, gate)| sequences(gate, features(i))).collect()
        };
        let [h, c] = self.state_shapes(batch);
        let [last_h, last_c] = last;
        Ok(Trace {
            output: sequences(input, config.output_size())?,
            state: S::from_arrays(array(h, last_h)?, array(c, last_c)?),
            names: names(config.cell),
            directions: config.directions(),
            gates: all_gates.into_iter().map(gates_of).collect::<Result<_>>()?,
        })
    }
}

/// The gates that [`Direction::step`] computes, in its order.
fn names(cell: CellKind) -> &'static [&'static str] {
    match cell {
        CellKind::RnnTanh | CellKind::RnnRelu => &["a", "h"],
        CellKind::Lstm => &["i", "f", "g", "o", "c", "h"],
        CellKind::Gru => &["r", "z", "n", "h"],
    }
}

/// One direction of one layer.
struct Direction<'a> {
    stack: &'a Stack,
    /// Index of the layer and direction.
    row: usize,
    layer: usize,
    reverse: bool,
    steps: usize,
    batch: usize,
}

/// The numbers of h and c. Without a c the second list is empty.
type HAndC = [Vec<f32>; 2];

/// The weights of a direction.
struct DirectionWeights<'a> {
    w_ih: &'a [f32],
    w_hh: &'a [f32],
    b_ih: Option<&'a [f32]>,
    b_hh: Option<&'a [f32]>,
    w_hr: Option<&'a [f32]>,
}

impl Direction<'_> {
    /// The gates of each step, in the order of the input, and the state after the last computed step.
    fn run(&self, input: &[f32], first: HAndC) -> Result<(Vec<Vec<f32>>, HAndC)> {
        let (config, weights) = (self.stack.config(), self.weights());
        let (hidden, width) = (config.hidden_size, config.cell.gates() * config.hidden_size);
        let [h_len, c_len] = self.stack.state_shapes(self.batch).map(|[_, batch, features]| batch * features);
        let mut from_x = zeros(product(&[self.steps, self.batch, width]))?;
        affine(input, weights.w_ih, weights.b_ih, &mut from_x, config.layer_input_size(self.layer), width);
        let mut from_h = zeros(self.batch * width)?;
        let names = names(config.cell);
        let mut gates = Vec::new();
        for name in names {
            let features = if *name == "h" { config.state_size() } else { hidden };
            gates.push(zeros(product(&[self.steps, self.batch, features]))?);
        }
        let [mut h, mut c] = first;
        h.resize(h_len, 0.0); // no state is zeros
        c.resize(c_len, 0.0);
        let mut unprojected = zeros(self.batch * hidden)?;
        for i in 0..self.steps {
            let step = if self.reverse { self.steps - 1 - i } else { i };
            affine(&h, weights.w_hh, weights.b_hh, &mut from_h, config.state_size(), width);
            for sample in 0..self.batch {
                let at = step * self.batch + sample;
                let x = &from_x[at * width..][..width];
                let hh = &from_h[sample * width..][..width];
                for j in 0..hidden {
                    let old_h = if weights.w_hr.is_some() { 0.0 } else { h[sample * hidden + j] };
                    let old_c = c.get(sample * hidden + j).copied().unwrap_or(0.0);
                    let values =
                        cell(config.cell, |gate| x[gate * hidden + j], |gate| hh[gate * hidden + j], old_h, old_c);
                    let (new_h, others) = (values[names.len() - 1], names.len() - 1);
                    for (gate, value) in gates.iter_mut().zip(values).take(others) {
                        gate[at * hidden + j] = value;
                    }
                    if let Some(c) = c.get_mut(sample * hidden + j) {
                        *c = values[others - 1];
                    }
                    unprojected[sample * hidden + j] = new_h;
                }
            }
            match weights.w_hr {
                Some(w_hr) => affine(&unprojected, w_hr, None, &mut h, hidden, config.state_size()),
                None => h.copy_from_slice(&unprojected),
            }
            if let Some(gate) = gates.last_mut() {
                gate[step * h_len..][..h_len].copy_from_slice(&h);
            }
        }
        Ok((gates, [h, c]))
    }

    fn weights(&self) -> DirectionWeights<'_> {
        let (config, parameters) = (self.stack.config(), self.stack.parameters());
        let count = config.parameters_per_direction();
        let own = &parameters[self.row * count..][..count];
        let bias = |i: usize| config.bias.then(|| own[i].as_slice());
        let w_hr = (config.proj_size > 0).then(|| own[count - 1].as_slice());
        DirectionWeights { w_ih: &own[0], w_hh: &own[1], b_ih: bias(2), b_hh: bias(3), w_hr }
    }
}

/// The equations of one feature at one step. `x` and `h` are the parts of each gate's pre-activation from the input and from
/// the hidden state. Returns the gates in the order of [`names`].
fn cell(kind: CellKind, x: impl Fn(usize) -> f32, h: impl Fn(usize) -> f32, old_h: f32, old_c: f32) -> [f32; 6] {
    let sum = |gate| x(gate) + h(gate);
    match kind {
        CellKind::RnnTanh => [sum(0), sum(0).tanh(), 0.0, 0.0, 0.0, 0.0],
        CellKind::RnnRelu => [sum(0), relu(sum(0)), 0.0, 0.0, 0.0, 0.0],
        CellKind::Lstm => {
            let (i, f, g, o) = (sigmoid(sum(0)), sigmoid(sum(1)), sum(2).tanh(), sigmoid(sum(3)));
            let c = f * old_c + i * g;
            [i, f, g, o, c, o * c.tanh()]
        }
        CellKind::Gru => {
            let (r, z) = (sigmoid(sum(0)), sigmoid(sum(1)));
            let n = (x(2) + r * h(2)).tanh();
            [r, z, n, n + z * (old_h - n), 0.0, 0.0] // (1 - z) * n + z * h
        }
    }
}

/// The numbers of one row of a state; empty without a state.
fn first_state(state: &Option<ArrayView3<'_, f32>>, row: usize) -> Result<Vec<f32>> {
    let Some(state) = state else { return Ok(Vec::new()) };
    let row = state.index_axis(Axis(0), row);
    Ok(row_major(&row)?.into_owned())
}

/// The output of a layer: the h of its directions side by side.
fn concat_h(runs: &[Vec<Vec<f32>>], config: &Config, rows: usize) -> Result<Vec<f32>> {
    let size = config.state_size();
    let mut output = zeros(rows * size * runs.len())?;
    for (direction, h) in runs.iter().filter_map(|run| run.last()).enumerate() {
        for (to, from) in output.chunks_exact_mut(size * runs.len()).zip(h.chunks_exact(size)) {
            to[direction * size..][..size].copy_from_slice(from);
        }
    }
    Ok(output)
}
