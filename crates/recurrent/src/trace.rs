//! The trace of a layer: a forward pass step by step that keeps every gate.

use tch::Tensor;

use crate::error::{Error, Result};
use crate::layer_base::LayerBase;
use crate::options::{Mode, Nonlinearity};
use crate::state::{State, state_from};

/// Every gate of every step of a forward pass. `layer.trace(..)` returns it.
///
/// torch.nn has no equivalent: its layers compute all steps in one operation and do not return the gates. The names are
/// those of torch's equations (see [`Rnn`](crate::Rnn), [`Lstm`](crate::Lstm), [`Gru`](crate::Gru)):
///
/// | layer | names | |
/// |---|---|---|
/// | RNN | `a` `h` | a = W_ih x + b_ih + W_hh h + b_hh; h is its nonlinearity |
/// | LSTM | `i` `f` `g` `o` `c` `h` | input gate, forget gate, candidate, output gate, cell state, hidden state |
/// | GRU | `r` `z` `n` `h` | reset gate, update gate, candidate, hidden state |
///
/// Lectures use other letters. A GRU with h_t = (1 - u) * h_(t-1) + u * n has the update gate u = 1 - z. The reset gate
/// here multiplies W h, as in torch; in Cho et al. (2014) it multiplies h before W. The candidate g of an LSTM is often
/// written as c with a tilde.
///
/// ```
/// use recurrent::Gru;
/// use tch::{Device, Kind, Tensor, nn::VarStore};
/// # fn main() -> Result<(), recurrent::Error> {
/// let vs = VarStore::new(Device::Cpu);
/// let gru = Gru::new(&vs.root(), 3, 4)?;
/// let x = Tensor::randn([7, 2, 3], (Kind::Float, Device::Cpu));
/// let trace = gru.trace(&x, None)?;
/// assert_eq!(trace.names(), ["r", "z", "n", "h"]);
/// let z = trace.gate("z", 0, 0)?; // layer 0, direction 0: 7 steps, batch of 2, 4 features
/// assert_eq!(z.size(), [7, 2, 4]);
/// assert!(trace.output.allclose(&gru.forward(&x, None)?.0, 0.0, 1e-5, false));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Trace<S> {
    /// The output, equal to `forward`'s up to rounding.
    pub output: Tensor,
    /// The last state, equal to `forward`'s up to rounding.
    pub state: S,
    names: &'static [&'static str],
    directions: usize,
    /// The gates of each layer and direction, in the order of `names`.
    values: Vec<Vec<Tensor>>,
}

impl<S> Trace<S> {
    /// The names of the gates, in the order of computation.
    pub fn names(&self) -> &'static [&'static str] {
        self.names
    }

    /// One gate at every step: (L, N, H) for an input (L, N, I), (N, L, H) with `batch_first`, (L, H) if unbatched.
    ///
    /// `direction` is 0, or 1 for the backward direction. In both, step t belongs to step t of the input. With a
    /// projection, `h` has proj_size features instead of H.
    ///
    /// # Errors
    /// [`Error::NotTraced`] for an unknown name, layer or direction.
    pub fn gate(&self, name: &str, layer: usize, direction: usize) -> Result<&Tensor> {
        let mut values = self.gates(layer, direction)?;
        let found = values.find(|(known, _)| *known == name);
        found.map(|(_, value)| value).ok_or_else(|| Error::NotTraced {
            wanted: format!("gate '{name}'"),
            known: format!("the gates {}", self.names.join(", ")),
        })
    }

    /// All gates of a layer and direction, with their names.
    ///
    /// # Errors
    /// [`Error::NotTraced`] for an unknown layer or direction.
    pub fn gates(&self, layer: usize, direction: usize) -> Result<impl Iterator<Item = (&'static str, &Tensor)>> {
        let (layers, directions) = (self.values.len() / self.directions, self.directions);
        if layer >= layers || direction >= directions {
            return Err(Error::NotTraced {
                wanted: format!("layer {layer} with direction {direction}"),
                known: format!("{layers} layer(s) and {directions} direction(s), counted from 0"),
            });
        }
        let values = &self.values[layer * directions + direction];
        Ok(self.names.iter().copied().zip(values))
    }
}

impl LayerBase {
    /// Computes the equations step by step.
    pub(crate) fn trace<S: State>(&self, input: &Tensor, hx: Option<&S>) -> Result<Trace<S>> {
        let padded = self.check_padded(input, hx)?;
        let time_dim = 1 - padded.batch_dim;
        let mut steps = padded.input.f_unbind(time_dim)?;
        if steps.is_empty() {
            return Err(Error::Torch("Expected sequence length to be larger than 0 in RNN".to_owned()));
        }
        let directions = self.options.num_directions() as usize;
        let (mut values, mut last) = (Vec::new(), Vec::new());
        for (layer, weights) in self.all_weights().chunks(directions).enumerate() {
            let mut runs = Vec::new();
            for (direction, weights) in weights.iter().enumerate() {
                let row = (layer * directions + direction) as i64;
                let first = padded.hx.iter().map(|state| Ok(state.f_select(0, row)?)).collect::<Result<Vec<_>>>()?;
                let weights = DirectionWeights::new(self.options.mode, self.options.bias, weights);
                let (gates, state) = weights.run(&steps, first, direction == 1)?;
                last.push(state);
                runs.push(gates);
            }
            steps = concat_h(&runs)?;
            for run in runs {
                values.push(stack_each(&run, time_dim)?);
            }
        }
        let unbatch = |values: Vec<Tensor>| values.into_iter().map(|value| padded.unbatch(value)).collect();
        Ok(Trace {
            output: padded.unbatch(Tensor::f_stack(&steps, time_dim)?)?,
            state: state_from(padded.unbatch_state(stack_each(&last, 0)?)?)?,
            names: names(self.options.mode),
            directions,
            values: values.into_iter().map(unbatch).collect::<Result<_>>()?,
        })
    }
}

/// The values that [`DirectionWeights::step`] computes, in its order. The state is at the end: h, or c and h.
fn names(mode: Mode) -> &'static [&'static str] {
    match mode {
        Mode::Rnn(_) => &["a", "h"],
        Mode::Lstm => &["i", "f", "g", "o", "c", "h"],
        Mode::Gru => &["r", "z", "n", "h"],
    }
}

/// The weights of one direction of one layer.
struct DirectionWeights<'a> {
    mode: Mode,
    w_ih: &'a Tensor,
    w_hh: &'a Tensor,
    b_ih: Option<&'a Tensor>,
    b_hh: Option<&'a Tensor>,
    w_hr: Option<&'a Tensor>,
}

impl<'a> DirectionWeights<'a> {
    fn new(mode: Mode, bias: bool, weights: &[&'a Tensor]) -> DirectionWeights<'a> {
        let (biases, projection) = weights[2..].split_at(if bias { 2 } else { 0 });
        let get = |tensors: &[&'a Tensor], i: usize| tensors.get(i).copied();
        let (b_ih, b_hh, w_hr) = (get(biases, 0), get(biases, 1), get(projection, 0));
        DirectionWeights { mode, w_ih: weights[0], w_hh: weights[1], b_ih, b_hh, w_hr }
    }

    /// Returns the values of each step, in the order of the input, and the state after the last computed step.
    fn run(&self, inputs: &[Tensor], first: Vec<Tensor>, backward: bool) -> Result<(Vec<Vec<Tensor>>, Vec<Tensor>)> {
        let (mut steps, mut state) = (Vec::with_capacity(inputs.len()), first);
        for t in 0..inputs.len() {
            let x = &inputs[if backward { inputs.len() - 1 - t } else { t }];
            let values = self.step(x, &state)?;
            state = values.iter().rev().take(state.len()).map(Tensor::shallow_clone).collect(); // h, or h and c
            steps.push(values);
        }
        if backward {
            steps.reverse();
        }
        Ok((steps, state))
    }

    /// The equations of one step. `state` is h, or h and c.
    fn step(&self, x: &Tensor, state: &[Tensor]) -> Result<Vec<Tensor>> {
        let h = &state[0];
        let (from_x, from_h) = (x.f_linear(self.w_ih, self.b_ih)?, h.f_linear(self.w_hh, self.b_hh)?);
        match self.mode {
            Mode::Rnn(nonlinearity) => {
                let a = from_x.f_add(&from_h)?;
                let h = match nonlinearity {
                    Nonlinearity::Tanh => a.f_tanh()?,
                    Nonlinearity::Relu => a.f_relu()?,
                };
                Ok(vec![a, h])
            }
            Mode::Lstm => {
                let gates = from_x.f_add(&from_h)?.f_chunk(4, -1)?;
                let (i, f) = (gates[0].f_sigmoid()?, gates[1].f_sigmoid()?);
                let (g, o) = (gates[2].f_tanh()?, gates[3].f_sigmoid()?);
                let c = f.f_mul(&state[1])?.f_add(&i.f_mul(&g)?)?;
                let h = o.f_mul(&c.f_tanh()?)?;
                let h = match self.w_hr {
                    Some(w_hr) => h.f_linear(w_hr, None::<&Tensor>)?,
                    None => h,
                };
                Ok(vec![i, f, g, o, c, h])
            }
            Mode::Gru => {
                let (from_x, from_h) = (from_x.f_chunk(3, -1)?, from_h.f_chunk(3, -1)?);
                let r = from_x[0].f_add(&from_h[0])?.f_sigmoid()?;
                let z = from_x[1].f_add(&from_h[1])?.f_sigmoid()?;
                let n = from_x[2].f_add(&r.f_mul(&from_h[2])?)?.f_tanh()?;
                let h = n.f_add(&z.f_mul(&h.f_sub(&n)?)?)?; // (1 - z) * n + z * h
                Ok(vec![r, z, n, h])
            }
        }
    }
}

/// The output of a layer at each step: the h of its directions, concatenated.
fn concat_h(runs: &[Vec<Vec<Tensor>>]) -> Result<Vec<Tensor>> {
    let h = |t: usize| runs.iter().filter_map(|run| run[t].last()).collect::<Vec<_>>();
    (0..runs[0].len()).map(|t| Ok(Tensor::f_cat(&h(t), -1)?)).collect()
}

/// Stacks the first tensors of all rows, then the second ones, and so on.
fn stack_each(rows: &[Vec<Tensor>], dim: i64) -> Result<Vec<Tensor>> {
    let column = |i: usize| rows.iter().map(|row| &row[i]).collect::<Vec<_>>();
    (0..rows[0].len()).map(|i| Ok(Tensor::f_stack(&column(i), dim)?)).collect()
}
