//! Worker process of `scripts/bench.sh`: times this library's layers. `scripts/bench/torch_worker.py` times PyTorch's.
//!
//! ```text
//! cargo run --release -p recurrent --example bench -- BACKEND THREADS
//! ```
//!
//! Reads one [`Request`] per line on stdin and writes one [`Answer`] per line on stdout. It computes nothing while it waits
//! for a line, so several workers can take turns on one machine.

use std::error::Error;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path as FilePath, PathBuf};
use std::time::Instant;

use recurrent::{
    AnyRecurrent, AnyState, Backend, GruConfig, LstmConfig, PackedSequence, RnnConfig, Stream, pack_padded_sequence,
};
use serde::{Deserialize, Serialize};
use tch::nn::{Path, VarStore};
use tch::{Device, Kind, Reduction, Tensor};
use torch_ext::autograd::{backward, inference_mode};
use torch_ext::optim::{Adam, AdamOptions};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
struct Request {
    work: Work,
    /// Number of warm-up calls. The first request with new `work` has one more: it computes `Answer::value`.
    untimed: usize,
    /// Calls are timed until this many seconds have passed, but at least one call.
    budget: f64,
}

#[derive(Serialize)]
struct Answer {
    /// The duration of each timed call.
    seconds: Vec<f64>,
    /// The mean of the first call's result. All workers draw the same numbers, so equal means show equal computations.
    /// If the work has files, the largest difference from the expected output.
    value: f64,
}

/// A recurrent layer, its input, and the computation to time.
#[derive(Deserialize, PartialEq)]
struct Work {
    cell: LayerKind,
    input_size: i64,
    hidden_size: i64,
    num_layers: i64,
    bidirectional: bool,
    batch: i64,
    length: i64,
    /// Whether the sequences are packed, with lengths that are spread evenly over 1 to `length`.
    packed: bool,
    /// For the network of mnist-gru: batch first, and a linear layer to this many classes after the last step.
    classes: Option<i64>,
    task: Task,
    /// The folder with the expected output.
    files: Option<PathBuf>,
}

impl Work {
    fn trains(&self) -> bool {
        matches!(self.task, Task::Backward | Task::Step)
    }
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum LayerKind {
    Rnn,
    Lstm,
    Gru,
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Task {
    /// The forward pass, without a graph.
    Forward,
    /// The forward pass of one time step, with the state of the call before, without a graph.
    Stream,
    /// The forward pass, the sum of the output, and the gradients of the parameters.
    Backward,
    /// A training step on the classes: forward, cross-entropy, `zero_grad`, backward, Adam.
    Step,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [backend, threads] = arguments.as_slice() else {
        return Err("usage: bench BACKEND THREADS".into());
    };
    let backend: Backend = backend.parse()?;
    tch::set_num_threads(threads.parse()?);
    let mut bench: Option<Bench> = None;
    for line in io::stdin().lock().lines() {
        let Request { work, untimed, budget } = serde_json::from_str(&line?)?;
        let mut bench_now = match bench.take() {
            Some(bench) if bench.work == work => bench,
            other => {
                drop(other); // frees its memory first
                Bench::new(work, backend)?
            }
        };
        let seconds = bench_now.time(untimed, budget)?;
        let answer = Answer { seconds, value: bench_now.value };
        bench = Some(bench_now);
        let mut stdout = io::stdout().lock();
        serde_json::to_writer(&mut stdout, &answer)?;
        writeln!(stdout)?;
        stdout.flush()?;
    }
    Ok(())
}

/// [`Work`] with its weights and data.
struct Bench {
    work: Work,
    rnn: AnyRecurrent,
    /// Weight and bias of the linear layer.
    head: Option<(Tensor, Tensor)>,
    input: Tensor,
    packed: Option<PackedSequence>,
    streamed: Option<Streamed>,
    targets: Tensor,
    optimizer: Adam,
    value: f64,
}

/// Input and state of [`Task::Stream`]. After the last time step the next call reads the first one.
struct Streamed {
    steps: Vec<Tensor>,
    position: usize,
    stream: Stream<AnyState>,
}

impl Bench {
    /// Draws weights, then data, in the order of `torch_worker.py`, and computes the first call.
    fn new(work: Work, backend: Backend) -> Result<Bench> {
        tch::manual_seed(0);
        let vs = VarStore::new(Device::Cpu);
        let mut rnn = layer(&work, &vs.root())?;
        rnn.set_backend(backend)?;
        if !work.trains() {
            rnn.eval();
        }
        let head = work.classes.map(|classes| {
            let bound = 1.0 / (work.hidden_size as f64).sqrt();
            let draw = |name, shape: &[i64]| vs.root().f_uniform(name, shape, -bound, bound);
            Ok::<_, tch::TchError>((draw("weight", &[classes, work.hidden_size])?, draw("bias", &[classes])?))
        });
        let head = head.transpose()?;
        let shape = match work.classes {
            Some(_) => [work.batch, work.length, work.input_size],
            None => [work.length, work.batch, work.input_size],
        };
        let input = Tensor::f_randn(shape, (Kind::Float, Device::Cpu))?;
        let packed = work.packed.then(|| {
            let steps = (work.length - 1) as f64 / (work.batch - 1).max(1) as f64;
            let lengths: Vec<i64> = (0..work.batch).map(|i| work.length - (i as f64 * steps) as i64).collect();
            pack_padded_sequence(&input, &lengths, work.classes.is_some(), true)
        });
        let packed = packed.transpose()?;
        let streamed = match work.task {
            Task::Stream => {
                Some(Streamed { steps: input.f_unbind(0)?, position: 0, stream: rnn.stream(work.batch, None)? })
            }
            _ => None,
        };
        let targets = Tensor::f_randint(work.classes.unwrap_or(1), [work.batch], (Kind::Int64, Device::Cpu))?;
        let options = AdamOptions { lr: 0.01, ..AdamOptions::default() };
        let optimizer = Adam::new(vs.trainable_variables(), options)?;
        let mut bench = Bench { work, rnn, head, input, packed, streamed, targets, optimizer, value: 0.0 };
        bench.value = bench.guarded(|bench| match &bench.work.files {
            Some(folder) => {
                let expected = expected_output(folder)?;
                bench.difference(&expected)
            }
            None => Ok(f64::try_from(bench.call()?.f_mean(Kind::Double)?)?),
        })?;
        Ok(bench)
    }

    /// The largest difference between the output for the whole input and `expected`.
    fn difference(&mut self, expected: &Tensor) -> Result<f64> {
        let calls = self.streamed.as_ref().map_or(1, |streamed| streamed.steps.len());
        let outputs = (0..calls).map(|_| Ok(self.call()?.copy())).collect::<Result<Vec<_>>>()?;
        let difference = Tensor::f_cat(&outputs, 0)?.f_flatten(0, -1)?.f_sub(expected)?;
        Ok(f64::try_from(difference.f_abs()?.f_max()?)?)
    }

    /// The seconds of each call until `budget` is spent.
    fn time(&mut self, untimed: usize, budget: f64) -> Result<Vec<f64>> {
        self.guarded(|bench| {
            for _ in 0..untimed {
                bench.time_call()?;
            }
            let begun = Instant::now();
            let mut seconds = vec![bench.time_call()?];
            while begun.elapsed().as_secs_f64() < budget {
                seconds.push(bench.time_call()?);
            }
            Ok(seconds)
        })
    }

    fn time_call(&mut self) -> Result<f64> {
        if self.work.task == Task::Backward {
            self.optimizer.zero_grad()?; // Task::Step includes it
        }
        let begun = Instant::now();
        drop(self.call()?);
        Ok(begun.elapsed().as_secs_f64())
    }

    /// Runs `calls` in inference mode if nothing is trained.
    fn guarded<T>(&mut self, calls: impl FnOnce(&mut Bench) -> Result<T>) -> Result<T> {
        if self.work.trains() { calls(self) } else { inference_mode(|| calls(self)) }
    }

    fn call(&mut self) -> Result<Tensor> {
        if let Some(Streamed { steps, position, stream }) = &mut self.streamed {
            let output = self.rnn.step(&steps[*position], stream)?.shallow_clone();
            *position = (*position + 1) % steps.len();
            return Ok(output);
        }
        let mut output = match &self.packed {
            Some(packed) => self.rnn.forward_packed(packed, None)?.0.data,
            None => self.rnn.forward(&self.input, None)?.0,
        };
        if let Some((weight, bias)) = &self.head {
            output = output.f_select(1, -1)?.f_linear(weight, Some(bias))?;
        }
        match self.work.task {
            Task::Forward | Task::Stream => Ok(output),
            Task::Backward => {
                backward(&output.f_sum(Kind::Float)?)?;
                Ok(output.f_detach()?)
            }
            Task::Step => {
                let loss = output.f_cross_entropy_loss::<Tensor>(&self.targets, None, Reduction::Mean, -100, 0.0)?;
                self.optimizer.zero_grad()?;
                backward(&loss)?;
                self.optimizer.step()?;
                Ok(loss.f_detach()?)
            }
        }
    }
}

/// The numbers in `folder/expected.f32`: little-endian float32.
fn expected_output(folder: &FilePath) -> Result<Tensor> {
    let bytes = fs::read(folder.join("expected.f32"))?;
    Ok(Tensor::f_from_data_size(&bytes, &[bytes.len() as i64 / 4], Kind::Float)?)
}

/// Builds the layer at `path / "rnn"`.
fn layer(work: &Work, path: &Path<'_>) -> Result<AnyRecurrent> {
    macro_rules! build {
        ($Config:ident) => {{
            let config = $Config::new(work.input_size, work.hidden_size).num_layers(work.num_layers);
            config.batch_first(work.classes.is_some()).bidirectional(work.bidirectional).build(path / "rnn")?.into()
        }};
    }
    Ok(match work.cell {
        LayerKind::Rnn => build!(RnnConfig),
        LayerKind::Lstm => build!(LstmConfig),
        LayerKind::Gru => build!(GruConfig),
    })
}
