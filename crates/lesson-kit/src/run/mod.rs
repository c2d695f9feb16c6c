//! One training run: from the options to the files in its folder.
//!
//! | module | content |
//! |---|---|
//! | `training_loop`, `epochs` | epochs and batches; their iterators, which end early after Ctrl-C |
//! | `losses`, `loss_history`, `deferred_losses` | recording of losses; the losses so far; losses that are still on the GPU |
//! | `saving`, `checkpoints`, `snapshots`, `checkpoint_writer` | what a run writes; when a checkpoint is written; which parameters are good; the thread that writes |
//! | `optimizer_state`, `resume` | the argument of [`Run::begin`] and [`Run::checkpoint`]; `--resume` |
//! | `folder`, `existing_run`, `folder_lock` | the run folder; what it contains before a run; its lock |
//! | `records` | `config.json`, `metrics.jsonl`, `summary.json` |

mod checkpoint_writer;
mod checkpoints;
mod deferred_losses;
mod epochs;
mod existing_run;
mod folder;
mod folder_lock;
mod loss_history;
mod losses;
mod optimizer_state;
mod records;
mod resume;
mod saving;
mod snapshots;
mod training_loop;

use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value as Json;
use tch::{Device, Tensor};

use crate::args::Options;
use crate::checkpoint::Checkpoint;
use crate::file_names::{CONFIG, SUMMARY};
use crate::{Evaluation, Lesson, Program, RunArgs, Session, WorkerGroup, device, interrupt, seed};
use checkpoints::Checkpoints;
use deferred_losses::DeferredLosses;
use epochs::LoopControl;
use existing_run::Progress;
use folder::{Intent, RunFolder};
use loss_history::LossHistory;
use records::{Config, Summary};

pub use deferred_losses::copy_to_host;
pub use epochs::{Batches, Epochs};
pub use optimizer_state::{OptimizerState, OptimizerStateMut};

/// A training run. The loop itself is in the lesson: the run provides the epochs and records the losses.
///
/// ```no_run
/// # fn lesson(program: &lesson_kit::Program, args: &lesson_kit::RunArgs, options: &lesson_kit::Hyperparameters) -> anyhow::Result<()> {
/// # use torch_ext::optim::{Sgd, SgdOptions};
/// # let step = || Ok::<f32, anyhow::Error>(0.1);
/// # let parameters: Vec<(String, tch::Tensor)> = vec![];
/// # let mut optimizer = Sgd::new(parameters.iter().map(|(_, tensor)| tensor), SgdOptions::default())?;
/// let mut run = lesson_kit::Run::start(program, args, options, ())?;
/// run.begin(&parameters, &mut optimizer)?;
/// for epoch in run.epochs() {
///     let loss = step()?; // forward, loss, zero_grad, backward, step
///     run.record(epoch, loss)?;
///     run.checkpoint(epoch, &optimizer)?;
/// }
/// run.save_model(&parameters)?;
/// run.finish(&())
/// # }
/// ```
#[derive(Debug)]
pub struct Run {
    lesson: Lesson,
    args: RunArgs,
    settings: Settings,
    session: Session,
    /// `None` in a dry run.
    folder: Option<RunFolder>,
    /// The content of `config.json`.
    config: Json,
    losses: LossHistory,
    deferred_losses: DeferredLosses,
    checkpoints: Checkpoints,
    /// The checkpoint to resume from, until [`Run::begin`].
    resumed: Option<Checkpoint>,
    /// See [`Run::carry`].
    carried: Vec<Tensor>,
    /// Epochs that a resumed run already has.
    epochs_before: u32,
    epoch: EpochPosition,
    clock: Stopwatch,
    control: Rc<LoopControl>,
}

/// Options that a run needs after its start.
#[derive(Debug)]
struct Settings {
    epochs: u32,
    seed: i64,
    lr: f64,
}

/// The current epoch of a lesson with batches.
#[derive(Debug, Default)]
struct EpochPosition {
    batches: usize,
    /// The number of epochs that this process has started.
    begun: u32,
    /// The generator's state at the start of the epoch.
    rng_state: Option<Tensor>,
    /// The generator's state at the start of the incomplete epoch of a resumed run, until [`Run::batches`] continues that epoch.
    resumed_rng_state: Option<Tensor>,
}

/// The training time.
#[derive(Debug, Default)]
struct Stopwatch {
    before: f64,
    started: Option<Instant>,
}

impl Stopwatch {
    fn start(&mut self) {
        self.started = Some(Instant::now());
    }

    fn seconds(&self) -> f64 {
        self.before + self.started.map_or(0.0, |started| started.elapsed().as_secs_f64())
    }

    fn stop_at(&mut self, seconds: f64) {
        *self = Stopwatch { before: seconds, started: None };
    }
}

impl Run {
    /// Chooses the device, sets threads and seed, and checks the run folder. Nothing is written before the first record.
    /// `from_data` are values for `config.json` that are computed from the training data, with its
    /// [`data_digest`](crate::data_digest); `()` for none.
    ///
    /// Draw random numbers only after this call.
    ///
    /// # Errors
    /// If the device is not available, the folder is not free, or the run to resume has other options.
    pub fn start<O: Options>(program: &Program, args: &RunArgs, options: &O, from_data: impl Serialize) -> Result<Run> {
        let hyper = options.hyperparameters();
        let session = Session::silent(program, args, hyper.backend)?;
        session.defer_stdout_errors();
        let workers = session.workers();
        seed::set(hyper.seed);
        let epochs = if args.dry_run { 1 } else { hyper.epochs };
        let settings = Settings { epochs, seed: hyper.seed, lr: hyper.lr };
        session.progress().set_epochs(epochs);

        let device_name = device::name(session.device());
        let from_data = serde_json::to_value(from_data).context(CONFIG)?;
        let data_keys: Vec<String> = from_data.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
        let config = Config::new(&program.lesson, options, &device_name, workers, from_data);
        let config = serde_json::to_value(config).context(CONFIG)?;
        let folder = open_folder(program, args, &config, workers)?;
        let finished = folder.as_ref().is_some_and(|folder| folder.progress() == Progress::Finished);
        resume::check_workers(&config, workers)?;
        let resumed = program.take_resumed();
        // Without its checkpoint a run that is to be resumed would be replaced.
        ensure!(resumed.is_some() == args.resume, "--resume: the program has no checkpoint to resume from");
        if let Some(checkpoint) = &resumed {
            workers.rank_zero_only(|| {
                checkpoint.check_unchanged(&args.out)?;
                resume::check_data(&checkpoint.config, &config, args.allow_changed_data, &args.out)?;
                let ignored = if args.allow_changed_data { &data_keys[..] } else { &[] };
                resume::check_options(&checkpoint.config, &config, ignored, &args.out)?;
                resume::check_epochs(checkpoint, epochs, finished && workers.restarts() == 0, &args.out)
            })?;
        }
        interrupt::install()?;
        print_start(&session, resumed.as_ref(), &config, folder.as_ref().filter(|_| finished));
        if folder.is_none() && workers.is_rank_zero() {
            session.note("dry run: one step of everything, nothing is written");
        }
        Ok(Run {
            lesson: program.lesson,
            args: args.clone(),
            settings,
            folder,
            config,
            losses: LossHistory::default(),
            deferred_losses: DeferredLosses::new(session.device(), workers),
            checkpoints: Checkpoints::new(args.checkpoint_every, epochs),
            resumed,
            carried: Vec::new(),
            epochs_before: 0,
            epoch: EpochPosition::default(),
            clock: Stopwatch::default(),
            control: Rc::new(LoopControl::new(workers)),
            session,
        })
    }

    /// Device, console and workers.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The device of the run.
    pub fn device(&self) -> Device {
        self.session.device()
    }

    /// The run folder; `None` in a dry run.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(RunFolder::path)
    }

    /// Prints the evaluation of the trained model. Call it before anything that can fail, such as a picture.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn report(&self, evaluation: &impl Evaluation) -> Result<()> {
        self.session.print_evaluation(evaluation, true)
    }

    /// Ends the run: writes `summary.json`, and prints it with `--json`.
    ///
    /// # Errors
    /// If no epoch was recorded, or the file cannot be written. If stdout could not be written during the run: the run is then
    /// complete, but some of its results were not printed.
    pub fn finish(self, evaluation: &impl Evaluation) -> Result<()> {
        if !self.session.workers().is_rank_zero() {
            return Ok(());
        }
        let Some((epochs, final_loss)) = self.losses.last() else {
            bail!("the run ended before its first epoch");
        };
        let device = device::name(self.session.device());
        let train_seconds = (self.clock.before * 1e6).round() / 1e6;
        let summary = Summary {
            epochs,
            final_loss,
            seed: self.settings.seed,
            device: &device,
            backend: self.session.backend(),
            train_seconds,
            extra: evaluation,
        };
        if let Some(folder) = &self.folder {
            let text = serde_json::to_string_pretty(&summary).context(SUMMARY)? + "\n";
            folder.write(SUMMARY, &text)?;
            self.session.note(format_args!("trained in {train_seconds:.3} s; wrote {}", folder.path().display()));
        }
        self.session.print_json(&summary)?;
        match (self.session.take_stdout_error(), &self.folder) {
            (None, _) => Ok(()),
            (Some(error), Some(folder)) => {
                bail!("{error:#}; the run in {} is complete: eval prints its results", folder.path().display())
            }
            (Some(error), None) => Err(error),
        }
    }
}

/// Opens the run folder on rank 0; `None` in a dry run and on other ranks.
fn open_folder(program: &Program, args: &RunArgs, config: &Json, workers: &WorkerGroup) -> Result<Option<RunFolder>> {
    let intent = match (args.resume, args.overwrite) {
        (true, _) => Intent::Resume,
        (_, true) => Intent::Overwrite,
        _ if program.is_recorded() => Intent::Compare,
        _ => Intent::Replace,
    };
    if args.dry_run {
        return Ok(None);
    }
    workers.rank_zero_only(|| RunFolder::open(&args.out, &program.lesson, intent, args.format, config.clone()))
}

/// Prints the device, and what the run replaces or continues. `replaced` is the folder of a finished run.
fn print_start(session: &Session, resumed: Option<&Checkpoint>, config: &Json, replaced: Option<&RunFolder>) {
    session.note(session.choice());
    let restarts = session.workers().restarts();
    if restarts > 0 {
        session.note(format_args!("torchrun has restarted the processes ({restarts})"));
    }
    if let Some(Checkpoint { config: before, .. }) = resumed {
        let notes = [resume::device_note(before, config), resume::processes_note(before, config)];
        notes.into_iter().flatten().for_each(|note| session.note(note));
    }
    session.detail(format_args!("{config:#}"));
    if let Some(folder) = replaced.filter(|_| resumed.is_none()) {
        session.note(format_args!("replacing the finished run in {}", folder.path().display()));
    }
}
