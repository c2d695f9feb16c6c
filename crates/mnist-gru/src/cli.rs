//! The lesson's commands.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Subcommand;
use lesson_kit::compare::{Comparison, Results};
use lesson_kit::loader::ShuffledBatches;
use lesson_kit::{BatchArgs, Command, Run, SavedModel, Session, TrainArgs, doctor};
use serde::Serialize;
use tch::nn::VarStore;

use crate::data::{Mnist, TensorDataset};
use crate::evaluate::{Evaluation, evaluate};
use crate::explain::explain;
use crate::gates::GatesArgs;
use crate::model::MnistNn;
use crate::predict::PredictArgs;
use crate::train::train;
use crate::{LESSON, report, trained};

/// Lesson 3: a GRU reads handwritten digits row by row.
///
/// Trains on MNIST and prints the mean loss of every epoch, then the loss, the accuracy and the confusion matrix on
/// the test digits.
#[derive(clap::Parser, Debug)]
pub struct Cli {
    #[command(flatten)]
    train: TrainArgs,

    #[command(flatten)]
    batches: BatchArgs,

    /// Folder with the four files of MNIST, plain or .gz; scripts/fetch-data.sh fetches them
    #[arg(long, global = true, value_name = "DIR", default_value = "data/mnist")]
    data: PathBuf,

    #[command(subcommand)]
    command: Option<MnistCommand>,
}

/// What the lesson does other than train.
#[derive(Subcommand, Debug)]
enum MnistCommand {
    #[command(flatten)]
    Shared(Command),
    /// Say which digit an image shows, and how likely each one is
    Predict(PredictArgs),
    /// Draw what every gate does while the network reads a digit, row by row
    Gates(GatesArgs),
}

/// What this lesson adds to `config.json`.
#[derive(Serialize)]
struct Config<'a> {
    batch_size: i64,
    limit: Option<usize>,
    data: &'a Path,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever keeps it from doing so.
    pub fn run(mut self) -> Result<()> {
        match self.command.take() {
            None if self.train.explain => explain(&self.train, self.batches.batch_size),
            None => self.lesson().map(drop),
            Some(MnistCommand::Predict(args)) => args.run(&Session::start(&self.train)?, &self.data),
            Some(MnistCommand::Gates(args)) => args.run(&self.train, &self.data),
            Some(MnistCommand::Shared(Command::Eval(args))) => self.score(&args.model(&LESSON)?).map(drop),
            Some(MnistCommand::Shared(Command::Doctor)) => doctor(&self.train),
            Some(MnistCommand::Shared(Command::Compare(args))) => {
                let comparison = Comparison::prepare(&LESSON, &args, &mut self.train, Some(&mut self.batches))?;
                comparison.run(|model| self.score(model), || self.lesson())
            }
        }
    }

    /// Trains, and tests the network with digits it has not seen.
    fn lesson(&self) -> Result<Results> {
        let Cli { train: args, batches, data, .. } = self;
        let mnist = Mnist::read(data)?;
        let mut run = Run::start(&LESSON, args, Config { batch_size: batches.batch_size, limit: batches.limit, data })?;
        let device = run.device();
        run.note(format_args!("{} digits to learn from, {} for the test", mnist.train.len(), mnist.test.len()));
        let train_data = TensorDataset::new(&mnist.train, device)?;
        let test_data = TensorDataset::new(&mnist.test, device)?;
        let train_loader =
            ShuffledBatches::new(train_data.len(), batches.batch_size)?.limit(batches.limit).to_device(device);

        let vs = VarStore::new(device);
        let mut model = MnistNn::new(&vs.root(), args.hidden_size, args.num_layers)?;
        model.set_backend(args.backend)?;
        let mut results = Results::new();
        results.weights("initial weights", &model.named_parameters())?;
        train(&mut run, &mut model, &train_data, &train_loader, args.lr)?;
        results.training(&run)?;
        results.weights("final weights", &model.named_parameters())?;

        let evaluation = evaluate(&mut model, &test_data, device)?;
        evaluation.compared(&mut results)?;
        run.say("")?;
        lines(&evaluation).into_iter().try_for_each(|line| run.say(line))?;
        run.save_plot(report::CONFUSION, &report::confusion_map(&evaluation.confusion))?;
        run.save_plot(report::MISTAKES, &report::mistakes_grid(&mnist.test, &evaluation.predicted))?;
        run.finish(&evaluation)?;
        Ok(results)
    }

    /// Tests trained weights.
    fn score(&self, saved: &SavedModel) -> Result<Results> {
        let mnist = Mnist::read(&self.data)?;
        let session = Session::start(&self.train)?;
        let test_data = TensorDataset::new(&mnist.test, session.device())?;
        let mut model = trained::load(saved, session.device())?;
        model.set_backend(session.backend())?;
        let evaluation = evaluate(&mut model, &test_data, session.device())?;
        let mut results = Results::new();
        evaluation.compared(&mut results)?;
        lines(&evaluation).into_iter().try_for_each(|line| session.say(line))?;
        session.json(&evaluation)?;
        Ok(results)
    }
}

/// The confusion matrix, the loss and the accuracy.
fn lines(evaluation: &Evaluation) -> [String; 3] {
    [
        format!("{}\n", report::table(evaluation)),
        format!("test loss = {:.6}", evaluation.test_loss),
        format!("test accuracy = {:.2} %", 100.0 * evaluation.test_accuracy),
    ]
}
