//! One training run: from the arguments to the files in its folder.

use std::cell::Cell;
use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use tch::{Device, Tensor};

use crate::boundary::{Batches, Epochs};
use crate::console::Console;
use crate::exit::Interrupted;
use crate::last_good::LastGood;
use crate::losses::Losses;
use crate::plot::{self, Plot};
use crate::record::{Config, EpochRecord, Summary};
use crate::run_folder::{self, Before, RunFolder};
use crate::{Lesson, TrainArgs, atomic, device, interrupt, model_file, seed};

/// A training run. The loop itself stands in the lesson; the run hands it its epochs and takes its losses.
///
/// ```no_run
/// # fn lesson(lesson: &lesson_kit::Lesson, args: &lesson_kit::TrainArgs) -> anyhow::Result<()> {
/// # let step = || Ok::<f32, anyhow::Error>(0.1);
/// # let parameters: Vec<(String, tch::Tensor)> = vec![];
/// let mut run = lesson_kit::Run::start(lesson, args, ())?;
/// run.watch(&parameters);
/// for epoch in run.epochs() {
///     let loss = step()?; // forward, loss, zero_grad, backward, step
///     run.record(epoch, loss)?;
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
    config: String,
    metrics: Option<File>,
    losses: Losses,
    last_good: LastGood,
    begun: Option<Instant>,
    train_seconds: f64,
    batches_in_epoch: usize,
    cut_short: Rc<Cell<bool>>,
}

impl Run {
    /// Chooses the device, sets threads and seed, and checks the run folder; nothing is written before the first
    /// record. `extra` is what only this lesson has to say in `config.json`, `()` for nothing.
    ///
    /// Everything that draws random numbers comes after this call.
    ///
    /// # Errors
    /// If the device is not there or the folder is not free.
    pub fn start(lesson: &Lesson, args: &TrainArgs, extra: impl Serialize) -> Result<Run> {
        let chosen = device::choose(args.device)?;
        if let Some(threads) = args.threads {
            tch::set_num_threads(threads);
        }
        seed::set(args.seed);
        let epochs = if args.dry_run { 1 } else { args.epochs };
        let console = Console::new(args, epochs);
        let folder = if args.dry_run { None } else { Some(RunFolder::open(&args.out, lesson, args.overwrite)?) };
        interrupt::install()?;
        let threads = tch::get_num_threads();
        let device_name = device::name(chosen.device);
        let config = Config::new(lesson, args, &device_name, threads, extra);
        let config = serde_json::to_string_pretty(&config).context("config.json")?;
        console.note(&chosen.line);
        console.detail(format_args!("{config}"));
        match &folder {
            None => console.note("dry run: one step of everything, nothing is written"),
            Some(folder) if folder.before() == Before::Finished => {
                console.note(format_args!("replacing the finished run in {}", folder.path().display()));
            }
            Some(_) => {}
        }
        Ok(Run {
            lesson: *lesson,
            args: TrainArgs { epochs, ..args.clone() },
            device: chosen.device,
            console,
            folder,
            config,
            metrics: None,
            losses: Losses::default(),
            last_good: LastGood::default(),
            begun: None,
            train_seconds: 0.0,
            batches_in_epoch: 0,
            cut_short: Rc::default(),
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

    /// Names the model's parameters. Should the loss become NaN, those that last gave a finite one are saved.
    ///
    /// Costs a copy of the parameters per epoch.
    pub fn watch(&mut self, parameters: &[(String, Tensor)]) {
        self.last_good.watch(parameters);
    }

    /// The epochs, `1..=epochs`; fewer after Ctrl-C, one in a dry run. The training time counts from here.
    pub fn epochs(&mut self) -> Epochs {
        self.begun = Some(Instant::now());
        interrupt::training_begins();
        Epochs::new(self.args.epochs)
    }

    /// The batches of an epoch; fewer after Ctrl-C, one in a dry run.
    pub fn batches<I: ExactSizeIterator>(&mut self, batches: I) -> Batches<I> {
        let limit = if self.args.dry_run { 1 } else { batches.len() };
        self.batches_in_epoch = limit;
        Batches::new(batches, limit, Rc::clone(&self.cut_short))
    }

    /// Takes the loss of a batch; it goes into the epoch's record and the plot.
    ///
    /// # Errors
    /// If the loss is not finite: training is over, the last good parameters are saved if they are watched.
    pub fn record_batch(&mut self, epoch: u32, loss: f32) -> Result<()> {
        self.check_finite(epoch, loss)?;
        self.losses.push_batch(loss);
        self.console.progress().batch(self.losses.open_batches().len(), self.batches_in_epoch, loss);
        Ok(())
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
        if self.cut_short.get() {
            return Ok(());
        }
        self.check_finite(epoch, loss)?;
        let record = EpochRecord { epoch, loss, extra, batch_losses: self.losses.open_batches() };
        let line = serde_json::to_string(&record).context("metrics.jsonl")? + "\n";
        self.claim_folder()?;
        if let Some(metrics) = &mut self.metrics {
            metrics.write_all(line.as_bytes()).with_context(|| format!("cannot write {}", run_folder::METRICS))?;
        }
        self.losses.push_epoch(epoch, loss);
        self.last_good.copy_at(epoch)?;
        self.console.progress().epoch(epoch, loss);
        Ok(())
    }

    /// Ends training: writes `model.pt` with `parameters` in their order, and the loss plot.
    ///
    /// # Errors
    /// If a file cannot be written; and, after Ctrl-C, [`Interrupted`], once everything is saved: `?` takes it past
    /// the evaluation to `main`, which exits with 130.
    pub fn save_model(&mut self, parameters: &[(String, Tensor)]) -> Result<()> {
        self.train_seconds = self.begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        self.console.progress().finish();
        let trained = self.losses.last().is_some() || !self.losses.open_batches().is_empty();
        if trained {
            self.claim_folder()?;
            if let Some(folder) = &self.folder {
                model_file::save(&folder.file(run_folder::MODEL), parameters)?;
            }
            self.save_loss_plot()?;
        }
        if interrupt::requested() {
            return Err(Interrupted(self.what_is_kept(trained)).into());
        }
        interrupt::training_is_over();
        Ok(())
    }

    /// Draws a picture of the lesson's own as `NAME.png` and `NAME.svg`.
    ///
    /// # Errors
    /// If `name` is not in [`Lesson::pictures`], or a file cannot be written.
    pub fn save_plot(&self, name: &str, plot: &impl Plot) -> Result<()> {
        self.folder.as_ref().map_or(Ok(()), |folder| plot::save(plot, &folder.picture(name)?))
    }

    /// Ends the run: writes `summary.json`, and prints it with `--json`. `extra` holds the lesson's own figures.
    ///
    /// # Errors
    /// If no epoch was recorded, or the file cannot be written.
    pub fn finish(self, extra: impl Serialize) -> Result<()> {
        let Some((epochs, final_loss)) = self.losses.last() else {
            bail!("the run ended before its first epoch");
        };
        let device = device::name(self.device);
        let train_seconds = (self.train_seconds * 1e3).round() / 1e3;
        let summary = Summary { epochs, final_loss, seed: self.args.seed, device: &device, train_seconds, extra };
        if let Some(folder) = &self.folder {
            let text = serde_json::to_string_pretty(&summary).context(run_folder::SUMMARY)? + "\n";
            atomic::write(&folder.file(run_folder::SUMMARY), text.as_bytes())?;
            self.console.note(format_args!("trained in {train_seconds} s; wrote {}", folder.path().display()));
        }
        self.console.json(serde_json::to_string(&summary).context(run_folder::SUMMARY)?)
    }

    /// The first thing that is written takes the folder over.
    fn claim_folder(&mut self) -> Result<()> {
        let (Some(folder), None) = (&mut self.folder, &self.metrics) else {
            return Ok(());
        };
        folder.claim()?;
        atomic::write(&folder.file(run_folder::CONFIG), format!("{}\n", self.config).as_bytes())?;
        self.metrics = Some(folder.create(run_folder::METRICS)?);
        Ok(())
    }

    fn save_loss_plot(&self) -> Result<()> {
        match self.losses.last() {
            Some(_) => self.save_plot(run_folder::LOSS, &self.losses.chart(self.lesson.name)),
            None => Ok(()),
        }
    }

    fn check_finite(&mut self, epoch: u32, loss: f32) -> Result<()> {
        if loss.is_finite() {
            self.last_good.loss_was_finite();
            return Ok(());
        }
        self.console.progress().finish();
        let advice = format!("the loss is {loss} in epoch {epoch}; try a smaller --lr than {}", self.args.lr);
        match (self.last_good.get(), &self.folder) {
            (Some(good), Some(folder)) => {
                let model = folder.file(run_folder::MODEL);
                model_file::save(&model, &good.parameters)?;
                let (path, epoch) = (model.display(), good.epoch);
                bail!("{advice}\n{path} holds the parameters as they were when epoch {epoch} was recorded, still good")
            }
            _ => bail!("{advice}"),
        }
    }

    fn what_is_kept(&self, trained: bool) -> String {
        let epochs = self.args.epochs;
        match (&self.folder, self.losses.last()) {
            (Some(folder), Some((epoch, _))) => {
                let folder = folder.path().display();
                format!("after epoch {epoch} of {epochs}; {folder} keeps model.pt, metrics.jsonl and the loss plot")
            }
            (Some(folder), None) if trained => {
                format!("in epoch 1 of {epochs}; {} keeps model.pt", folder.path().display())
            }
            _ => "nothing was written".to_owned(),
        }
    }
}
