//! The lesson's commands.

use std::path::PathBuf;

use anyhow::{Context, Result};
use lesson_kit::compare::{Comparison, Results};
use lesson_kit::exit::UsageError;
use lesson_kit::{Command, Run, SavedModel, Session, TrainArgs, doctor};
use serde::Serialize;
use tch::Tensor;
use tch::nn::VarStore;

use crate::data::{COLUMNS, Dataset, MinMaxScaler, Order, Prices, ScaleOn};
use crate::evaluate::{chart, evaluate, predict};
use crate::explain::explain;
use crate::gates::GatesArgs;
use crate::model::StockRnn;
use crate::predict::PredictArgs;
use crate::train::train;
use crate::trained;
use crate::{LESSON, PREDICTIONS, report};

/// Lesson 2: an LSTM learns to say the next close of a stock.
///
/// Trains on windows of seven days from the first 70 % of the series, prints the loss every hundred epochs, then the
/// score on the rest, beside those of two naive forecasts.
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

    /// Whose extremes scale the prices: all days', as in the notebook, or the training part's alone, which keeps the
    /// future out [default: all; for a trained model, as it was trained]
    #[arg(long, global = true, value_name = "DAYS", value_enum)]
    scale_on: Option<ScaleOn>,

    #[command(subcommand)]
    command: Option<StockCommand>,
}

/// What the lesson does other than train.
#[derive(clap::Subcommand, Debug)]
enum StockCommand {
    #[command(flatten)]
    Shared(Command),
    /// Say the closes of the days after a series
    Predict(PredictArgs),
    /// Draw what the gates do over the days of a window
    Gates(GatesArgs),
}

/// What `config.json` says of the data.
#[derive(Serialize)]
struct Source {
    csv: String,
    order: Order,
    scale_on: ScaleOn,
    scaler: MinMaxScaler,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever keeps it from doing so.
    pub fn run(mut self) -> Result<()> {
        match self.command.take() {
            None if self.train.explain => {
                let (prices, scaler) = self.scaled_prices()?;
                explain(&self.train, &prices, &scaler)
            }
            None => self.lesson().map(drop),
            Some(StockCommand::Predict(args)) => {
                let prices = Prices::read(&self.csv, self.order)?;
                args.run(&prices, self.scale_on, &Session::start(&self.train)?)
            }
            Some(StockCommand::Gates(args)) => {
                args.run(&Prices::read(&self.csv, self.order)?, self.scale_on, &self.train)
            }
            Some(StockCommand::Shared(Command::Eval(args))) => {
                let saved = args.model(&LESSON)?;
                let prices = Prices::read(&self.csv, self.order)?;
                let scaler = trained::scaler(&saved, self.scale_on, &prices)?;
                self.score(&saved, &prices, &scaler).map(drop)
            }
            Some(StockCommand::Shared(Command::Doctor)) => doctor(&self.train),
            Some(StockCommand::Shared(Command::Compare(args))) => {
                if self.scale_on == Some(ScaleOn::Train) {
                    return Err(UsageError("--scale-on train: the notebook scales on all days".to_owned()).into());
                }
                let comparison = Comparison::prepare(&LESSON, &args, &mut self.train, None)?;
                let score = |model: &SavedModel| {
                    let (prices, scaler) = self.scaled_prices()?;
                    self.score(model, &prices, &scaler)
                };
                comparison.run(score, || self.lesson())
            }
        }
    }

    /// The series, and what scales it for training.
    fn scaled_prices(&self) -> Result<(Prices, MinMaxScaler)> {
        let prices = Prices::read(&self.csv, self.order)?;
        let scaler = self.of_file(self.scale_on.unwrap_or(ScaleOn::All).fit(&prices))?;
        Ok((prices, scaler))
    }

    /// Names the file in an error that its prices have caused.
    fn of_file<T>(&self, result: Result<T>) -> Result<T> {
        result.with_context(|| format!("--csv {}", self.csv.display()))
    }

    /// Trains, and scores the network on the days it has not seen.
    fn lesson(&self) -> Result<Results> {
        let args = &self.train;
        let (prices, scaler) = self.scaled_prices()?;
        let scale_on = self.scale_on.unwrap_or(ScaleOn::All);
        let csv = self.csv.display().to_string();
        let mut run =
            Run::start(&LESSON, args, Source { csv, order: prices.order(), scale_on, scaler: scaler.clone() })?;
        let data = Dataset::new(&prices, &scaler, run.device())?;
        if scale_on == ScaleOn::Train {
            run.say(report::scaled_on_train(&prices, &scaler)?)?;
        }
        let say_shape = |run: &Run, name: &str, tensor: &Tensor| {
            run.say(format_args!("SHAPE OF [{name}] is torch.Size({:?})", tensor.size()))
        };
        say_shape(&run, "trainX", &data.train.x)?;
        say_shape(&run, "trainY", &data.train.y)?;
        say_shape(&run, "testX", &data.test.x)?;
        say_shape(&run, "testY", &data.test.y)?;

        let vs = VarStore::new(run.device());
        let mut model = StockRnn::new(&vs.root(), COLUMNS.len() as i64, args.hidden_size, args.num_layers)?;
        model.set_backend(args.backend)?;
        let mut results = Results::new();
        results.weights("initial weights", &model.named_parameters())?;
        train(&mut run, &model, &data.train, args.lr)?;
        results.training(&run)?;
        results.weights("final weights", &model.named_parameters())?;

        let predicted = predict(&model, &data)?;
        say_shape(&run, "test_predict", &predicted)?;
        let evaluation = evaluate(&predicted, &data, &scaler)?;
        evaluation.compared(&predicted, &mut results)?;
        run.say("")?;
        report::lines(&evaluation).into_iter().try_for_each(|line| run.say(line))?;
        run.save_plot(PREDICTIONS, &chart(&predicted, &data, &scaler)?)?;
        run.finish(&evaluation)?;
        Ok(results)
    }

    /// Scores trained weights.
    fn score(&self, saved: &SavedModel, prices: &Prices, scaler: &MinMaxScaler) -> Result<Results> {
        let session = Session::start(&self.train)?;
        let data = self.of_file(Dataset::new(prices, scaler, session.device()))?;
        let mut model = trained::load(saved, session.device())?;
        model.set_backend(session.backend())?;

        let predicted = predict(&model, &data)?;
        let evaluation = evaluate(&predicted, &data, scaler)?;
        let mut results = Results::new();
        evaluation.compared(&predicted, &mut results)?;
        report::lines(&evaluation).into_iter().try_for_each(|line| session.say(line))?;
        session.json(&evaluation)?;
        Ok(results)
    }
}
