//! Inference of a network whose weights, input and expected output are in files; see `engines.py` and `engine_files.py`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{Request, Result, answer, requests, time};

/// A network, and what is computed with it.
#[derive(Deserialize, PartialEq)]
pub struct Work {
    pub cell: Cell,
    pub input_size: usize,
    pub hidden_size: usize,
    pub batch: usize,
    pub length: usize,
    /// The linear layer after the last step. The input is then (batch, steps, features), and (steps, batch, features) without one.
    pub classes: Option<usize>,
    pub task: Task,
    /// The folder with the files.
    pub files: PathBuf,
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum Cell {
    Rnn,
    Lstm,
    Gru,
}

#[derive(Deserialize, PartialEq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// A call computes whole sequences.
    Forward,
    /// A call computes one time step, and the state stays for the next call.
    Stream,
}

impl Work {
    /// The numbers of the input.
    pub fn input(&self) -> Result<Vec<f32>> {
        read(&self.files.join("input.f32"))
    }

    /// The shape of `input`.
    pub fn input_shape(&self) -> [usize; 3] {
        match self.classes {
            Some(_) => [self.batch, self.length, self.input_size],
            None => [self.length, self.batch, self.input_size],
        }
    }

    /// The number of calls for the whole input.
    fn calls(&self) -> usize {
        match self.task {
            Task::Forward => 1,
            Task::Stream => self.length,
        }
    }
}

/// A network that is ready for calls.
pub trait Network {
    /// Computes the output for the whole input, or for time step `step` of a stream.
    fn call(&mut self, step: usize) -> Result<()>;

    /// The numbers of the last call's output.
    fn output(&self) -> Result<Vec<f32>>;
}

/// Answers requests with the times of `Network::call`, and with the largest difference between output and expected output.
pub fn serve<N: Network>(load: impl Fn(&Work) -> Result<N>) -> Result<()> {
    let mut loaded: Option<Loaded<N>> = None;
    for request in requests::<Work>() {
        let Request { work, untimed, budget } = request?;
        let mut now = match loaded.take() {
            Some(loaded) if loaded.work == work => loaded,
            other => {
                drop(other); // frees its memory first
                Loaded::new(work, &load)?
            }
        };
        let (seconds, ()) = time(untimed, budget, || now.call())?;
        answer(seconds, now.difference)?;
        loaded = Some(now);
    }
    Ok(())
}

struct Loaded<N> {
    work: Work,
    network: N,
    /// The time step of the next call.
    step: usize,
    difference: f32,
}

impl<N: Network> Loaded<N> {
    fn new(work: Work, load: impl Fn(&Work) -> Result<N>) -> Result<Loaded<N>> {
        let network = load(&work)?;
        let mut loaded = Loaded { work, network, step: 0, difference: 0.0 };
        let expected = read(&loaded.work.files.join("expected.f32"))?;
        if loaded.work.task == Task::Forward {
            loaded.call()?; // The output of the next call shows that no state is left of this one.
        }
        let mut output = Vec::with_capacity(expected.len());
        for _ in 0..loaded.work.calls() {
            loaded.call()?;
            output.extend(loaded.network.output()?);
        }
        if output.len() != expected.len() {
            return Err(format!("the output has {} numbers, not {}", output.len(), expected.len()).into());
        }
        let differences = output.iter().zip(&expected).map(|(found, expected)| (found - expected).abs());
        // `f32::max` would drop a NaN.
        loaded.difference =
            differences.fold(0.0, |largest, next| if next > largest || next.is_nan() { next } else { largest });
        Ok(loaded)
    }

    fn call(&mut self) -> Result<()> {
        self.network.call(self.step)?;
        self.step = (self.step + 1) % self.work.calls();
        Ok(())
    }
}

/// Little-endian numbers.
fn read(path: &Path) -> Result<Vec<f32>> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (numbers, _) = bytes.as_chunks();
    Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}
