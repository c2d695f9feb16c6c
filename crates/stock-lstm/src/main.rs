//! `cargo run -p stock-lstm`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use lesson_kit::{Run, TrainArgs};
use serde::Serialize;
use stock_lstm::data::{COLUMNS, Dataset, Order, Prices};
use stock_lstm::evaluate::{chart, evaluate, predict};
use stock_lstm::model::StockRnn;
use stock_lstm::train::train;
use stock_lstm::{LESSON, PREDICTIONS};
use tch::Tensor;
use tch::nn::VarStore;

/// Lesson 2: an LSTM learns to say the next close of a stock.
///
/// Trains on windows of seven days from the first 70 % of the series, prints the loss every hundred epochs, then the
/// score on the rest, beside that of repeating yesterday's close.
#[derive(clap::Parser, Debug)]
struct Cli {
    #[command(flatten)]
    train: TrainArgs,

    /// Daily prices: columns Open, High, Low, Volume, Close in this order, or a header that names them
    #[arg(long, value_name = "FILE", default_value = "data/goog.csv")]
    csv: PathBuf,

    /// Which way time runs in a file without dates
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = Order::NewestFirst)]
    order: Order,
}

/// What `config.json` says of the data.
#[derive(Serialize)]
struct Source {
    csv: String,
    order: Order,
}

fn main() -> ExitCode {
    lesson_kit::main(&LESSON, |cli: Cli| lesson(&cli))
}

fn lesson(cli: &Cli) -> Result<()> {
    let prices = Prices::read(&cli.csv, cli.order)?;
    let source = Source { csv: cli.csv.display().to_string(), order: prices.order() };
    let mut run = Run::start(&LESSON, &cli.train, source)?;
    let data = Dataset::new(&prices, run.device())?;
    let say_shape = |run: &Run, name: &str, tensor: &Tensor| {
        run.say(format_args!("SHAPE OF [{name}] is torch.Size({:?})", tensor.size()))
    };
    say_shape(&run, "trainX", &data.train.x)?;
    say_shape(&run, "trainY", &data.train.y)?;
    say_shape(&run, "testX", &data.test.x)?;
    say_shape(&run, "testY", &data.test.y)?;

    let vs = VarStore::new(run.device());
    let args = &cli.train;
    let model = StockRnn::new(&vs.root(), COLUMNS.len() as i64, args.hidden_size, args.num_layers)?;
    train(&mut run, &model, &data.train, args.lr)?;

    let predicted = predict(&model, &data)?;
    say_shape(&run, "test_predict", &predicted)?;
    let evaluation = evaluate(&predicted, &data, prices.scaler())?;
    run.say(format_args!("\n{evaluation}"))?;
    run.save_plot(PREDICTIONS, &chart(&predicted, &data, prices.scaler())?)?;
    run.finish(&evaluation)
}
