//! The session of a command: device, console and workers.

use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;

use anyhow::Result;
use recurrent::Backend;
use serde::Serialize;
use tch::{Device, Tensor};

use crate::args::DeviceChoice;
use crate::console::Console;
use crate::memory::TrainingMemory;
use crate::progress::Progress;
use crate::{Lesson, Program, Recording, RunArgs, WorkerGroup, device};

/// The result of evaluating a model. Its fields are those of `summary.json`.
pub trait Evaluation: Serialize {
    /// The result as text.
    fn lines(&self) -> Vec<String>;

    /// The tensors that the reference notebook computes too: group, name, values.
    fn tensors(&self) -> Result<Vec<(&'static str, &'static str, Tensor)>>;
}

/// For runs without an evaluation.
impl Evaluation for () {
    fn lines(&self) -> Vec<String> {
        Vec::new()
    }

    fn tensors(&self) -> Result<Vec<(&'static str, &'static str, Tensor)>> {
        Ok(Vec::new())
    }
}

/// Device, console and workers of a command.
#[derive(Debug)]
pub struct Session {
    lesson: Lesson,
    device: Device,
    backend: Backend,
    console: Console,
    workers: WorkerGroup,
    recording: Option<Rc<RefCell<Recording>>>,
    /// The device and the reason for it, and the backend if it is not the default.
    choice: String,
}

impl Session {
    /// Chooses the device and sets the number of threads; prints the device unless it is the CPU. Call it before any
    /// computation.
    ///
    /// # Errors
    /// If the device is not available.
    pub fn start(program: &Program, args: &RunArgs, backend: Backend) -> Result<Session> {
        let session = Session::silent(program, args, backend)?;
        if session.device != Device::Cpu {
            session.note(&session.choice);
        }
        Ok(session)
    }

    /// [`Session::start`] without printing.
    pub(crate) fn silent(program: &Program, args: &RunArgs, backend: Backend) -> Result<Session> {
        let workers = program.workers.clone();
        let wanted = match (args.device, backend) {
            (DeviceChoice::Auto, Backend::Fused) => DeviceChoice::Cpu, // its kernels run on the CPU
            (wanted, _) => wanted,
        };
        let mut chosen = device::choose(wanted)?;
        if workers.is_distributed() {
            if chosen.device == Device::Cuda(0) {
                chosen = device::choose(DeviceChoice::Cuda(workers.local_rank()))?;
            }
            workers.connect_gpus(chosen.device)?;
            chosen.line = format!("{}, rank 0 of {} processes", chosen.line, workers.world_size());
        }
        if let Some(threads) = args.threads {
            tch::set_num_threads(threads);
        }
        let choice = match backend {
            Backend::Exact => chosen.line,
            Backend::Fused => format!("{}, backend: {backend}", chosen.line),
        };
        let recording = program.recording.clone();
        let console = Console::new(args, workers.is_rank_zero(), recording.is_some());
        Ok(Session { lesson: program.lesson, device: chosen.device, backend, console, workers, recording, choice })
    }

    /// The lesson.
    pub fn lesson(&self) -> &Lesson {
        &self.lesson
    }

    /// The device to compute on.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The implementation of the recurrent layers.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The processes that torchrun started.
    pub fn workers(&self) -> &WorkerGroup {
        &self.workers
    }

    /// From now on a failure to write stdout does not end the command: [`Session::take_stdout_error`] returns it.
    pub(crate) fn defer_stdout_errors(&self) {
        self.console.defer_stdout_errors();
    }

    /// The first failure to write stdout since [`Session::defer_stdout_errors`].
    pub(crate) fn take_stdout_error(&self) -> Option<anyhow::Error> {
        self.console.take_stdout_error()
    }

    /// Checks, before a model is built on the CPU, that a run can have the memory that it needs. `options` names the options that
    /// determine it.
    ///
    /// # Errors
    /// If the estimate exceeds the available memory; the message has both.
    pub fn check_memory(&self, needed: &TrainingMemory, options: &str) -> Result<()> {
        if self.device == Device::Cpu { needed.check(options) } else { Ok(()) }
    }

    pub(crate) fn progress(&self) -> &Progress {
        self.console.progress()
    }

    pub(crate) fn choice(&self) -> &str {
        &self.choice
    }

    /// Prints a line of results on stdout. Prints nothing with `--json`: stdout then has only the JSON object.
    ///
    /// # Errors
    /// If stdout cannot be written; a closed pipe is not an error.
    pub fn print(&self, line: impl Display) -> Result<()> {
        self.console.print(line)
    }

    /// Prints a message on stderr, unless `--quiet`.
    pub fn note(&self, line: impl Display) {
        self.console.note(line);
    }

    /// Prints a message on stderr with `--verbose`.
    pub(crate) fn detail(&self, line: impl Display) {
        self.console.detail(line);
    }

    /// With `--json`: prints the results as one object.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn print_json(&self, results: &impl Serialize) -> Result<()> {
        self.console.print_json(results)
    }

    /// Prints the evaluation of a trained model: its lines, or with `--json` its fields.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn report(&self, evaluation: &impl Evaluation) -> Result<()> {
        self.print_evaluation(evaluation, false)?;
        self.print_json(evaluation)
    }

    pub(crate) fn print_evaluation(&self, evaluation: &impl Evaluation, after_training: bool) -> Result<()> {
        if self.recording.is_some() {
            for (group, name, values) in evaluation.tensors()? {
                self.add_to_recording(group, name, || Ok(values))?;
            }
        }
        let lines = evaluation.lines();
        let separator = (after_training && !lines.is_empty()).then(String::new);
        separator.into_iter().chain(lines).try_for_each(|line| self.print(line))
    }

    /// Adds a tensor to the recording of a run that is compared; does nothing in other runs.
    pub(crate) fn add_to_recording(
        &self,
        group: &str,
        name: &str,
        values: impl FnOnce() -> Result<Tensor>,
    ) -> Result<()> {
        match &self.recording {
            Some(recording) => recording.borrow_mut().add(group, name, &values()?),
            None => Ok(()),
        }
    }

    /// [`Session::add_to_recording`] for named tensors.
    pub(crate) fn add_all_to_recording(&self, group: &str, tensors: &[(String, Tensor)]) -> Result<()> {
        tensors.iter().try_for_each(|(name, tensor)| self.add_to_recording(group, name, || Ok(tensor.shallow_clone())))
    }
}
