//! The command line.
//!
//! | module | command |
//! |---|---|
//! | [`eval`], [`score`] | `eval`, and the evaluation after training |
//! | [`predict`] | `predict` |
//! | [`gates`] | `gates` |
//! | [`explain`] | `--explain` |
//! | [`scale`] | the scale of the prices that a model was trained with |

pub mod eval;
pub mod explain;
pub mod gates;
pub mod predict;
pub mod scale;
pub mod score;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lesson_kit::exit::UsageError;
use lesson_kit::{
    CommandLine, DATA_DIGEST, Hyperparameters, Program, Run, RunArgs, SavedModel, Session, TrainingMemory,
};
use parity::{SharedCommand, tolerances};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use tch::Tensor;
use tch::nn::VarStore;

use crate::PREDICTIONS;
use crate::data::{COLUMNS, Dataset, MinMaxScaler, Order, Prices, SEQ_LENGTH, ScaleOn};
use crate::model::StockRnn;
use crate::train::train;

/// Lesson 2: an LSTM learns to predict the next close of a stock.
///
/// Trains on windows of seven days from the first 70 % of the series and prints the loss every hundred epochs. Then
/// prints the scores of the network and of two naive forecasts on the rest.
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

    /// Daily prices: columns Open, High, Low, Volume, Close in this order, or a header that names them
    #[serde(serialize_with = "displayed")] // also a path that is not UTF-8
    #[arg(long, global = true, value_name = "FILE", default_value = "data/goog.csv")]
    csv: PathBuf,

    /// The order of the days in a file without dates
    #[arg(long, global = true, value_name = "ORDER", value_enum, default_value_t = Order::NewestFirst)]
    order: Order,

    /// The days whose minimum and maximum scale the prices: all days, as in the notebook, or the training days only, so
    /// that training uses no test prices [default: all; for a trained model, the scale of its training]
    #[arg(long, global = true, value_name = "DAYS", value_enum)]
    scale_on: Option<ScaleOn>,
}

fn displayed<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
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
    /// Predict the closes of the days after a series
    Predict(predict::PredictArgs),
    /// Draw the inputs and the gates over the days of a window
    Gates(gates::GatesArgs),
}

impl CommandLine for Cli {
    type Options = Options;

    fn options(&mut self) -> (&mut RunArgs, &mut Options) {
        (&mut self.run, &mut self.options)
    }

    fn run(mut self, program: &Program) -> Result<()> {
        let Options { hyper, csv, order, scale_on } = self.options.clone();
        let session = |cli: &Cli| Session::start(program, &cli.run, hyper.backend);
        match self.command.take() {
            None if self.run.explain => {
                let (prices, scaler) = self.scaled_prices()?;
                explain::explain(&session(&self)?, &hyper, &prices, &scaler)
            }
            None => self.train(program),
            Some(Command::Predict(args)) => {
                let prices = Prices::read(&csv, order)?;
                args.run(&session(&self)?, &prices, scale_on)
            }
            Some(Command::Gates(args)) => {
                let prices = Prices::read(&csv, order)?;
                args.run(|| session(&self), &self.run, &prices, scale_on)
            }
            Some(Command::Shared(command)) => {
                if let SharedCommand::Compare(_) = command {
                    if scale_on == Some(ScaleOn::Train) {
                        return Err(UsageError("--scale-on train: the notebook scales on all days".to_owned()).into());
                    }
                    self.options.scale_on = Some(ScaleOn::All);
                }
                command.run(self, program, &tolerances::STOCK_LSTM)
            }
        }
    }

    fn train(&self, program: &Program) -> Result<()> {
        let (prices, scaler) = self.scaled_prices()?;
        let scale_on = self.options.scale_on.unwrap_or(ScaleOn::All);
        let options = Options { order: prices.order(), scale_on: Some(scale_on), ..self.options.clone() };
        let from_data = json!({ "scaler": scaler, DATA_DIGEST: prices.digest() });
        let mut run = Run::start(program, &self.run, &options, from_data)?;
        let data = Dataset::new(&prices, &scaler, run.device())?;
        if scale_on == ScaleOn::Train {
            run.session().print(scale::describe(&prices, &scaler)?)?;
        }
        let print_shape = |run: &Run, name: &str, tensor: &Tensor| {
            run.session().print(format_args!("SHAPE OF [{name}] is torch.Size({:?})", tensor.size()))
        };
        print_shape(&run, "trainX", &data.train.x)?;
        print_shape(&run, "trainY", &data.train.y)?;
        print_shape(&run, "testX", &data.test.x)?;
        print_shape(&run, "testY", &data.test.y)?;

        let hyper = &options.hyper;
        run.session().check_memory(&training_memory(hyper, &data), SIZES)?;
        let vs = VarStore::new(run.device());
        let mut model = StockRnn::new(&vs.root(), COLUMNS.len() as i64, hyper.hidden_size, hyper.num_layers)?;
        model.set_backend(hyper.backend)?;
        train(&mut run, &model, &data.train, hyper.lr)?;

        let predicted = eval::predict(&model, &data)?;
        print_shape(&run, "test_predict", &predicted)?;
        let charts = eval::charts(&predicted, &data, &prices, &scaler)?;
        let scores = eval::evaluate(predicted, &data, &scaler)?;
        run.report(&scores)?;
        run.save_plot(PREDICTIONS, &charts)?;
        run.finish(&scores)
    }

    fn eval(&self, program: &Program, saved: &SavedModel) -> Result<()> {
        let prices = Prices::read(&self.options.csv, self.options.order)?;
        let scaler = scale::of_model(saved, self.options.scale_on, &prices)?;
        let session = Session::start(program, &self.run, self.options.hyper.backend)?;
        let data = self.with_file_name(Dataset::new(&prices, &scaler, session.device()))?;
        let mut model = StockRnn::load(saved, session.device())?;
        model.set_backend(session.backend())?;
        session.report(&eval::evaluate(eval::predict(&model, &data)?, &data, &scaler)?)
    }
}

impl Cli {
    /// The series, and the scaler for training.
    fn scaled_prices(&self) -> Result<(Prices, MinMaxScaler)> {
        let Options { csv, order, scale_on, .. } = &self.options;
        let prices = Prices::read(csv, *order)?;
        let scaler = self.with_file_name(scale_on.unwrap_or(ScaleOn::All).fit(&prices))?;
        Ok((prices, scaler))
    }

    /// Adds the file name to an error.
    fn with_file_name<T>(&self, result: Result<T>) -> Result<T> {
        result.with_context(|| format!("--csv {}", self.options.csv.display()))
    }
}

/// The options that determine the memory of a run.
const SIZES: &str = "--hidden-size or --num-layers";

fn training_memory(options: &Hyperparameters, data: &Dataset) -> TrainingMemory {
    let &Hyperparameters { hidden_size, num_layers, .. } = options;
    let (columns, windows) = (COLUMNS.len() as i64, data.train.count());
    let rnn = TrainingMemory::default().recurrent(4, [columns, hidden_size, num_layers], SEQ_LENGTH as i64 * windows);
    rnn.linear(hidden_size, 1, windows)
}
