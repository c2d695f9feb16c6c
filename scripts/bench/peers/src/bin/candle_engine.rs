//! Networks in candle, which reads the number of threads from RAYON_NUM_THREADS. Its LSTM and GRU have one layer and one
//! direction, and it has no RNN, so the rest is written here with its operations.

use std::collections::HashMap;

use candle_core::{D, DType, Device, IndexOp, Tensor, pickle};
use candle_nn::rnn::{GRU, GRUConfig, GRUState, LSTM, LSTMConfig, RNN};
use candle_nn::{Linear, Module, VarBuilder};
use peers::Result;
use peers::network::{Cell, Network, Task, Work, serve};

/// One direction of a layer.
enum Layer {
    Rnn { w_ih: Tensor, w_hh: Tensor, bias: Tensor },
    Lstm(LSTM),
    Gru(GRU),
}

struct Candle {
    /// The directions of each layer.
    layers: Vec<Vec<Layer>>,
    fc: Option<Linear>,
    /// (batch, features) of each time step.
    inputs: Vec<Tensor>,
    /// The state of a stream.
    state: Option<GRUState>,
    output: Tensor,
}

fn main() -> Result<()> {
    serve(load)
}

fn load(work: &Work) -> Result<Candle> {
    let tensors: HashMap<String, Tensor> = pickle::read_all(work.files.join("model.pt"))?.into_iter().collect();
    let mut layers = Vec::new();
    while tensors.contains_key(&format!("rnn.weight_ih_l{}", layers.len())) {
        let suffixes = [format!("_l{}", layers.len()), format!("_l{}_reverse", layers.len())];
        let exists = |suffix: &&String| tensors.contains_key(&format!("rnn.weight_ih{suffix}"));
        let direction = |suffix: &String| layer(&tensors, work, suffix);
        layers.push(suffixes.iter().filter(exists).map(direction).collect::<Result<Vec<_>>>()?);
    }
    let input = Tensor::from_vec(work.input()?, &work.input_shape(), &Device::Cpu)?;
    let time = if work.classes.is_some() { 1 } else { 0 };
    let inputs = (0..work.length).map(|step| Ok(input.narrow(time, step, 1)?.squeeze(time)?.contiguous()?));
    let state = match (&layers[0][0], work.task) {
        (_, Task::Forward) => None,
        (Layer::Gru(gru), Task::Stream) => Some(gru.zero_state(work.batch)?),
        (_, Task::Stream) => return Err("streams are measured with a GRU only".into()),
    };
    Ok(Candle {
        layers,
        fc: tensors.get("fc.weight").map(|weight| Linear::new(weight.clone(), tensors.get("fc.bias").cloned())),
        inputs: inputs.collect::<Result<_>>()?,
        state,
        output: input,
    })
}

/// A direction of a layer, whose parameters end with `suffix`.
fn layer(tensors: &HashMap<String, Tensor>, work: &Work, suffix: &str) -> Result<Layer> {
    let of = |name: &str| tensors[&format!("rnn.{name}{suffix}")].clone();
    let names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
    let first = names.iter().map(|name| (format!("{name}_l0"), of(name))).collect();
    let vb = VarBuilder::from_tensors(first, DType::F32, &Device::Cpu);
    let (inputs, hidden) = (of("weight_ih").dim(1)?, work.hidden_size);
    Ok(match work.cell {
        Cell::Rnn => {
            let bias = (of("bias_ih") + of("bias_hh"))?;
            Layer::Rnn { w_ih: of("weight_ih").t()?, w_hh: of("weight_hh").t()?, bias }
        }
        Cell::Lstm => Layer::Lstm(LSTM::new(inputs, hidden, LSTMConfig::default(), vb)?),
        Cell::Gru => Layer::Gru(GRU::new(inputs, hidden, GRUConfig::default(), vb)?),
    })
}

impl Layer {
    /// h of each time step, in the order of the steps.
    fn run<'a>(&self, inputs: impl Iterator<Item = &'a Tensor>, batch: usize) -> Result<Vec<Tensor>> {
        let mut outputs = Vec::new();
        match self {
            Layer::Rnn { w_ih, w_hh, bias } => {
                let mut h = Tensor::zeros((batch, w_hh.dim(0)?), DType::F32, &Device::Cpu)?;
                for x in inputs {
                    h = (x.matmul(w_ih)? + h.matmul(w_hh)?)?.broadcast_add(bias)?.tanh()?;
                    outputs.push(h.clone());
                }
            }
            Layer::Lstm(lstm) => {
                let mut state = lstm.zero_state(batch)?;
                for x in inputs {
                    state = lstm.step(x, &state)?;
                    outputs.push(state.h().clone());
                }
            }
            Layer::Gru(gru) => {
                let mut state = gru.zero_state(batch)?;
                for x in inputs {
                    state = gru.step(x, &state)?;
                    outputs.push(state.h().clone());
                }
            }
        }
        Ok(outputs)
    }
}

impl Network for Candle {
    fn call(&mut self, step: usize) -> Result<()> {
        if let (Layer::Gru(gru), Some(state)) = (&self.layers[0][0], &mut self.state) {
            *state = gru.step(&self.inputs[step], state)?;
            self.output = state.h().clone();
            return Ok(());
        }
        let batch = self.inputs[0].dim(0)?;
        let mut steps = self.inputs.clone();
        for directions in &self.layers {
            let mut outputs = directions[0].run(steps.iter(), batch)?;
            if let Some(reverse) = directions.get(1) {
                let reversed = reverse.run(steps.iter().rev(), batch)?;
                for (output, other) in outputs.iter_mut().zip(reversed.iter().rev()) {
                    *output = Tensor::cat(&[&*output, other], D::Minus1)?;
                }
            }
            steps = outputs;
        }
        self.output = match &self.fc {
            Some(fc) => fc.forward(&steps[steps.len() - 1])?,
            None => Tensor::stack(&steps, 0)?,
        };
        Ok(())
    }

    fn output(&self) -> Result<Vec<f32>> {
        Ok(self.output.i(..)?.flatten_all()?.to_vec1()?)
    }
}
