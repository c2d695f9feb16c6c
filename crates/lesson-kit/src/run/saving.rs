//! What a run saves, and how it goes on from it.

use anyhow::{Context, Result, anyhow};
use tch::Tensor;
use torch_ext::{StateDict, rng};

use super::Run;
use crate::checkpoint::{BatchPosition, Best, Checkpoint, Due};
use crate::exit::Interrupted;
use crate::kept::Copy;
use crate::learner::{Learner, LearnerMut};
use crate::plot::{self, Plot};
use crate::run_folder::{self, RunFolder};
use crate::{interrupt, processes, resume};

impl Run {
    /// Names what is trained: the model's parameters, and `&mut optimizer` or `(&mut optimizer, &mut scheduler)`. With
    /// `--resume` all of them, and the random numbers, become what they were when the checkpoint was written.
    ///
    /// Should the loss become NaN, the parameters that last gave a finite one are saved; this costs a copy of the
    /// parameters per epoch.
    ///
    /// Nothing of the run folder changes before the first record; what can be written ahead, without its name, is.
    ///
    /// # Errors
    /// If the checkpoint does not fit: every missing, unexpected and misshapen parameter is in the message. If the run
    /// folder cannot be written.
    pub fn begin<'a>(&mut self, parameters: &[(String, Tensor)], learner: impl Into<LearnerMut<'a>>) -> Result<()> {
        self.kept.watch(parameters);
        if let Some(checkpoint) = self.resumed.take() {
            self.go_on_from(checkpoint, parameters, learner.into())?;
        } else if let Some(processes) = processes::current() {
            processes.broadcast_parameters(parameters)?;
            processes.seed(self.args.seed);
        }
        let config = self.config_text();
        self.folder.as_mut().map_or(Ok(()), |folder| folder.prepare(&config))
    }

    fn go_on_from(
        &mut self,
        checkpoint: Checkpoint,
        parameters: &[(String, Tensor)],
        learner: LearnerMut<'_>,
    ) -> Result<()> {
        let path = self.args.out.join(run_folder::CHECKPOINT);
        let load = || -> Result<()> {
            let named = parameters.iter().map(|(name, tensor)| (name.as_str(), tensor));
            StateDict::from_value(&checkpoint.model)?.load_into(self.lesson.name, named, true)?;
            Ok(learner.load(&checkpoint.optimizer, &checkpoint.scheduler)?)
        };
        load().with_context(|| path.display().to_string())?;
        if let Some((losses, length)) = processes::first_only(|| resume::losses(&self.args.out, checkpoint.epoch))? {
            (self.losses, self.metrics_kept) = (losses, Some(length));
        }
        self.before = (checkpoint.epoch, checkpoint.train_seconds);
        if let Some(Best { epoch, loss, model }) = checkpoint.best {
            self.kept.set_best(Copy::new(epoch, loss, &StateDict::from_value(&model)?));
        }
        let mut within = String::new();
        if let Some(BatchPosition { rng_state, losses }) = checkpoint.batch {
            within = format!(" and {} batches", losses.len());
            losses.into_iter().for_each(|loss| self.losses.push_batch(loss));
            self.resumed_epoch = Some(Tensor::try_from(&rng_state)?);
        }
        Run::take_random_numbers(&checkpoint.rng_state, &checkpoint.rng_states)
            .with_context(|| path.display().to_string())?;
        let (done, epochs) = (checkpoint.epoch, self.args.epochs);
        self.console.note(format_args!("going on after epoch {done} of {epochs}{within}"));
        Ok(())
    }

    /// The last line of an epoch: keeps its state in `checkpoint.pt`, as often as `--checkpoint-every` says, and heeds
    /// Ctrl-C. Give what [`Run::begin`] was given, as `&optimizer` or `(&optimizer, &scheduler)`.
    ///
    /// The state is written once the next loss has turned out finite, and meanwhile training goes on; the state after
    /// the last epoch, or after Ctrl-C, is on the disk when this returns.
    ///
    /// # Errors
    /// If a checkpoint cannot be written (the one before it stays), or a loss or, after the last step, a parameter is no number.
    pub fn checkpoint<'a>(&mut self, epoch: u32, learner: impl Into<Learner<'a>>) -> Result<()> {
        self.read_batch_losses()?;
        let train_seconds = self.train_seconds();
        let interrupted = interrupt::requested();
        self.stopped.set(interrupted);
        self.claim_folder()?;
        let due = processes::due_for_all(self.keeper.due(epoch, interrupted)?)?;
        if due == Due::Now {
            self.stop_the_clock(train_seconds); // to wait for the disk is no training
        }
        if due == Due::Now && !self.kept.are_finite()? {
            return Err(self.diverged(format_args!("the step of epoch {epoch} left a parameter that is no number")));
        }
        if due == Due::No {
            return Ok(());
        }
        let checkpoint = self.snapshot(epoch, &learner.into())?.into_value();
        match due {
            Due::Now => self.keeper.write_now(checkpoint),
            _ => {
                self.keeper.offer(checkpoint);
                Ok(())
            }
        }
    }

    /// Ends training: writes the `state_dict` of `parameters`, in their order, and that of the lowest loss, as `model`
    /// and `best` in the format that `--format` says; and the loss plot.
    ///
    /// # Errors
    /// If a file cannot be written; and, after Ctrl-C, [`Interrupted`], once everything is saved: `?` takes it past
    /// the evaluation to `main`, which exits with 130.
    pub fn save_model(&mut self, parameters: &[(String, Tensor)]) -> Result<()> {
        self.stop_the_clock(self.train_seconds());
        self.console.progress().finish();
        let trained = self.losses.last().is_some() || !self.losses.open_batches().is_empty();
        if trained {
            self.claim_folder()?;
            self.write_state_dict(run_folder::MODEL, &state_dict(parameters))?;
            if let Some(best) = self.kept.best() {
                self.write_state_dict(run_folder::BEST, &best.state_dict())?;
            }
            self.save_loss_plot()?;
        }
        if interrupt::requested() {
            return Err(Interrupted(self.what_is_kept(trained)).into());
        }
        interrupt::training_is_over();
        Ok(())
    }

    /// Draws a picture of the lesson's own as `NAME.png` and `NAME.svg`; none with `--no-plots`.
    ///
    /// # Errors
    /// If `name` is not in [`Lesson::pictures`](crate::Lesson::pictures), or a file cannot be written.
    pub fn save_plot(&self, name: &str, plot: &impl Plot) -> Result<()> {
        let folder = self.folder.as_ref().filter(|_| !self.args.no_plots);
        folder.map_or(Ok(()), |folder| plot::save(plot, &folder.picture(name)?))
    }

    /// The first thing that is written takes the folder over.
    pub(super) fn claim_folder(&mut self) -> Result<()> {
        if self.metrics.is_some() {
            return Ok(());
        }
        let config = self.config_text();
        let Some(folder) = &mut self.folder else {
            return Ok(());
        };
        folder.claim(&config, self.metrics_kept)?;
        let metrics = folder.open_metrics()?;
        self.keeper.open(folder.file(run_folder::CHECKPOINT), metrics.try_clone().context(run_folder::METRICS)?)?;
        self.metrics = Some(metrics);
        processes::current().map_or(Ok(()), |processes| processes.folder_is_ours())
    }

    fn config_text(&self) -> String {
        format!("{:#}\n", self.config)
    }

    /// A finite loss shows that what was saved before it is good; any other ends the run.
    pub(super) fn check_finite(&mut self, epoch: u32, loss: f32) -> Result<()> {
        if loss.is_finite() {
            self.kept.loss_was_finite();
            return self.keeper.loss_was_finite();
        }
        Err(self.diverged(format_args!("the loss is {loss} in epoch {epoch}")))
    }

    /// The state after `epoch`, or within it if it was cut short.
    fn snapshot(&self, epoch: u32, learner: &Learner<'_>) -> Result<Checkpoint> {
        let (optimizer, scheduler) = learner.state_dicts()?;
        let best = self
            .kept
            .best()
            .map(|best| anyhow::Ok(Best { epoch: best.epoch, loss: best.loss, model: best.state_dict().to_value()? }));
        let batch = self.epoch_rng_state.as_ref().filter(|_| self.cut_short.get()).map(|rng_state| {
            let rng_state = pt_file::Tensor::try_from(rng_state)?;
            anyhow::Ok(BatchPosition { rng_state, losses: self.losses.open_batches().to_vec() })
        });
        Ok(Checkpoint {
            lesson: self.lesson.name.to_owned(),
            config: self.config.clone(),
            epoch: if batch.is_some() { epoch - 1 } else { epoch },
            train_seconds: self.train_seconds(),
            model: state_dict(self.kept.watched()).to_value()?,
            optimizer,
            scheduler,
            best: best.transpose()?,
            rng_state: pt_file::Tensor::try_from(&rng::get_state()?)?,
            rng_states: processes::rng_states()?,
            batch: batch.transpose()?,
        })
    }

    fn train_seconds(&self) -> f64 {
        self.before.1 + self.begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64())
    }

    fn stop_the_clock(&mut self, train_seconds: f64) {
        self.before.1 = train_seconds;
        self.begun = None;
    }

    fn write_state_dict(&self, name: &str, parameters: &StateDict) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let format = self.args.format;
        Ok(parameters.save_as(folder.file(&format!("{name}.{format}")), format)?)
    }

    fn save_loss_plot(&self) -> Result<()> {
        match self.losses.last() {
            Some(_) => self.save_plot(run_folder::LOSS, &self.losses.chart(self.lesson.name)),
            None => Ok(()),
        }
    }

    /// The error of a run that has left the numbers, once its last good parameters are saved.
    fn diverged(&self, what: impl std::fmt::Display) -> anyhow::Error {
        self.console.progress().finish();
        let advice = format!("{what}; try a smaller --lr than {}", self.args.lr);
        match (self.kept.good(), &self.folder) {
            (Some(good), Some(folder)) => {
                if let Err(error) = self.write_state_dict(run_folder::MODEL, &good.state_dict()) {
                    return error.context(advice);
                }
                let model = folder.file(&format!("{}.{}", run_folder::MODEL, self.args.format));
                anyhow!(
                    "{advice}\n{} holds the parameters as they were when epoch {} was recorded, still good",
                    model.display(),
                    good.epoch
                )
            }
            _ => anyhow!(advice),
        }
    }

    fn what_is_kept(&self, trained: bool) -> String {
        if !processes::is_first() {
            return "stopped together with rank 0, which says what is kept".to_owned();
        }
        let (epochs, open) = (self.args.epochs, self.losses.open_batches().len());
        let Some(folder) = self.folder.as_ref().filter(|_| trained).map(RunFolder::path) else {
            return "nothing was written".to_owned();
        };
        let done = self.losses.last().map_or(0, |(epoch, _)| epoch);
        let within = if open > 0 { format!(" and {open} batches") } else { String::new() };
        format!("after epoch {done} of {epochs}{within}; {} keeps all of it, and --resume goes on", folder.display())
    }
}

fn state_dict(parameters: &[(String, Tensor)]) -> StateDict {
    parameters.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
}
