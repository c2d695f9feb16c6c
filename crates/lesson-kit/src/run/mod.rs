//! One training run: from the options to the files in its folder.
//!
//! | module | content |
//! |---|---|
//! | `epochs` | the iterators over epochs and batches, which end early after Ctrl-C |
//! | `loss_history`, `deferred_losses` | the losses so far; losses that are still on the GPU |
//! | `checkpoints`, `snapshots`, `checkpoint_writer` | when a checkpoint is written; which parameters are good; the thread that writes |
//! | `optimizer_state`, `resume` | the argument of [`Run::begin`] and [`Run::checkpoint`]; `--resume` |
//! | `folder`, `records` | the run folder; `config.json`, `metrics.jsonl`, `summary.json` |

mod checkpoint_writer;
mod checkpoints;
mod deferred_losses;
mod epochs;
mod folder;
mod loss_history;
mod optimizer_state;
mod records;
mod resume;
mod saving;
mod snapshots;

use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value as Json;
use tch::{Device, Tensor};
use torch_ext::data::ShuffledBatches;
use torch_ext::rng;

use crate::args::Options;
use crate::checkpoint::Checkpoint;
use crate::file_names::{CONFIG, METRICS, SUMMARY};
use crate::{Evaluation, Lesson, Program, RunArgs, Session, WorkerGroup, device, interrupt, seed};
use checkpoints::Checkpoints;
use deferred_losses::DeferredLosses;
use epochs::LoopControl;
use folder::{Before, Intent, RunFolder};
use loss_history::LossHistory;
use records::{Config, EpochRecord, Summary};

pub use deferred_losses::copy_to_host;
pub use epochs::{Batches, Epochs};
pub use optimizer_state::{OptimizerState, OptimizerStateMut};

/// A training run. The loop itself stands in the lesson: the run provides the epochs and records the losses.
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
    /// Epochs that a resumed run already has.
    epochs_before: u32,
    epoch: EpochPosition,
    clock: Stopwatch,
    control: Rc<LoopControl>,
}

/// Options that a run needs beyond its start.
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
    /// How many epochs have begun in this process.
    begun: u32,
    /// The generator's state at the begin of the epoch.
    rng_state: Option<Tensor>,
    /// The same, of the incomplete epoch of a resumed run, until [`Run::batches`] continues it.
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
    /// `extra` are further values for `config.json`; `()` for none.
    ///
    /// Draw random numbers only after this call.
    ///
    /// # Errors
    /// If the device is not available, the folder is not free, or the run to resume has other options.
    pub fn start<O: Options>(program: &Program, args: &RunArgs, options: &O, extra: impl Serialize) -> Result<Run> {
        let hyper = options.hyperparameters();
        let session = Session::silent(program, args, hyper.backend)?;
        let workers = session.workers();
        seed::set(hyper.seed);
        let epochs = if args.dry_run { 1 } else { hyper.epochs };
        let settings = Settings { epochs, seed: hyper.seed, lr: hyper.lr };
        session.progress().set_epochs(epochs);

        let device_name = device::name(session.device());
        let config = Config::new(&program.lesson, options, &device_name, workers, extra);
        let config = serde_json::to_value(config).context(CONFIG)?;
        let folder = open_folder(program, args, &config, workers)?;
        let finished = folder.as_ref().is_some_and(|folder| folder.before() == Before::Finished);
        resume::check_workers(&config, workers)?;
        let resumed = program.take_resumed();
        if let Some(checkpoint) = &resumed {
            workers.rank_zero_only(|| {
                resume::check_options(&checkpoint.config, &config, &args.out)?;
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

    /// The epochs: `1..=epochs`, or the missing ones of a resumed run; fewer after Ctrl-C, one in a dry run. The training
    /// time starts here.
    pub fn epochs(&mut self) -> Epochs {
        self.clock.start();
        interrupt::training_begins();
        Epochs::new(self.epochs_before + 1..=self.settings.epochs, Rc::clone(&self.control))
    }

    /// The batches of the next epoch in `loader`'s order, under torchrun this worker's shares of them: index tensors. Fewer after
    /// Ctrl-C, one in a dry run; the missing ones if a resumed run continues within an epoch.
    pub fn batches(&mut self, loader: &ShuffledBatches) -> Result<Batches> {
        let (begin, now) = match self.epoch.resumed_rng_state.take() {
            Some(begin) => {
                let now = rng::get_state()?;
                rng::set_state(&begin)?; // determines the order of the epoch
                (begin, Some(now))
            }
            None => (rng::get_state()?, None),
        };
        let mut batches = self.batches_of_epoch(loader)?;
        if let Some(now) = now {
            rng::set_state(&now)?;
        }
        if self.args.dry_run {
            batches.truncate(1);
        }
        let name = format!("epoch {}", self.epochs_before + self.epoch.begun);
        self.session.record("batch order", &name, || Ok(Tensor::f_cat(&batches, 0)?))?;
        self.epoch.rng_state = Some(begin);
        self.epoch.batches = batches.len();
        Ok(Batches::new(batches, self.losses.current_batches().len(), Rc::clone(&self.control)))
    }

    fn batches_of_epoch(&mut self, loader: &ShuffledBatches) -> Result<Vec<Tensor>> {
        let workers = self.session.workers();
        let epoch = self.epochs_before + self.epoch.begun;
        self.epoch.begun += 1;
        if !workers.is_distributed() {
            return Ok(loader.epoch()?.collect());
        }
        workers.check_batch_size(loader.batch_size())?;
        Ok(loader.distributed_epoch(self.settings.seed, epoch, workers.rank(), workers.world_size())?)
    }

    /// The batches of the next epoch in the given order; one in a dry run.
    ///
    /// For batches that carry a hidden state to the next one. A checkpoint does not contain that state, so Ctrl-C ends the
    /// run at the end of the epoch.
    pub fn batches_in_order<T>(&mut self, mut batches: Vec<T>) -> std::vec::IntoIter<T> {
        if self.args.dry_run {
            batches.truncate(1);
        }
        self.epoch.batches = batches.len();
        batches.into_iter()
    }

    /// After `backward()`: under torchrun averages the gradients over all workers, like DistributedDataParallel, and returns
    /// the mean loss. Otherwise returns `loss`.
    ///
    /// # Errors
    /// If a worker is lost, or does not answer within `--dist-timeout`.
    pub fn average(&self, loss: &Tensor) -> Result<Tensor> {
        let workers = self.session.workers();
        if !workers.is_distributed() {
            return Ok(loss.shallow_clone());
        }
        let parameters = self.checkpoints.snapshots.parameters();
        let (loss, stop) = workers.average(parameters, loss, interrupt::signalled())?;
        self.control.agree(stop);
        Ok(Tensor::from(loss))
    }

    /// Records the loss of a batch: one f32, for the epoch's record and the plot.
    ///
    /// On a GPU losses are read 50 at a time, because reading one waits for the GPU; at the latest when the epoch is
    /// recorded or saved.
    ///
    /// # Errors
    /// If a loss is NaN or infinite: training ends, and the last good parameters are saved.
    pub fn record_batch(&mut self, epoch: u32, loss: &Tensor) -> Result<()> {
        if self.deferred_losses.push(epoch, loss)? { self.read_deferred_losses() } else { Ok(()) }
    }

    /// The losses of the batches of the current epoch so far, including those before an interruption.
    ///
    /// # Errors
    /// As [`Run::record_batch`], for losses that were not read yet.
    pub fn batch_losses(&mut self) -> Result<&[f32]> {
        self.read_deferred_losses()?;
        Ok(self.losses.current_batches())
    }

    fn read_deferred_losses(&mut self) -> Result<()> {
        let (epoch, losses) = self.deferred_losses.read()?;
        for loss in losses {
            self.check_finite(epoch, loss)?;
            self.losses.push_batch(loss);
            self.session.progress().batch(self.losses.current_batches().len(), self.epoch.batches, loss);
        }
        Ok(())
    }

    /// Records the loss of an epoch: a line in `metrics.jsonl`, and progress. An epoch that Ctrl-C cut short is not recorded.
    ///
    /// # Errors
    /// If the loss is NaN or infinite (see [`Run::record_batch`]), or the line cannot be written.
    pub fn record(&mut self, epoch: u32, loss: f32) -> Result<()> {
        self.record_with(epoch, loss, ())
    }

    /// [`Run::record`] with more metrics: a map or a struct, whose fields are written beside `epoch` and `loss`.
    pub fn record_with(&mut self, epoch: u32, loss: f32, extra: impl Serialize) -> Result<()> {
        self.record_epoch(epoch, loss, loss, extra)
    }

    /// [`Run::record_with`] with a loss on validation data, which determines the best epoch.
    pub fn record_validated(&mut self, epoch: u32, loss: f32, valid_loss: f32, extra: impl Serialize) -> Result<()> {
        self.losses.push_valid(valid_loss);
        self.record_epoch(epoch, loss, valid_loss, extra)
    }

    fn record_epoch(&mut self, epoch: u32, loss: f32, judged: f32, extra: impl Serialize) -> Result<()> {
        if self.control.is_cut_short() {
            return Ok(());
        }
        self.read_deferred_losses()?;
        self.check_finite(epoch, loss)?;
        self.check_finite(epoch, judged)?;
        let record = EpochRecord { epoch, loss, extra, batch_losses: self.losses.current_batches() };
        let line = serde_json::to_string(&record).context(METRICS)?;
        self.claim_folder()?;
        if let Some(folder) = &self.folder {
            folder.append_metrics(&line)?;
        }
        self.losses.push_epoch(epoch, loss);
        self.checkpoints.snapshots.take(epoch, judged)?;
        self.session.progress().epoch(epoch, loss);
        Ok(())
    }

    /// Ends the run: prints the evaluation, and writes `summary.json`; prints it with `--json`.
    ///
    /// # Errors
    /// If no epoch was recorded, or the file cannot be written.
    pub fn finish(self, evaluation: &impl Evaluation) -> Result<()> {
        if !self.session.workers().is_rank_zero() {
            return Ok(());
        }
        let Some((epochs, final_loss)) = self.losses.last() else {
            bail!("the run ended before its first epoch");
        };
        self.session.print_evaluation(evaluation, true)?;
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
        self.session.print_json(&summary)
    }
}

/// Opens the run folder on rank 0; `None` in a dry run and on other ranks.
fn open_folder(program: &Program, args: &RunArgs, config: &Json, workers: &WorkerGroup) -> Result<Option<RunFolder>> {
    let intent = match (args.resume, args.overwrite) {
        (true, _) => Intent::Resume,
        (_, true) => Intent::Overwrite,
        _ => Intent::Replace,
    };
    if args.dry_run {
        return Ok(None);
    }
    workers.rank_zero_only(|| RunFolder::open(&args.out, &program.lesson, intent, format!("{config:#}\n")))
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

#[cfg(test)]
mod tests {
    use std::fs;

    use torch_ext::optim::{Sgd, SgdOptions};

    use super::*;
    use crate::{Defaults, parse};

    const LESSON: Lesson = Lesson {
        name: "deferred",
        version: "0.0.0",
        defaults: Defaults { epochs: 2, lr: 0.1, hidden_size: 1, num_layers: 1, batch_size: Some(1) },
        pictures: &[],
    };

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        options: crate::Hyperparameters,
        #[command(flatten)]
        run: RunArgs,
    }

    /// A run that reads `together` losses at once, as on a GPU.
    fn run(out: &Path, together: usize) -> Run {
        let arguments = format!("deferred -q --device cpu --no-plots --out {}", out.display());
        let (cli, _) = parse::<Cli>(&LESSON, arguments.split_whitespace()).unwrap();
        let mut run = Run::start(&Program::new(&LESSON), &cli.run, &cli.options, ()).unwrap();
        run.deferred_losses = DeferredLosses::with_batches_per_read(together);
        run
    }

    /// Two epochs of five batches. Without the handling of Ctrl-C: another test here raises the signal.
    fn train(run: &mut Run, losses: &[f32; 10]) -> anyhow::Result<()> {
        let weight = Tensor::from_slice(&[1f32]);
        let parameters = [("w".to_owned(), weight.shallow_clone())];
        let mut optimizer = Sgd::new([&weight], SgdOptions::default())?;
        run.begin(&parameters, &mut optimizer)?;
        for epoch in 1..=2 {
            for loss in &losses[5 * epoch as usize - 5..][..5] {
                run.record_batch(epoch, &Tensor::from(*loss))?;
            }
            let mean = run.batch_losses()?.iter().sum::<f32>() / 5.0;
            run.record(epoch, mean)?;
        }
        Ok(())
    }

    #[test]
    fn deferred_reading_gives_the_same_metrics() {
        let losses = [0.1, 0.2, 0.3, 0.7, 1e-8, 3.0, 2.0, 1.0 / 3.0, 5.0, 0.9];
        let [at_once, late, at_the_end] = [1, 3, 50].map(|together| {
            let folder = tempfile::tempdir().unwrap();
            train(&mut run(folder.path(), together), &losses).unwrap();
            fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap()
        });
        assert!(at_once.lines().count() == 2 && at_once.contains("[0.1,0.2,0.3,0.7,1e-8]"), "{at_once}");
        assert_eq!((&at_once, &at_once), (&late, &at_the_end));
    }

    #[test]
    fn a_nan_that_is_read_late_ends_the_run() {
        let mut losses = [1.0; 10];
        losses[6] = f32::NAN;
        for together in [1, 3, 50] {
            let folder = tempfile::tempdir().unwrap();
            let message = train(&mut run(folder.path(), together), &losses).unwrap_err().to_string();
            assert!(message.starts_with("the loss is NaN in epoch 2; try a smaller --lr"), "{message}");
            assert!(message.ends_with("the parameters of epoch 1, the last good ones"), "{message}");
        }
    }
}
