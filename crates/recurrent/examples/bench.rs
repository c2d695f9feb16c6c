//! One side of `scripts/bench.sh`: times this library's layers as `scripts/bench/torch_worker.py` times PyTorch's.
//!
//! ```text
//! cargo run --release -p recurrent --example bench -- BACKEND THREADS
//! ```
//!
//! Reads a [`Request`] a line on stdin, computes, and writes an [`Answer`] a line on stdout. While it waits for the next
//! line it computes nothing, so that several of these take turns on one machine.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::time::Instant;

use recurrent::{Backend, GruConfig, LstmConfig, Recurrent, RnnConfig};
use serde::{Deserialize, Serialize};
use tch::nn::{Path, VarStore};
use tch::{Device, Kind, Reduction, Tensor};
use torch_ext::autograd::{backward, inference_mode};
use torch_ext::optim::{Adam, AdamOptions};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The output of a layer as a function of its input.
type Forward = Box<dyn Fn(&Tensor) -> recurrent::Result<Tensor>>;

/// What to time, and for how long.
#[derive(Deserialize)]
struct Request {
    work: Work,
    /// Calls before the clock starts. The first request with new `work` has one more: it makes `Answer::value`.
    untimed: usize,
    /// Calls are timed until these seconds have passed, and at least one is.
    budget: f64,
}

#[derive(Serialize)]
struct Answer {
    /// Of each timed call.
    seconds: Vec<f64>,
    /// The mean of what the first call computed. All sides draw the same numbers, so it tells whether they compute the same.
    value: f64,
}

/// A recurrent layer, its input, and what is done with it.
#[derive(Deserialize, PartialEq)]
struct Work {
    cell: Cell,
    input_size: i64,
    hidden_size: i64,
    num_layers: i64,
    batch: i64,
    length: i64,
    /// Lesson 3's network: the batch comes first, and a linear map to so many classes follows the last step.
    classes: Option<i64>,
    task: Task,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Cell {
    Rnn,
    Lstm,
    Gru,
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Task {
    /// The forward pass, without a graph.
    Forward,
    /// The forward pass, the sum of the output, and its gradients with respect to the parameters.
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
                drop(other); // before the next one takes memory
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
    forward: Forward,
    /// Weight and bias of the linear map.
    head: Option<(Tensor, Tensor)>,
    input: Tensor,
    targets: Tensor,
    optimizer: Adam,
    value: f64,
}

impl Bench {
    /// Draws weights, then data, in the order of `torch_worker.py`, and makes the first call.
    fn new(work: Work, backend: Backend) -> Result<Bench> {
        tch::manual_seed(0);
        let vs = VarStore::new(Device::Cpu);
        let forward = layer(&work, &vs.root(), backend)?;
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
        let targets = Tensor::f_randint(work.classes.unwrap_or(1), [work.batch], (Kind::Int64, Device::Cpu))?;
        let options = AdamOptions { lr: 0.01, ..AdamOptions::default() };
        let optimizer = Adam::new(vs.trainable_variables(), options)?;
        let mut bench = Bench { work, forward, head, input, targets, optimizer, value: 0.0 };
        bench.value = bench.guarded(|bench| Ok(f64::try_from(bench.call()?.f_mean(Kind::Double)?)?))?;
        Ok(bench)
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
            self.optimizer.zero_grad()?; // a step does so itself
        }
        let begun = Instant::now();
        drop(self.call()?);
        Ok(begun.elapsed().as_secs_f64())
    }

    /// Runs `calls` in inference mode if nothing is trained.
    fn guarded<T>(&mut self, calls: impl FnOnce(&mut Bench) -> Result<T>) -> Result<T> {
        if self.work.task == Task::Forward { inference_mode(|| calls(self)) } else { calls(self) }
    }

    fn call(&mut self) -> Result<Tensor> {
        let mut output = (self.forward)(&self.input)?;
        if let Some((weight, bias)) = &self.head {
            output = output.f_select(1, -1)?.f_linear(weight, Some(bias))?;
        }
        match self.work.task {
            Task::Forward => Ok(output),
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

/// Draws the layer under `path`.
fn layer(work: &Work, path: &Path<'_>, backend: Backend) -> Result<Forward> {
    let path = path / "rnn";
    macro_rules! build {
        ($config:ident) => {{
            let config = $config::new(work.input_size, work.hidden_size).num_layers(work.num_layers);
            ready(config.batch_first(work.classes.is_some()).build(path)?, work.task, backend)
        }};
    }
    match work.cell {
        Cell::Rnn => build!(RnnConfig),
        Cell::Lstm => build!(LstmConfig),
        Cell::Gru => build!(GruConfig),
    }
}

fn ready<L: Recurrent + 'static>(mut layer: L, task: Task, backend: Backend) -> Result<Forward> {
    layer.set_backend(backend)?;
    match task {
        Task::Forward => layer.eval(),
        Task::Backward | Task::Step => layer.train(),
    }
    Ok(Box::new(move |x| Ok(layer.forward(x, None)?.0)))
}
