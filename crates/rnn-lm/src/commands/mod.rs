//! The command line.
//!
//! | module | command |
//! |---|---|
//! | [`eval`] | `eval`, and the evaluation after training |
//! | [`predict`] | `predict` |
//! | [`gates`] | `gates` |
//! | [`explain`] | `--explain` |

pub mod eval;
pub mod explain;
pub mod gates;
pub mod predict;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::value_parser;
use lesson_kit::exit::UsageError;
use lesson_kit::{
    BatchArgs, CommandLine, DATA_DIGEST, Hyperparameters, Program, Run, RunArgs, SavedModel, Session, TrainingMemory,
    positive,
};
use parity::{SharedCommand, tolerances};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::nn::VarStore;
use tch::{Device, Tensor};

use crate::data::{Corpus, DEFAULT_CORPUS, Vocabulary, batchify, pieces};
use crate::model::{LanguageModel, LayerKind, Sizes};
use crate::tokens::Unit;
use crate::train::{Columns, TrainOptions, train};
use crate::vocabulary_file;

/// Lesson 4: a language model learns to predict the next word.
///
/// Trains on Moby Dick, or on a text of your own, and prints the perplexity of every epoch. Then prints the perplexity of
/// the best epoch on text that training does not use.
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

    /// A text in UTF-8 [default: data/moby-dick/moby-dick.txt, which scripts/fetch-data.sh fetches; for eval, the text that
    /// the model was trained on]
    #[arg(long, global = true, value_name = "FILE")]
    corpus: Option<PathBuf>,

    /// The recurrent layer
    #[arg(long, value_name = "CELL", value_enum, default_value_t = LayerKind::Lstm)]
    cell: LayerKind,

    /// Dropout probability of the recurrent layer's outputs, 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.2, value_parser = probability, allow_negative_numbers = true)]
    dropout: f64,

    /// Maximum norm of the gradient; a gradient with a larger norm is scaled down
    #[arg(long, value_name = "NORM", default_value_t = 0.25, value_parser = positive, allow_negative_numbers = true)]
    clip: f64,

    /// Factor of the learning rate after every epoch
    #[arg(long, value_name = "X", default_value_t = 0.7, value_parser = positive, allow_negative_numbers = true)]
    lr_decay: f64,

    /// Number of steps of back-propagation through time
    #[arg(long, value_name = "N", default_value_t = 35, value_parser = value_parser!(i64).range(1..),
          allow_negative_numbers = true)]
    bptt: i64,

    /// Words that occur fewer than N times in the training part become `<unk>`
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u32).range(1..),
          allow_negative_numbers = true)]
    min_count: u32,

    /// Predict characters instead of words
    #[arg(long)]
    chars: bool,
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
    /// List the most likely next words of a text, or continue it with --length
    ///
    /// `<unk>` is the token for every word outside the vocabulary. It is left out of the list, unless --unk is given, and
    /// is never generated.
    Predict(predict::PredictArgs),
    /// Draw the gates while the network reads a text, and the most likely next words
    Gates(gates::GatesArgs),
}

impl CommandLine for Cli {
    type Options = Options;

    fn options(&mut self) -> (&mut RunArgs, &mut Options) {
        (&mut self.run, &mut self.options)
    }

    fn run(mut self, program: &Program) -> Result<()> {
        match self.command.take() {
            None if self.run.explain => self.explain(program),
            None => self.train(program),
            Some(Command::Predict(args)) => args.run(&Session::start(program, &self.run, self.options.hyper.backend)?),
            Some(Command::Gates(args)) => {
                args.run(|| Session::start(program, &self.run, self.options.hyper.backend), &self.run)
            }
            Some(Command::Shared(command)) => {
                if matches!(command, SharedCommand::Compare(_)) && self.options.corpus.is_some() {
                    return Err(UsageError("--corpus: the notebook reads Moby Dick".to_owned()).into());
                }
                command.run(self, program, &tolerances::RNN_LM)
            }
        }
    }

    fn train(&self, program: &Program) -> Result<()> {
        let corpus_path = self.options.corpus.clone().unwrap_or_else(|| DEFAULT_CORPUS.into());
        let options = Options { corpus: Some(corpus_path), ..self.options.clone() };
        let (corpus, vocabulary) = self.corpus()?;
        let sizes = json!({ "corpus_tokens": corpus.len(), "vocab": vocabulary.len(), DATA_DIGEST: corpus.digest() });
        let mut run = Run::start(program, &self.run, &options, sizes)?;
        let device = run.device();
        let unit = vocabulary.unit();
        let (tokens, words) = (corpus.len(), vocabulary.len());
        run.session().note(format_args!("{tokens} {unit}s in the corpus, {words} in the vocabulary"));
        let train_columns = self.train_columns(&corpus, &vocabulary, device)?;
        let columns = Columns {
            train: run.session().workers().shard_columns(&train_columns, 1)?,
            valid: eval::columns(corpus.valid(), "validation", &vocabulary, device)?,
            test: eval::columns(corpus.test(), "test", &vocabulary, device)?,
        };

        run.session().check_memory(&self.training_memory(&vocabulary, &columns.train), SIZES)?;
        let vs = VarStore::new(device);
        let mut model = LanguageModel::new(&vs.root(), options.cell, self.sizes(&vocabulary), options.dropout)?;
        model.set_backend(options.hyper.backend)?;
        let Options { lr_decay, clip, bptt, .. } = options;
        let train_options = TrainOptions { lr: options.hyper.lr, lr_decay, clip, bptt, limit: options.batches.limit };
        train(&mut run, &mut model, &columns, &vocabulary, &train_options)?;

        let scores = eval::evaluate(&mut model, &corpus, &vocabulary, run.session().workers())?;
        run.report(&scores)?;
        run.finish(&scores)
    }

    fn eval(&self, program: &Program, saved: &SavedModel) -> Result<()> {
        let vocabulary = if program.is_recorded() {
            self.corpus()?.1 // weights from the notebook have no vocabulary file
        } else {
            vocabulary_file::read_beside(saved.path())?
        };
        let corpus_path = match &self.options.corpus {
            Some(path) => path.clone(),
            None if program.is_recorded() => DEFAULT_CORPUS.into(),
            None => training_corpus(saved)?,
        };
        let corpus = Corpus::read(&corpus_path, vocabulary.unit())?;
        let session = Session::start(program, &self.run, self.options.hyper.backend)?;
        let mut model = LanguageModel::load(saved, vocabulary.len(), session.device())?;
        model.set_backend(session.backend())?;
        session.report(&eval::evaluate(&mut model, &corpus, &vocabulary, session.workers())?)
    }
}

impl Cli {
    /// Prints the network, and the shapes of the first piece of the corpus at each step.
    fn explain(&self, program: &Program) -> Result<()> {
        let options = &self.options;
        let (corpus, vocabulary) = self.corpus()?;
        let session = Session::start(program, &self.run, options.hyper.backend)?;
        let columns = self.train_columns(&corpus, &vocabulary, session.device())?;
        session.check_memory(&self.training_memory(&vocabulary, &columns), SIZES)?;
        let vs = VarStore::new(session.device());
        let mut model = LanguageModel::new(&vs.root(), options.cell, self.sizes(&vocabulary), options.dropout)?;
        model.set_backend(session.backend())?;
        let pieces = pieces(&columns, options.bptt)?;
        let (words, targets) = pieces.first().context("the corpus is too short for one piece")?;
        explain::explain(&session, options.cell, &model, words, targets)
    }

    /// The corpus, and its vocabulary.
    fn corpus(&self) -> Result<(Corpus, Vocabulary)> {
        let unit = if self.options.chars { Unit::Char } else { Unit::Word };
        let path = self.options.corpus.as_deref().unwrap_or(Path::new(DEFAULT_CORPUS));
        let corpus = Corpus::read(path, unit)?;
        let vocabulary = corpus.vocabulary(self.options.min_count as usize)?;
        Ok((corpus, vocabulary))
    }

    /// The training part as (steps, columns).
    fn train_columns(&self, corpus: &Corpus, vocabulary: &Vocabulary, device: Device) -> Result<Tensor> {
        batchify(&vocabulary.encode_part(corpus.train()), self.options.batches.batch_size, device)
            .context("the training part, with --batch-size columns")
    }

    /// The memory of training on `columns`, (steps, columns).
    fn training_memory(&self, vocabulary: &Vocabulary, columns: &Tensor) -> TrainingMemory {
        let Sizes { words, hidden, layers } = self.sizes(vocabulary);
        let gates = match self.options.cell {
            LayerKind::Rnn => 1,
            LayerKind::Gru => 3,
            LayerKind::Lstm => 4,
        };
        let (steps, columns) = (columns.size()[0] - 1, columns.size()[1]);
        let positions = self.options.bptt.min(steps) * columns;
        let embedding = TrainingMemory::default().embedding(words, hidden, positions);
        embedding.recurrent(gates, [hidden, hidden, layers], positions).linear(hidden, words, positions)
    }

    fn sizes(&self, vocabulary: &Vocabulary) -> Sizes {
        let Hyperparameters { hidden_size, num_layers, .. } = self.options.hyper;
        Sizes { words: vocabulary.len() as i64, hidden: hidden_size, layers: num_layers }
    }
}

/// The options that determine the memory of a run.
const SIZES: &str = "--bptt, --batch-size, --hidden-size or --num-layers";

/// The text that the model was trained on.
fn training_corpus(saved: &SavedModel) -> Result<PathBuf> {
    let path = saved.config().map(|config| config["corpus"].as_str().map(PathBuf::from));
    let unknown = || {
        format!(
            "{}: it is not known which text the model was trained on; name it with --corpus FILE",
            saved.path().display()
        )
    };
    path.with_context(unknown)?.with_context(unknown)
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..1.0).contains(&number) => Ok(number),
        _ => Err("expected a number of at least 0 and below 1".to_owned()),
    }
}
