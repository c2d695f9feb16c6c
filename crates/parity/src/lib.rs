//! `LESSON compare`: this program beside the reference notebook, quantity by quantity.

mod distance;
mod python;
mod reference;
mod report;
mod results;
mod verdict;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Args;
use torch_ext::cpu;

use crate::exit::{ComparisonOff, UsageError};
use crate::{Backend, BatchArgs, DeviceChoice, Lesson, SavedModel, TrainArgs};
use reference::Recorded;
pub use reference::Reference;
pub use results::{Quantity, Results};
use verdict::{Demand, Tolerance};
pub use verdict::{FirstElements, Row};

/// Options of `compare`.
#[derive(Args, Debug, Clone)]
pub struct CompareArgs {
    /// Run the notebook's program now, in .venv, and demand equal bits (of --backend exact)
    #[arg(long)]
    pub live: bool,

    /// Train nothing: compare the predictions and scores of these trained weights, Rust's or Python's
    #[arg(long, visible_alias = "model", value_name = "FILE", conflicts_with_all = ["epochs", "limit"])]
    pub checkpoint: Option<PathBuf>,

    /// With --live: the seed, in the place of the notebook's
    #[arg(long, value_name = "N", requires = "live", allow_negative_numbers = true)]
    pub seed: Option<i64>,

    /// With --live: passes over the training data, in the place of the notebook's
    #[arg(short, long, value_name = "N", requires = "live", value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: Option<u32>,

    /// With --live: batches of each epoch, for a lesson with batches
    #[arg(long, value_name = "N", requires = "live", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// Folder of the notebooks and their numbers
    #[arg(long, value_name = "DIR", default_value = "notebooks-ref")]
    pub notebooks: PathBuf,

    /// Run folder: receives the run that is compared, and the picture of both loss curves [default: models/LESSON-compare]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Groups that trained weights alone determine.
const AFTER_TRAINING: [&str; 2] = ["predictions", "scores"];

/// A comparison that is prepared: what is left is to compute our side.
#[derive(Debug)]
pub struct Comparison {
    lesson: Lesson,
    reference: Reference,
    live: bool,
    json: bool,
    /// Where the picture of both loss curves goes; `None` for nowhere.
    out: Option<PathBuf>,
    saved: Option<SavedModel>,
    backend: Backend,
    /// Why other rounding than that of the notebook's CPU cannot be demanded; `None` where it can.
    other_cpu: Option<String>,
}

impl Comparison {
    /// Reads the notebook's numbers, or has them made, and gives `train` and `batch` the notebook's options.
    ///
    /// # Errors
    /// If the numbers are not there, or are such that a comparison would mean nothing: of another lesson, another
    /// torch, another state of the notebook, other weights.
    pub fn prepare(
        lesson: &Lesson,
        args: &CompareArgs,
        train: &mut TrainArgs,
        batch: Option<&mut BatchArgs>,
    ) -> Result<Comparison> {
        if train.threads.is_some() && !args.live {
            return Err(
                UsageError("--threads: the recorded numbers have a number of their own; add --live".into()).into()
            );
        }
        if !matches!(train.device, DeviceChoice::Auto | DeviceChoice::Cpu) {
            return Err(UsageError(format!("--device {}: the notebooks compute on the CPU", train.device)).into());
        }
        let saved = args.checkpoint.as_ref().map(|file| read_checkpoint(file, lesson)).transpose()?;
        let mut comparison = if args.live {
            let reference = python::run(lesson, args, train)?;
            reference.check(lesson, &args.notebooks)?;
            Comparison::with(lesson, reference, None)
        } else {
            Comparison::recorded(lesson, &args.notebooks)?
        };
        if let Some(saved) = saved.as_ref().filter(|_| !args.live) {
            check_weights(saved, &comparison.reference)?;
        }
        comparison.reference.apply(train, batch)?;
        train.device = DeviceChoice::Cpu;
        train.out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}-compare", lesson.default_out())));
        train.overwrite = true;
        train.compared = true;
        let pictures = (!train.no_plots).then(|| train.out.clone());
        (comparison.live, comparison.json, comparison.backend) = (args.live, train.json, train.backend);
        (comparison.out, comparison.saved) = (pictures, saved);
        Ok(comparison)
    }

    /// A comparison with the numbers in `notebooks/expected`, without a folder for pictures.
    ///
    /// # Errors
    /// As [`Comparison::prepare`].
    pub fn recorded(lesson: &Lesson, notebooks: &Path) -> Result<Comparison> {
        let reference = Reference::read(&notebooks.join("expected").join(lesson.name).with_extension("json"))?;
        reference.check(lesson, notebooks)?;
        let other_cpu = other_cpu(&reference)?;
        Ok(Comparison::with(lesson, reference, other_cpu))
    }

    fn with(lesson: &Lesson, reference: Reference, other_cpu: Option<String>) -> Comparison {
        let (live, json, out, saved, backend) = (false, false, None, None, Backend::Exact);
        Comparison { lesson: *lesson, reference, live, json, out, saved, backend, other_cpu }
    }

    /// The notebook's seed.
    pub fn seed(&self) -> i64 {
        self.reference.seed
    }

    /// The notebook's number of threads.
    pub fn threads(&self) -> i32 {
        self.reference.threads
    }

    /// Computes our side, compares, prints the table, draws both loss curves. Our side is what `score` says of the trained
    /// weights of `--checkpoint`; without that option it is a training.
    ///
    /// # Errors
    /// [`ComparisonOff`] if a quantity is not as demanded, or missing on either side; and those of our side.
    pub fn run(
        &self,
        score: impl FnOnce(&SavedModel) -> Result<Results>,
        train: impl FnOnce() -> Result<Results>,
    ) -> Result<()> {
        let results = &self.saved.as_ref().map_or_else(train, score)?;
        let rows = self.rows(results);
        ensure!(!rows.is_empty(), "there is nothing to compare");
        if self.json {
            crate::print_result(report::json(self, &rows)?)?;
        } else {
            crate::print_result(report::table(self, &rows))?;
        }
        if let (Some(chart), Some(out)) = (report::chart(self, results), &self.out) {
            crate::plot::save(&chart, &out.join("compare"))?;
        }
        match rows.iter().filter(|row| !row.ok).count() {
            0 => Ok(()),
            off => Err(ComparisonOff(format!("{off} of {} quantities are off", rows.len())).into()),
        }
    }

    /// The table: a row for every quantity that either side has.
    pub fn rows(&self, results: &Results) -> Vec<Row> {
        let wanted = |group: &str| self.saved.is_none() || AFTER_TRAINING.contains(&group);
        let recorded: Vec<_> = self.reference.quantities.iter().filter(|recorded| wanted(&recorded.group)).collect();
        let rows = recorded.iter().map(|recorded| {
            verdict::compare(recorded, results.get(&recorded.group, &recorded.name), self.demand(recorded))
        });
        let known = |ours: &Quantity| recorded.iter().any(|it| it.group == ours.group && it.name == ours.name);
        rows.chain(results.iter().filter(|ours| !known(ours)).map(verdict::unexpected)).collect()
    }

    fn demand(&self, quantity: &Recorded) -> Demand {
        let between = match (self.backend, &self.other_cpu) {
            (Backend::Exact, None) => return Demand::Bits,
            (Backend::Exact, Some(_)) => "CPUs",
            (Backend::Fused, _) => "backends",
        };
        let one_by_one = self.lesson.fused_losses.filter(|losses| {
            let asked = self.backend == Backend::Fused && self.other_cpu.is_none();
            asked && quantity.group == "losses" && quantity.name == losses.of
        });
        match self.lesson.tolerance(&quantity.group, &quantity.name) {
            Some(share) => Demand::Within(Tolerance { share, one_by_one }),
            None => Demand::Nothing { between },
        }
    }

    /// Why bits cannot be demanded; `None` where they are.
    fn tolerant(&self) -> Option<String> {
        let fused = (self.backend == Backend::Fused).then(|| "here with --backend fused".to_owned());
        let reasons: Vec<String> = fused.into_iter().chain(self.other_cpu.clone()).collect();
        (!reasons.is_empty()).then(|| reasons.join(", "))
    }
}

fn read_checkpoint(file: &Path, lesson: &Lesson) -> Result<SavedModel> {
    let shown = file.display();
    ensure!(
        !file.is_dir(),
        "--checkpoint {shown}: this is a folder; --checkpoint {shown}/model.pt reads the model in it"
    );
    SavedModel::read(file, lesson)
}

/// Recorded predictions are those of the weights that the notebook trained.
fn check_weights(saved: &SavedModel, reference: &Reference) -> Result<()> {
    let mut ours = Results::new();
    let weights: Vec<_> =
        saved.state_dict().iter().map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())).collect();
    ours.weights("final weights", &weights)?;
    for recorded in reference.quantities.iter().filter(|recorded| recorded.group == "final weights") {
        if !verdict::compare(recorded, ours.get(&recorded.group, &recorded.name), Demand::Bits).ok {
            bail!(
                "--checkpoint: {} is not as the notebook trained it, so its predictions are not recorded; --live asks \
                 Python for them",
                recorded.name
            );
        }
    }
    Ok(())
}

/// On which other CPU than this one the numbers were recorded; `None` if it was this one.
fn other_cpu(reference: &Reference) -> Result<Option<String>> {
    let here = [("CPU capability", cpu::capability()?), ("CPU", cpu::model_name())];
    let there = [&reference.cpu.capability, &reference.cpu.model];
    let differs = here.iter().zip(there).find(|((_, here), there)| here != *there);
    Ok(differs.map(|((what, here), there)| format!("recorded on {what} {there:?}, and this is {here:?}")))
}
