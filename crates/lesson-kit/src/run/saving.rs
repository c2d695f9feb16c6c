//! Saves checkpoints, models and plots, and restores a run from a checkpoint.

use std::fmt::Display;

use anyhow::{Context, Result, anyhow, ensure};
use tch::Tensor;
use torch_ext::{StateDict, convert, rng};

use super::checkpoints::SaveTiming;
use super::folder::RunFolder;
use super::optimizer_state::{OptimizerState, OptimizerStateMut};
use super::snapshots::Snapshot;
use super::{Run, resume};
use crate::checkpoint::{BatchPosition, Best, Checkpoint};
use crate::exit::Interrupted;
use crate::file_names::{BEST, CHECKPOINT, LOSS, METRICS, MODEL};
use crate::interrupt;
use crate::plot::{self, Plot};

impl Run {
    /// Registers the model's parameters, and `&mut optimizer` or `(&mut optimizer, &mut scheduler)`. With `--resume` restores all
    /// of them, and the random number generator, from the checkpoint.
    ///
    /// If a later loss is NaN or infinite, the parameters of the last finite loss are saved. This needs a copy of the parameters
    /// per epoch.
    ///
    /// # Errors
    /// If the checkpoint does not fit: the message lists every missing, unexpected and wrongly shaped parameter. If the run
    /// folder cannot be written.
    pub fn begin<'a>(
        &mut self,
        parameters: &[(String, Tensor)],
        optimization: impl Into<OptimizerStateMut<'a>>,
    ) -> Result<()> {
        self.session.add_all_to_recording("initial weights", parameters)?;
        self.checkpoints.snapshots.set_parameters(parameters);
        let workers = self.session.workers();
        if let Some(checkpoint) = self.resumed.take() {
            self.restore(checkpoint, parameters, optimization.into())?;
        } else if workers.is_distributed() {
            workers.broadcast_parameters(parameters)?;
            workers.seed(self.settings.seed);
        }
        self.folder.as_mut().map_or(Ok(()), RunFolder::prepare)
    }

    /// Restores parameters, optimizer, scheduler, losses, best parameters and generator from `checkpoint`.
    fn restore(
        &mut self,
        checkpoint: Checkpoint,
        parameters: &[(String, Tensor)],
        optimization: OptimizerStateMut<'_>,
    ) -> Result<()> {
        let path = self.args.out.join(CHECKPOINT);
        let load = || -> Result<()> {
            let named = parameters.iter().map(|(name, tensor)| (name.as_str(), tensor));
            StateDict::from_value(&checkpoint.model)?.load_into(self.lesson.name, named, true)?;
            optimization.load(&checkpoint.optimizer, &checkpoint.scheduler)
        };
        load().with_context(|| path.display().to_string())?;
        let workers = self.session.workers();
        let losses = workers.rank_zero_only(|| resume::read_losses(&self.args.out, checkpoint.epoch))?;
        if let (Some((losses, length)), Some(folder)) = (losses, &mut self.folder) {
            self.losses = losses;
            folder.keep_metrics(length);
        }
        self.epochs_before = checkpoint.epoch;
        self.clock.stop_at(checkpoint.train_seconds);
        if let Some(Best { epoch, loss, model }) = checkpoint.best {
            self.checkpoints.snapshots.set_best(Snapshot::new(epoch, loss, &StateDict::from_value(&model)?));
        }
        let mut within = String::new();
        if let Some(BatchPosition { rng_state, losses, carried }) = checkpoint.batch {
            self.carried = carried.iter().map(convert::from_pt_file).collect::<Result<_, _>>()?;
            within = format!(" and {} batches", losses.len());
            losses.into_iter().for_each(|loss| self.losses.push_batch(loss));
            self.epoch.resumed_rng_state = Some(convert::from_pt_file(&rng_state)?);
        }
        workers
            .set_rng_state(&checkpoint.rng_state, &checkpoint.rng_states)
            .with_context(|| path.display().to_string())?;
        let (done, epochs) = (checkpoint.epoch, self.settings.epochs);
        self.session.note(format_args!("resuming after epoch {done} of {epochs}{within}"));
        Ok(())
    }

    /// The last call of an epoch: saves the state in `checkpoint.pt` at the interval of `--checkpoint-every`, and handles Ctrl-C.
    /// Pass the same objects as to [`Run::begin`], as `&optimizer` or `(&optimizer, &scheduler)`.
    ///
    /// The state is written once the next loss is finite, while training continues. The state after the last epoch, or after
    /// Ctrl-C, is on the disk when this returns.
    ///
    /// # Errors
    /// If a checkpoint cannot be written (the previous one is unchanged), or a loss or, after the last step, a parameter is
    /// NaN or infinite.
    pub fn checkpoint<'a>(&mut self, epoch: u32, optimization: impl Into<OptimizerState<'a>>) -> Result<()> {
        self.read_deferred_losses()?;
        let train_seconds = self.clock.seconds();
        let stopping = self.control.stop_if_requested();
        // Ctrl-C before the first batch: there is nothing to save, and the previous run remains.
        let has_batches = self.losses.last().is_some() || !self.losses.current_batches().is_empty();
        if self.epochs_before == 0 && !has_batches && self.control.is_cut_short() {
            return Ok(());
        }
        self.claim_folder()?;
        let due = self.checkpoints.due(epoch, stopping)?;
        // Rank 0 writes the file, so its decision applies to all workers.
        let due = SaveTiming::from_number(self.session.workers().broadcast_number(due.number())?);
        if due == SaveTiming::Now {
            self.clock.stop_at(train_seconds); // the wait for the disk is not training time
            if !self.checkpoints.snapshots.are_finite()? {
                return Err(
                    self.diverged(format_args!("the step of epoch {epoch} left a parameter that is NaN or infinite"))
                );
            }
        }
        if due == SaveTiming::No {
            return Ok(());
        }
        let checkpoint = self.state(epoch, &optimization.into())?.into_value();
        self.checkpoints.save(checkpoint, due)
    }

    /// Ends training: writes the `state_dict` of `parameters` as `model` and that of the lowest loss as `best`, in the format of
    /// `--format`, and the loss plot.
    ///
    /// # Errors
    /// If a file cannot be written. After Ctrl-C: [`Interrupted`], once everything is saved. `?` propagates it to `main`, which
    /// exits with 130, without an evaluation.
    pub fn save_model(&mut self, parameters: &[(String, Tensor)]) -> Result<()> {
        self.clock.stop_at(self.clock.seconds());
        self.session.progress().finish();
        let trained = self.losses.last().is_some() || !self.losses.current_batches().is_empty();
        if trained {
            self.claim_folder()?;
            self.write_state_dict(MODEL, &state_dict(parameters))?;
            if let Some(best) = self.checkpoints.snapshots.best() {
                self.write_state_dict(BEST, &best.state_dict())?;
            }
            if self.losses.last().is_some() {
                self.save_plot(LOSS, &self.losses.chart(self.lesson.name))?;
            }
        }
        if self.control.stop_requested() {
            return Err(Interrupted(self.describe_saved_state(trained)).into());
        }
        interrupt::training_ends();
        for (name, losses) in self.losses.series() {
            self.session.add_to_recording("losses", name, || Ok(Tensor::f_from_slice(&losses)?))?;
        }
        self.session.add_all_to_recording("final weights", parameters)
    }

    /// Draws a picture of the lesson as `NAME.png` and `NAME.svg`; none with `--no-plots`.
    ///
    /// # Errors
    /// If `name` is not in [`Lesson::pictures`](crate::Lesson::pictures), or a file cannot be written.
    pub fn save_plot(&self, name: &str, plot: &impl Plot) -> Result<()> {
        let folder = self.folder.as_ref().filter(|_| !self.args.no_plots);
        folder.map_or(Ok(()), |folder| plot::save(plot, &folder.picture(name)?))
    }

    /// Writes a text file of [`Lesson::texts`](crate::Lesson::texts) into the run folder, atomically; nothing in a dry run. Call it
    /// after the first record.
    ///
    /// # Errors
    /// If the lesson did not declare the file, or it cannot be written.
    pub fn save_text(&mut self, name: &str, text: &str) -> Result<()> {
        ensure!(self.lesson.texts.contains(&name), "the file {name:?} is not in the lesson's list (Lesson::texts)");
        self.claim_folder()?;
        self.folder.as_ref().map_or(Ok(()), |folder| folder.write(name, text))
    }

    /// Restores the parameters of the best epoch: the one with the lowest loss (on validation data, if
    /// [`Run::record_validated`] was called). Does nothing if no epoch was recorded.
    ///
    /// Call it after the loop: a checkpoint must contain the last parameters.
    pub fn load_best(&self) -> Result<()> {
        let snapshots = &self.checkpoints.snapshots;
        if let Some(best) = snapshots.best() {
            let parameters = snapshots.parameters().iter().map(|(name, tensor)| (name.as_str(), tensor));
            best.state_dict().load_into(self.lesson.name, parameters, true)?;
        }
        Ok(())
    }

    /// Claims the folder before the first write.
    pub(super) fn claim_folder(&mut self) -> Result<()> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        if !folder.claim()? {
            return Ok(());
        }
        if let Some(metrics) = folder.metrics() {
            let metrics = metrics.try_clone().context(METRICS)?;
            self.checkpoints.open(folder.file(CHECKPOINT), metrics)?;
        }
        self.session.workers().mark_folder_claimed()
    }

    /// A finite loss confirms the pending snapshot and checkpoint. NaN or infinity ends the run.
    pub(super) fn check_finite(&mut self, epoch: u32, loss: f32) -> Result<()> {
        if loss.is_finite() {
            return self.checkpoints.loss_was_finite();
        }
        Err(self.diverged(format_args!("the loss is {loss} in epoch {epoch}")))
    }

    /// The state after `epoch`, or within it if it was cut short.
    fn state(&self, epoch: u32, optimization: &OptimizerState<'_>) -> Result<Checkpoint> {
        let (optimizer, scheduler) = optimization.state_dicts()?;
        let snapshots = &self.checkpoints.snapshots;
        let best = snapshots
            .best()
            .map(|best| anyhow::Ok(Best { epoch: best.epoch, loss: best.loss, model: best.state_dict().to_value()? }));
        let batch = self.epoch.rng_state.as_ref().filter(|_| self.control.is_cut_short()).map(|rng_state| {
            let rng_state = convert::to_pt_file(rng_state)?;
            let carried = self.session.workers().gather_columns(&self.carried)?;
            let carried = carried.iter().map(convert::to_pt_file).collect::<Result<_, _>>()?;
            anyhow::Ok(BatchPosition { rng_state, losses: self.losses.current_batches().to_vec(), carried })
        });
        Ok(Checkpoint {
            lesson: self.lesson.name.to_owned(),
            config: self.config.clone(),
            epoch: if batch.is_some() { epoch - 1 } else { epoch },
            train_seconds: self.clock.seconds(),
            model: state_dict(snapshots.parameters()).to_value()?,
            optimizer,
            scheduler,
            best: best.transpose()?,
            rng_state: convert::to_pt_file(&rng::get_state()?)?,
            rng_states: self.session.workers().rng_states()?,
            batch: batch.transpose()?,
        })
    }

    fn write_state_dict(&self, name: &str, parameters: &StateDict) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let format = self.args.format;
        Ok(parameters.save_as(folder.file(&format!("{name}.{format}")), format)?)
    }

    /// Saves the last good parameters of a run that diverged, and returns the error.
    fn diverged(&self, what: impl Display) -> anyhow::Error {
        self.session.progress().finish();
        let advice = format!("{what}; try a smaller --lr than {}", self.settings.lr);
        let (Some(good), Some(folder)) = (self.checkpoints.snapshots.good(), &self.folder) else {
            return anyhow!(advice);
        };
        if let Err(error) = self.write_state_dict(MODEL, &good.state_dict()) {
            return error.context(advice);
        }
        let model = folder.file(&format!("{}.{}", MODEL, self.args.format));
        anyhow!("{advice}\n{} holds the parameters of epoch {}, the last good ones", model.display(), good.epoch)
    }

    fn describe_saved_state(&self, trained: bool) -> String {
        if !self.session.workers().is_rank_zero() {
            return "stopped together with rank 0; rank 0 prints what is saved".to_owned();
        }
        let (epochs, open) = (self.settings.epochs, self.losses.current_batches().len());
        let Some(folder) = self.folder.as_ref().filter(|_| trained).map(RunFolder::path) else {
            return "nothing was written".to_owned();
        };
        let done = self.losses.last().map_or(0, |(epoch, _)| epoch);
        let within = if open > 0 { format!(" and {open} batches") } else { String::new() };
        format!("after epoch {done} of {epochs}{within}; {} is saved, and --resume continues it", folder.display())
    }
}

fn state_dict(parameters: &[(String, Tensor)]) -> StateDict {
    parameters.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
}
