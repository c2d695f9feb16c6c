//! The three recurrent layers behind one type, with states as lists of arrays.

use ndarray::{Array, ArrayD, ArrayView, ArrayView3, Ix3};
use rnn_runtime::{Gru, Lstm, Nonlinearity, Options, Rank, Result, Rnn, StateDict};

/// A recurrent layer of any kind.
#[derive(Debug)]
pub enum Layer {
    Rnn(Rnn),
    Gru(Gru),
    Lstm(Lstm),
}

/// Output and state: h, or h and c.
pub type Results<D> = (Array<f32, D>, Vec<Array<f32, D>>);

fn pair<D: Rank>(state: &[Array<f32, D>]) -> Option<(Array<f32, D>, Array<f32, D>)> {
    Some((state.first()?.clone(), state.get(1)?.clone()))
}

impl Layer {
    /// `mode` is one of python.py's.
    pub fn new(mode: &str, weights: &StateDict, options: Options) -> Result<Layer> {
        Ok(match mode {
            "rnn-tanh" => Layer::Rnn(Rnn::from_state_dict(weights, options)?),
            "rnn-relu" => Layer::Rnn(Rnn::from_state_dict(weights, options.nonlinearity(Nonlinearity::Relu))?),
            "gru" => Layer::Gru(Gru::from_state_dict(weights, options)?),
            _ => Layer::Lstm(Lstm::from_state_dict(weights, options)?),
        })
    }

    /// An empty `state` is no state.
    pub fn forward<D: Rank>(&self, x: ArrayView<'_, f32, D>, state: &[Array<f32, D>]) -> Result<Results<D>> {
        let one = |(output, h)| (output, vec![h]);
        match self {
            Layer::Rnn(rnn) => rnn.forward(x, state.first()).map(one),
            Layer::Gru(gru) => gru.forward(x, state.first()).map(one),
            Layer::Lstm(lstm) => lstm.forward(x, pair(state).as_ref()).map(|(output, (h, c))| (output, vec![h, c])),
        }
    }

    pub fn forward_lengths(
        &self,
        x: ArrayView3<'_, f32>,
        lengths: &[usize],
        state: &[Array<f32, Ix3>],
    ) -> Result<Results<Ix3>> {
        let one = |(output, h)| (output, vec![h]);
        match self {
            Layer::Rnn(rnn) => rnn.forward_lengths(x, lengths, state.first()).map(one),
            Layer::Gru(gru) => gru.forward_lengths(x, lengths, state.first()).map(one),
            Layer::Lstm(lstm) => {
                let (output, (h, c)) = lstm.forward_lengths(x, lengths, pair(state).as_ref())?;
                Ok((output, vec![h, c]))
            }
        }
    }

    /// Changes `state`, which is not empty.
    pub fn step<D: Rank>(
        &self,
        x: ArrayView<'_, f32, D::Smaller>,
        state: &mut [Array<f32, D>],
    ) -> Result<Array<f32, D::Smaller>> {
        match (self, state) {
            (Layer::Rnn(rnn), [h]) => Ok(rnn.step(x, h)?.to_owned()),
            (Layer::Gru(gru), [h]) => Ok(gru.step(x, h)?.to_owned()),
            (Layer::Lstm(lstm), [h, c]) => {
                let mut both = (h.clone(), c.clone());
                let output = lstm.step(x, &mut both)?.to_owned();
                (*h, *c) = both;
                Ok(output)
            }
            (layer, state) => unreachable!("{layer:?} with {} arrays", state.len()),
        }
    }

    /// Output and state, and the gates of each layer and direction.
    pub fn trace<D: Rank>(
        &self,
        x: ArrayView<'_, f32, D>,
        state: &[Array<f32, D>],
    ) -> Result<(Results<D>, Vec<ArrayD<f32>>)> {
        macro_rules! gates {
            ($layer:expr, $trace:expr) => {{
                let directions = 1 + usize::from($layer.bidirectional());
                let rows =
                    (0..$layer.num_layers()).flat_map(|layer| (0..directions).map(move |direction| (layer, direction)));
                let gates = rows.flat_map(|(layer, direction)| $trace.gates(layer, direction).unwrap());
                gates.map(|(_, gate)| gate.clone().into_dyn()).collect()
            }};
        }
        Ok(match self {
            Layer::Rnn(rnn) => {
                let trace = rnn.trace(x, state.first())?;
                let gates = gates!(rnn, trace);
                ((trace.output, vec![trace.state]), gates)
            }
            Layer::Gru(gru) => {
                let trace = gru.trace(x, state.first())?;
                let gates = gates!(gru, trace);
                ((trace.output, vec![trace.state]), gates)
            }
            Layer::Lstm(lstm) => {
                let trace = lstm.trace(x, pair(state).as_ref())?;
                let gates = gates!(lstm, trace);
                let (h, c) = trace.state;
                ((trace.output, vec![h, c]), gates)
            }
        })
    }

    /// Zeros for a batch.
    pub fn zero_state(&self, batch: usize) -> Result<Vec<Array<f32, Ix3>>> {
        Ok(match self {
            Layer::Rnn(rnn) => vec![rnn.zero_state(batch)?],
            Layer::Gru(gru) => vec![gru.zero_state(batch)?],
            Layer::Lstm(lstm) => {
                let (h, c) = lstm.zero_state(batch)?;
                vec![h, c]
            }
        })
    }

    pub fn bidirectional(&self) -> bool {
        match self {
            Layer::Rnn(rnn) => rnn.bidirectional(),
            Layer::Gru(gru) => gru.bidirectional(),
            Layer::Lstm(lstm) => lstm.bidirectional(),
        }
    }
}
