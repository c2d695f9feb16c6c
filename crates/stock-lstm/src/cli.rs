//! The lesson's commands.

use std::path::PathBuf;

use anyhow::Result;
use lesson_kit::compare::{Comparison, Results};
use lesson_kit::{Command, Run, SavedModel, Session, TrainArgs};
use serde::Serialize;
use tch::Tensor;
use tch::nn::VarStore;

use crate::data::{COLUMNS, Dataset, Order, Prices};
use crate::evaluate::{chart, evaluate, predict};
use crate::model::StockRnn;
use crate::train::train;
use crate::{LESSON, PREDICTIONS};

/// Lesson 2: an LSTM learns to say the next close of a stock.
///
/// Trains on windows of seven days from the first 70 % of the series, prints the loss every hundred epochs, then the
/// score on the rest, beside that of repeating yesterday's close.
#[derive(clap::Parser, Debug)]
pub struct Cli {
    #[command(flatten)]
    train: TrainArgs,

    /// Daily prices: columns Open, High, Low, Volume, Close in this order, or a header that names them
    #[arg(long, global = true, value_name = "FILE", default_value = "data/goog.csv")]
    csv: PathBuf,

    /// Which way time runs in a file without dates
    #[arg(long, global = true, value_name = "ORDER", value_enum, default_value_t = Order::NewestFirst)]
    order: Order,

    #[command(subcommand)]
    command: Option<Command>,
}

/// What `config.json` says of the data.
#[derive(Serialize)]
struct Source {
    csv: String,
    order: Order,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever keeps it from doing so.
    pub fn run(mut self) -> Result<()> {
        match self.command.take() {
            None => self.lesson().map(drop),
            Some(Command::Eval(args)) => self.score(&args.model(&LESSON)?).map(drop),
            Some(Command::Compare(args)) => {
                let comparison = Comparison::prepare(&LESSON, &args, &mut self.train, None)?;
                let results = match comparison.checkpoint() {
                    Some(model) => self.score(model)?,
                    None => self.lesson()?,
                };
                comparison.finish(&results)
            }
        }
    }

    /// Trains, and scores the network on the days it has not seen.
    fn lesson(&self) -> Result<Results> {
        let args = &self.train;
        let prices = Prices::read(&self.csv, self.order)?;
        let source = Source { csv: self.csv.display().to_string(), order: prices.order() };
        let mut run = Run::start(&LESSON, args, source)?;
        let data = Dataset::new(&prices, run.device())?;
        let say_shape = |run: &Run, name: &str, tensor: &Tensor| {
            run.say(format_args!("SHAPE OF [{name}] is torch.Size({:?})", tensor.size()))
        };
        say_shape(&run, "trainX", &data.train.x)?;
        say_shape(&run, "trainY", &data.train.y)?;
        say_shape(&run, "testX", &data.test.x)?;
        say_shape(&run, "testY", &data.test.y)?;

        let vs = VarStore::new(run.device());
        let model = StockRnn::new(&vs.root(), COLUMNS.len() as i64, args.hidden_size, args.num_layers)?;
        let mut results = Results::new();
        results.weights("initial weights", &model.named_parameters())?;
        train(&mut run, &model, &data.train, args.lr)?;
        results.training(&run)?;
        results.weights("final weights", &model.named_parameters())?;

        let predicted = predict(&model, &data)?;
        say_shape(&run, "test_predict", &predicted)?;
        let evaluation = evaluate(&predicted, &data, prices.scaler())?;
        evaluation.compared(&predicted, &mut results)?;
        run.say(format_args!("\n{evaluation}"))?;
        run.save_plot(PREDICTIONS, &chart(&predicted, &data, prices.scaler())?)?;
        run.finish(&evaluation)?;
        Ok(results)
    }

    /// Scores trained weights.
    fn score(&self, saved: &SavedModel) -> Result<Results> {
        let prices = Prices::read(&self.csv, self.order)?;
        let session = Session::start(&self.train)?;
        let data = Dataset::new(&prices, session.device())?;

        let vs = VarStore::new(session.device());
        let (hidden_size, num_layers) = saved.recurrent_sizes("rnn")?;
        let model = StockRnn::new(&vs.root(), COLUMNS.len() as i64, hidden_size, num_layers)?;
        saved.load_into(&model.named_parameters())?;

        let predicted = predict(&model, &data)?;
        let evaluation = evaluate(&predicted, &data, prices.scaler())?;
        let mut results = Results::new();
        evaluation.compared(&predicted, &mut results)?;
        session.say(&evaluation)?;
        session.json(&evaluation)?;
        Ok(results)
    }
}
