//! Networks in rnn-runtime: `rnn-runtime THREADS`. Rayon reads the number of threads from RAYON_NUM_THREADS.

use peers::Result;
use peers::network::{Cell, Network, Task, Work, serve};
use rnn_runtime::ndarray::{Array3, ArrayD, Axis};
use rnn_runtime::{Gru, Linear, Lstm, Options, Rayon, Rnn, StateDict};

enum Layer {
    Rnn(Rnn),
    Lstm(Lstm),
    Gru(Gru),
}

struct Runtime {
    layer: Layer,
    fc: Option<Linear>,
    input: Array3<f32>,
    /// The state of a stream.
    state: Option<Array3<f32>>,
    output: ArrayD<f32>,
}

fn main() -> Result<()> {
    let threads: usize = std::env::args().nth(1).ok_or("usage: rnn-runtime THREADS")?.parse()?;
    serve(|work| load(work, threads))
}

fn load(work: &Work, threads: usize) -> Result<Runtime> {
    let mut options = Options::default().batch_first(work.classes.is_some());
    if threads > 1 {
        options = options.thread_pool(Rayon);
    }
    let weights = StateDict::open(work.files.join("model.pt"))?;
    let rnn = weights.prefix("rnn");
    let layer = match work.cell {
        Cell::Rnn => Layer::Rnn(Rnn::from_state_dict(&rnn, options)?),
        Cell::Lstm => Layer::Lstm(Lstm::from_state_dict(&rnn, options)?),
        Cell::Gru => Layer::Gru(Gru::from_state_dict(&rnn, options)?),
    };
    let state = match (&layer, work.task) {
        (_, Task::Forward) => None,
        (Layer::Gru(gru), Task::Stream) => Some(gru.zero_state(work.batch)?),
        (_, Task::Stream) => return Err("streams are measured with a GRU only".into()),
    };
    Ok(Runtime {
        layer,
        fc: work.classes.map(|_| Linear::from_state_dict(&weights.prefix("fc"))).transpose()?,
        input: Array3::from_shape_vec(work.input_shape(), work.input()?)?,
        state,
        output: ArrayD::default(vec![0]),
    })
}

impl Network for Runtime {
    fn call(&mut self, step: usize) -> Result<()> {
        if let (Layer::Gru(gru), Some(state)) = (&self.layer, &mut self.state) {
            gru.step(self.input.index_axis(Axis(0), step), state)?;
            return Ok(());
        }
        let x = self.input.view();
        let output = match &self.layer {
            Layer::Rnn(layer) => layer.forward(x, None)?.0,
            Layer::Lstm(layer) => layer.forward(x, None)?.0,
            Layer::Gru(layer) => layer.forward(x, None)?.0,
        };
        self.output = match &self.fc {
            Some(fc) => fc.forward(output.index_axis(Axis(1), output.len_of(Axis(1)) - 1))?.into_dyn(),
            None => output.into_dyn(),
        };
        Ok(())
    }

    fn output(&self) -> Result<Vec<f32>> {
        Ok(match &self.state {
            Some(h) => h.iter().copied().collect(), // of the only layer, so also its output
            None => self.output.iter().copied().collect(),
        })
    }
}
