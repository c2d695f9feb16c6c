//! One training run: from the arguments to the files in its folder.

mod batch_losses;
mod saving;
mod sharing;
mod validation;

use std::cell::Cell;
use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value as Json;
use tch::{Device, Tensor};
use torch_ext::rng;

use crate::boundary::{Batches, Epochs};
use crate::checkpoint::{Checkpoint, Keeper};
use crate::console::Console;
use crate::kept::Kept;
use crate::loader::ShuffledBatches;
use crate::losses::Losses;
use crate::record::{Config, EpochRecord, Summary};
use crate::run_folder::{self, Before, Intent, RunFolder};
use crate::unread::Unread;
use crate::{Lesson, Session, TrainArgs, atomic, device, interrupt, processes, resume, seed};

/// A training run. The loop itself stands in the lesson; the run hands it its epochs and takes its losses.
///
/// ```no_run
/// # fn lesson(lesson: &lesson_kit::Lesson, args: &lesson_kit::TrainArgs) -> anyhow::Result<()> {
/// # use torch_ext::optim::{Sgd, SgdOptions};
/// # let step = || Ok::<f32, anyhow::Error>(0.1);
/// # let parameters: Vec<(String, tch::Tensor)> = vec![];
/// # let mut optimizer = Sgd::new(parameters.iter().map(|(_, tensor)| tensor), SgdOptions::default())?;
/// let mut run = lesson_kit::Run::start(lesson, args, ())?;
/// run.begin(&parameters, &mut optimizer)?;
/// for epoch in run.epochs() {
///     let loss = step()?; // forward, loss, zero_grad, backward, step
///     run.record(epoch, loss)?;
///     run.checkpoint(epoch, &optimizer)?;
/// }
/// run.save_model(&parameters)?;
/// run.finish(())
/// # }
/// ```
#[derive(Debug)]
pub struct Run {
    lesson: Lesson,
    args: TrainArgs,
    device: Device,
    console: Console,
    /// `None` in a dry run.
    folder: Option<RunFolder>,
    config: Json,
    metrics: Option<File>,
    losses: Losses,
    /// Losses of batches that are not among `losses` yet.
    unread: Unread,
    kept: Kept,
    keeper: Keeper,
    /// What `--resume` goes on from, until [`Run::begin`] has taken it over.
    resumed: Option<Checkpoint>,
    /// How much of `metrics.jsonl` stays when a run is resumed.
    metrics_kept: Option<u64>,
    /// Epochs that a resumed run had already, and the time they took.
    before: (u32, f64),
    begun: Option<Instant>,
    batches_in_epoch: usize,
    /// How often [`Run::batches`] was asked for an epoch.
    epochs_begun: u32,
    /// The generator's state at the begin of the epoch, once it has batches.
    epoch_rng_state: Option<Tensor>,
    /// The same of an epoch within which a resumed run goes on, until its batches are asked for.
    resumed_epoch: Option<Tensor>,
    /// The indices of each epoch's batches, one after the other; kept for a comparison alone.
    batch_order: Vec<Tensor>,
    cut_short: Rc<Cell<bool>>,
    stopped: Rc<Cell<bool>>,
}

impl Run {
    /// Chooses the device, sets threads and seed, and checks the run folder; nothing is written before the first
    /// record. `extra` is what only this lesson has to say in `config.json`, `()` for nothing.
    ///
    /// Everything that draws random numbers comes after this call.
    ///
    /// # Errors
    /// If the device is not there, the folder is not free, or the run to resume is not this one.
    pub fn start(lesson: &Lesson, args: &TrainArgs, extra: impl Serialize) -> Result<Run> {
        let Session { device, console, line, .. } = Session::silent(args)?;
        seed::set(args.seed);
        let epochs = if args.dry_run { 1 } else { args.epochs };
        let intent = match (args.resume, args.overwrite) {
            (true, _) => Intent::Resume,
            (_, true) => Intent::Overwrite,
            _ => Intent::Replace,
        };
        let folder =
            if args.dry_run { None } else { processes::first_only(|| RunFolder::open(&args.out, lesson, intent))? };
        let finished = folder.as_ref().is_some_and(|folder| folder.before() == Before::Finished);
        let device_name = device::name(device);
        let config = Config::new(lesson, args, &device_name, tch::get_num_threads(), extra);
        let config = serde_json::to_value(config).context(run_folder::CONFIG)?;
        let resumed = args.resume.then(|| resume::checkpoint(&args.out, lesson.name)).transpose()?;
        resume::check_processes(&config)?;
        let restarts = processes::current().map_or(0, |processes| processes.restarts());
        if let Some(checkpoint) = &resumed {
            processes::first_only(|| {
                resume::check_options(&checkpoint.config, &config, &args.out)?;
                resume::check_epochs(checkpoint, epochs, finished && restarts == 0, &args.out)
            })?;
        }
        interrupt::install()?;
        if processes::current().is_some() {
            interrupt::agree(false);
        }
        console.note(&line);
        if restarts > 0 {
            console.note(format_args!("torchrun has started the processes anew ({restarts})"));
        }
        if let Some(Checkpoint { config: before, .. }) = &resumed {
            let changes = [resume::other_device(before, &config), resume::other_processes(before, &config)];
            changes.into_iter().flatten().for_each(|line| console.note(line));
        }
        console.detail(format_args!("{config:#}"));
        match &folder {
            None => console.note("dry run: one step of everything, nothing is written"),
            Some(folder) if finished && resumed.is_none() => {
                console.note(format_args!("replacing the finished run in {}", folder.path().display()));
            }
            Some(_) => {}
        }
        Ok(Run {
            lesson: *lesson,
            args: TrainArgs { epochs, ..args.clone() },
            device,
            console,
            folder,
            config,
            metrics: None,
            losses: Losses::default(),
            unread: Unread::of_device(device),
            kept: Kept::default(),
            keeper: Keeper::new(args.checkpoint_every, epochs),
            resumed,
            metrics_kept: None,
            before: (0, 0.0),
            begun: None,
            batches_in_epoch: 0,
            epochs_begun: 0,
            epoch_rng_state: None,
            resumed_epoch: None,
            batch_order: Vec::new(),
            cut_short: Rc::default(),
            stopped: Rc::default(),
        })
    }

    /// Where to compute.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The run folder; `None` in a dry run, which has none.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(RunFolder::path)
    }

    /// Prints a line of results on stdout (with `--json` stdout is for the summary alone, and the line is dropped).
    /// Use it in place of `println!`: it keeps the progress bar whole, and a closed pipe is no error.
    ///
    /// # Errors
    /// If stdout cannot take it.
    pub fn say(&self, line: impl Display) -> Result<()> {
        self.console.say(line)
    }

    /// Prints a message about the run on stderr, unless `--quiet`.
    pub fn note(&self, line: impl Display) {
        self.console.note(line);
    }

    /// The epochs: `1..=epochs`, or those that a resumed run still lacks; fewer after Ctrl-C, one in a dry run. The
    /// training time counts from here.
    pub fn epochs(&mut self) -> Epochs {
        self.begun = Some(Instant::now());
        interrupt::training_begins();
        Epochs::new(self.before.0 + 1..=self.args.epochs, Rc::clone(&self.stopped))
    }

    /// The batches of the next epoch in `loader`'s order, or under torchrun this process's share of them: index tensors. Fewer
    /// after Ctrl-C, one in a dry run; where a resumed run goes on within an epoch, those that it still lacks.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn batches(&mut self, loader: &ShuffledBatches) -> Result<Batches> {
        let (begin, now) = match self.resumed_epoch.take() {
            Some(begin) => {
                let now = rng::get_state()?;
                rng::set_state(&begin)?; // the epoch's order follows from it
                (begin, Some(now))
            }
            None => (rng::get_state()?, None),
        };
        let mut batches = self.next_epoch(loader)?;
        if let Some(now) = now {
            rng::set_state(&now)?;
        }
        if self.args.dry_run {
            batches.truncate(1);
        }
        if self.args.compared {
            self.batch_order.push(Tensor::f_cat(&batches, 0)?);
        }
        self.epoch_rng_state = Some(begin);
        self.batches_in_epoch = batches.len();
        Ok(Batches::new(batches, self.losses.open_batches().len(), Rc::clone(&self.cut_short)))
    }

    /// The batches of the next epoch as they are, for data whose batches follow each other: one in a dry run.
    ///
    /// A state that is carried from batch to batch is in no checkpoint, so all of them come: Ctrl-C takes effect when the
    /// epoch is over.
    pub fn batches_in_order<T>(&mut self, mut batches: Vec<T>) -> std::vec::IntoIter<T> {
        if self.args.dry_run {
            batches.truncate(1);
        }
        self.batches_in_epoch = batches.len();
        batches.into_iter()
    }

    /// The order of every epoch's batches, in a run that is compared; none in others.
    pub(crate) fn batch_order(&self) -> &[Tensor] {
        &self.batch_order
    }

    /// The losses of the whole epochs, and of their batches.
    pub(crate) fn losses(&self) -> (Vec<f32>, Vec<f32>) {
        self.losses.all()
    }

    /// Takes the loss of an epoch: a line in `metrics.jsonl`, progress.
    ///
    /// An epoch that Ctrl-C cut short is not recorded.
    ///
    /// # Errors
    /// If the loss is not finite (see [`Run::record_batch`]) or the line cannot be written.
    pub fn record(&mut self, epoch: u32, loss: f32) -> Result<()> {
        self.record_with(epoch, loss, ())
    }

    /// [`Run::record`] with more metrics: a map or a struct, whose fields stand beside `epoch` and `loss`.
    ///
    /// # Errors
    /// See [`Run::record`].
    pub fn record_with(&mut self, epoch: u32, loss: f32, extra: impl Serialize) -> Result<()> {
        self.record_validated(epoch, loss, loss, extra)
    }

    /// [`Run::record_with`] where the loss on data that training does not see, `valid_loss`, says which epoch is the best.
    ///
    /// # Errors
    /// See [`Run::record`].
    pub fn record_validated(&mut self, epoch: u32, loss: f32, valid_loss: f32, extra: impl Serialize) -> Result<()> {
        if self.cut_short.get() {
            return Ok(());
        }
        self.read_batch_losses()?;
        self.check_finite(epoch, loss)?;
        self.check_finite(epoch, valid_loss)?;
        let record = EpochRecord { epoch, loss, extra, batch_losses: self.losses.open_batches() };
        let line = serde_json::to_string(&record).context(run_folder::METRICS)? + "\n";
        self.claim_folder()?;
        if let Some(metrics) = &mut self.metrics {
            metrics.write_all(line.as_bytes()).with_context(|| format!("cannot write {}", run_folder::METRICS))?;
        }
        self.losses.push_epoch(epoch, loss);
        self.kept.copy_at(epoch, valid_loss)?;
        self.console.progress().epoch(epoch, loss);
        Ok(())
    }

    /// Ends the run: writes `summary.json`, and prints it with `--json`. `extra` holds the lesson's own figures.
    ///
    /// # Errors
    /// If no epoch was recorded, or the file cannot be written.
    pub fn finish(self, extra: impl Serialize) -> Result<()> {
        if !processes::is_first() {
            return Ok(());
        }
        let Some((epochs, final_loss)) = self.losses.last() else {
            bail!("the run ended before its first epoch");
        };
        let device = device::name(self.device);
        let backend = self.args.backend;
        let train_seconds = (self.before.1 * 1e6).round() / 1e6;
        let summary =
            Summary { epochs, final_loss, seed: self.args.seed, device: &device, backend, train_seconds, extra };
        if let Some(folder) = &self.folder {
            let text = serde_json::to_string_pretty(&summary).context(run_folder::SUMMARY)? + "\n";
            atomic::write(&folder.file(run_folder::SUMMARY), text.as_bytes())?;
            self.console.note(format_args!("trained in {train_seconds:.3} s; wrote {}", folder.path().display()));
        }
        self.console.json(serde_json::to_string(&summary).context(run_folder::SUMMARY)?)
    }
}
