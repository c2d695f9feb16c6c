//! The command line.
//!
//! | module | command |
//! |---|---|
//! | [`eval`], [`pictures`] | `eval`, and the evaluation after training |
//! | [`predict`] | `predict` |
//! | [`gates`] | `gates` |
//! | [`explain`] | `--explain` |
//! | [`input`], [`image`], [`jpeg`], [`normalise`] | the picture of a digit for `predict` and `gates`, converted to MNIST's form |

pub mod eval;
pub mod explain;
pub mod gates;
pub mod image;
pub mod input;
pub mod jpeg;
pub mod normalise;
pub mod pictures;
pub mod predict;

use std::path::PathBuf;

use anyhow::Result;
use lesson_kit::{
    BatchArgs, CommandLine, DATA_DIGEST, DeviceChoice, Hyperparameters, Program, Run, RunArgs, SavedModel, Session,
    TrainingMemory,
};
use parity::{SharedCommand, tolerances};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::nn::VarStore;
use torch_ext::data::ShuffledBatches;

use crate::data::{CLASSES, Digits, Mnist, SIDE, TensorDataset};
use crate::model::MnistNn;
use crate::train::train;

/// Lesson 3: a GRU reads handwritten digits row by row.
///
/// Trains on MNIST and prints the mean loss of every epoch, then the loss, the accuracy and the confusion matrix on
/// the test digits.
#[derive(clap::Parser, Debug)]
pub struct Cli {
    #[command(flatten)]
    options: Options,

    #[command(flatten)]
    run: RunArgs,

    #[command(subcommand)]
    command: Option<Command>,
}

/// The options that `config.json` stores.
#[derive(clap::Args, Debug, Clone, Serialize, Deserialize)]
pub struct Options {
    #[command(flatten)]
    #[serde(flatten)]
    hyper: Hyperparameters,

    #[command(flatten)]
    #[serde(flatten)]
    batches: BatchArgs,

    /// Folder with the four files of MNIST, plain or .gz; scripts/fetch-data.sh fetches them
    #[arg(long, global = true, value_name = "DIR", default_value = "data/mnist")]
    data: PathBuf,
}

impl lesson_kit::Options for Options {
    fn hyperparameters(&self) -> &Hyperparameters {
        &self.hyper
    }
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    #[command(flatten)]
    Shared(SharedCommand),
    /// Predict which digit an image shows, with the probability of each digit
    Predict(predict::PredictArgs),
    /// Draw every gate while the network reads a digit, row by row
    Gates(gates::GatesArgs),
}

impl CommandLine for Cli {
    type Options = Options;

    fn options(&mut self) -> (&mut RunArgs, &mut Options) {
        (&mut self.run, &mut self.options)
    }

    fn run(mut self, program: &Program) -> Result<()> {
        let session = |cli: &Cli| Session::start(program, &cli.run, cli.options.hyper.backend);
        match self.command.take() {
            None if self.run.explain => {
                self.run.device = DeviceChoice::Cpu; // only shapes are printed
                explain::explain(&session(&self)?, &self.options.hyper, self.options.batches.batch_size)
            }
            None => self.train(program),
            Some(Command::Predict(args)) => args.run(&session(&self)?, &self.options.data),
            Some(Command::Gates(args)) => args.run(|| session(&self), &self.run, &self.options.data),
            Some(Command::Shared(command)) => command.run(self, program, &tolerances::MNIST_GRU),
        }
    }

    fn train(&self, program: &Program) -> Result<()> {
        let Options { hyper, batches, data } = &self.options;
        let mnist = Mnist::read(data)?;
        let mut run = Run::start(program, &self.run, &self.options, json!({ DATA_DIGEST: mnist.train.digest() }))?;
        let device = run.device();
        run.session().note(format_args!("{} training digits, {} test digits", mnist.train.len(), mnist.test.len()));
        let train_data = TensorDataset::new(&mnist.train, device)?;
        let test_data = TensorDataset::new(&mnist.test, device)?;
        let train_loader =
            ShuffledBatches::new(train_data.len(), batches.batch_size)?.limit(batches.limit).to_device(device);

        // Under torchrun each process has a part of the batch.
        let world_size = run.session().workers().world_size() as i64;
        let batch_size = batches.batch_size.min(train_data.len()) / world_size;
        run.session().check_memory(&training_memory(hyper, batch_size), SIZES)?;
        let vs = VarStore::new(device);
        let mut model = MnistNn::new(&vs.root(), hyper.hidden_size, hyper.num_layers)?;
        model.set_backend(hyper.backend)?;
        train(&mut run, &mut model, &train_data, &train_loader, hyper.lr)?;

        let scores = eval::evaluate(&mut model, &test_data, run.session())?;
        run.report(&scores)?;
        run.save_plot(pictures::CONFUSION, &pictures::confusion_map(&scores.confusion))?;
        run.save_plot(pictures::MISTAKES, &pictures::mistakes_grid(&mnist.test, &scores.predicted))?;
        run.finish(&scores)
    }

    fn eval(&self, program: &Program, saved: &SavedModel) -> Result<()> {
        let test = Digits::read_test(&self.options.data)?;
        let session = Session::start(program, &self.run, self.options.hyper.backend)?;
        let test_data = TensorDataset::new(&test, session.device())?;
        let mut model = MnistNn::load(saved, session.device())?;
        model.set_backend(session.backend())?;
        session.report(&eval::evaluate(&mut model, &test_data, &session)?)
    }
}

/// The options that determine the memory of a run.
const SIZES: &str = "--batch-size, --hidden-size or --num-layers";

fn training_memory(options: &Hyperparameters, batch_size: i64) -> TrainingMemory {
    let (&Hyperparameters { hidden_size, num_layers, .. }, side) = (options, SIDE as i64);
    let gru = TrainingMemory::default().recurrent(3, [side, hidden_size, num_layers], side.saturating_mul(batch_size));
    gru.linear(hidden_size, CLASSES as i64, batch_size)
}
