//! `cargo run -p mnist-gru`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use lesson_kit::loader::ShuffledBatches;
use lesson_kit::{BatchArgs, Run, TrainArgs};
use mnist_gru::data::{Mnist, TensorDataset};
use mnist_gru::evaluate::evaluate;
use mnist_gru::model::MnistNn;
use mnist_gru::train::train;
use mnist_gru::{LESSON, report};
use serde::Serialize;
use tch::nn::VarStore;

/// Lesson 3: a GRU reads handwritten digits row by row.
///
/// Trains on MNIST and prints the mean loss of every epoch, then the loss, the accuracy and the confusion matrix on
/// the test digits.
#[derive(clap::Parser, Debug)]
struct Cli {
    #[command(flatten)]
    train: TrainArgs,

    #[command(flatten)]
    batches: BatchArgs,

    /// Folder with the four files of MNIST, plain or .gz; scripts/fetch-data.sh fetches them
    #[arg(long, value_name = "DIR", default_value = "data/mnist")]
    data: PathBuf,
}

/// What this lesson adds to `config.json`.
#[derive(Serialize)]
struct Config<'a> {
    batch_size: i64,
    limit: Option<usize>,
    data: &'a Path,
}

fn main() -> ExitCode {
    lesson_kit::main(&LESSON, |cli: Cli| lesson(&cli))
}

fn lesson(Cli { train: args, batches, data }: &Cli) -> Result<()> {
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
    train(&mut run, &mut model, &train_data, &train_loader, args.lr)?;

    let evaluation = evaluate(&mut model, &test_data, device)?;
    run.say(format_args!("\n{}\n", report::table(&evaluation.confusion)))?;
    run.say(format_args!("test loss = {:.6}", evaluation.test_loss))?;
    run.say(format_args!("test accuracy = {:.2} %", 100.0 * evaluation.test_accuracy))?;
    run.save_plot(report::CONFUSION, &report::confusion_map(&evaluation.confusion))?;
    run.save_plot(report::MISTAKES, &report::mistakes_grid(&mnist.test, &evaluation.predicted))?;
    run.finish(&evaluation)
}
