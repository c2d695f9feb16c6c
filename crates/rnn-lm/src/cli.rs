//! The lesson's commands.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::value_parser;
use lesson_kit::compare::{CompareArgs, Comparison, Results};
use lesson_kit::exit::UsageError;
use lesson_kit::{BatchArgs, Command, Run, SavedModel, Session, TrainArgs, doctor, processes};
use serde::Serialize;
use tch::nn::VarStore;
use tch::{Device, Tensor};

use crate::data::{Corpus, DEFAULT_CORPUS, Vocabulary, batchify, pieces};
use crate::evaluate::{columns, evaluate};
use crate::explain::explain;
use crate::model::{Cell, LanguageModel, Sizes};
use crate::predict::PredictArgs;
use crate::tokens::Unit;
use crate::train::{Columns, Options, train};
use crate::{LESSON, trained};

/// The lecture's RNN as a language model: which word comes next?
///
/// Reads Moby Dick, or a text of your own, word by word; prints the perplexity of every epoch, then that of the best one on
/// text that it has not seen.
#[derive(clap::Parser, Debug)]
pub struct Cli {
    #[command(flatten)]
    train: TrainArgs,

    #[command(flatten)]
    batches: BatchArgs,

    #[command(flatten)]
    own: OwnArgs,

    /// A text in UTF-8 [default: data/moby-dick/moby-dick.txt, which scripts/fetch-data.sh fetches; for eval, the text that
    /// the model was trained on]
    #[arg(long, global = true, value_name = "FILE")]
    corpus: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<LmCommand>,
}

/// What the lesson does other than train.
#[derive(clap::Subcommand, Debug)]
enum LmCommand {
    #[command(flatten)]
    Shared(Command),
    /// List the likeliest next words of a text, or write on with --length
    ///
    /// `<unk>` stands for every word that is too rare to have a place of its own in the vocabulary. It is left out of the list,
    /// unless --unk is given, and is never written.
    Predict(PredictArgs),
}

/// The options that only this lesson has; they stand in `config.json` under the same names.
#[derive(clap::Args, Debug, Clone, Serialize)]
struct OwnArgs {
    /// The recurrent layer
    #[arg(long, value_name = "CELL", value_enum, default_value_t = Cell::Lstm)]
    cell: Cell,

    /// The share of the recurrent layer's outputs that training drops, 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.2, value_parser = probability, allow_negative_numbers = true)]
    dropout: f64,

    /// The longest gradient: a longer one is scaled to this norm
    #[arg(long, value_name = "NORM", default_value_t = 0.25, value_parser = positive, allow_negative_numbers = true)]
    clip: f64,

    /// By what the learning rate is multiplied after every epoch
    #[arg(long, value_name = "X", default_value_t = 0.7, value_parser = positive, allow_negative_numbers = true)]
    lr_decay: f64,

    /// Steps through which gradients go back
    #[arg(long, value_name = "N", default_value_t = 35, value_parser = value_parser!(i64).range(1..),
          allow_negative_numbers = true)]
    bptt: i64,

    /// Words rarer than this in the training part become <unk>
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u32).range(1..),
          allow_negative_numbers = true)]
    min_count: u32,

    /// Predict characters instead of words
    #[arg(long)]
    chars: bool,
}

/// What this lesson adds to `config.json`.
#[derive(Serialize)]
struct Config<'a> {
    batch_size: i64,
    limit: Option<usize>,
    corpus: &'a Path,
    #[serde(flatten)]
    own: &'a OwnArgs,
    /// With the options above it says that a resumed run still has the same words.
    corpus_tokens: usize,
    vocab: usize,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever keeps it from doing so.
    pub fn run(mut self) -> Result<()> {
        match self.command.take() {
            None if self.train.explain => self.explain(),
            None => self.lesson().map(drop),
            Some(LmCommand::Predict(args)) => args.run(&Session::start(&self.train)?),
            Some(LmCommand::Shared(Command::Eval(args))) => {
                let saved = args.model(&LESSON)?;
                let vocabulary = trained::vocabulary_beside(saved.path())?;
                self.corpus = self.corpus.or_else(|| trained::corpus_beside(saved.path()));
                let corpus = Corpus::read(self.corpus(), vocabulary.unit())?;
                self.score(&saved, &corpus, &vocabulary).map(drop)
            }
            Some(LmCommand::Shared(Command::Compare(args))) => self.compare(&args),
            Some(LmCommand::Shared(Command::Doctor)) => doctor(&self.train),
        }
    }

    /// Puts this program beside the notebook, which reads Moby Dick.
    fn compare(&mut self, args: &CompareArgs) -> Result<()> {
        if self.corpus.is_some() {
            return Err(UsageError("--corpus: the notebook reads Moby Dick".to_owned()).into());
        }
        let comparison = Comparison::prepare(&LESSON, args, &mut self.train, Some(&mut self.batches))?;
        let score = |model: &SavedModel| {
            let corpus = Corpus::read(self.corpus(), self.unit())?;
            let vocabulary = corpus.vocabulary(self.own.min_count as usize)?;
            self.score(model, &corpus, &vocabulary)
        };
        comparison.run(score, || self.lesson())
    }

    /// Trains, and scores the best epoch's model on text that it has not seen.
    fn lesson(&self) -> Result<Results> {
        let Cli { train: args, batches: BatchArgs { batch_size, limit, .. }, own, .. } = self;
        let corpus = Corpus::read(self.corpus(), self.unit())?;
        let vocabulary = corpus.vocabulary(own.min_count as usize)?;
        let config = Config {
            batch_size: *batch_size,
            limit: *limit,
            corpus: self.corpus(),
            own,
            corpus_tokens: corpus.len(),
            vocab: vocabulary.len(),
        };
        let mut run = Run::start(&LESSON, args, config)?;
        let device = run.device();
        let unit = self.unit();
        run.note(format_args!("{} {unit}s in the corpus, {} in the vocabulary", corpus.len(), vocabulary.len()));
        let columns = Columns {
            train: processes::columns(&self.columns(&corpus, &vocabulary, device)?, 1)?,
            valid: columns(corpus.valid(), "validation", &vocabulary, device)?,
            test: columns(corpus.test(), "test", &vocabulary, device)?,
        };

        let vs = VarStore::new(device);
        let mut model = LanguageModel::new(&vs.root(), own.cell, self.sizes(&vocabulary), own.dropout)?;
        model.set_backend(args.backend)?;
        let mut results = Results::new();
        results.weights("initial weights", &model.named_parameters())?;
        let options = Options { lr: args.lr, lr_decay: own.lr_decay, clip: own.clip, bptt: own.bptt, limit: *limit };
        let valid_losses = train(&mut run, &mut model, &columns, &vocabulary, &options)?;
        results.training(&run)?;
        results.add("losses", "valid", &Tensor::from_slice(&valid_losses))?;
        results.weights("final weights", &model.named_parameters())?;

        let evaluation = evaluate(&mut model, &corpus, &vocabulary)?;
        evaluation.compared(&mut results)?;
        run.say("")?;
        evaluation.lines().into_iter().try_for_each(|line| run.say(line))?;
        run.finish(&evaluation)?;
        Ok(results)
    }

    /// Prints the network, and sends the first piece of the corpus through it.
    fn explain(&self) -> Result<()> {
        let Cli { train: args, own, .. } = self;
        let corpus = Corpus::read(self.corpus(), self.unit())?;
        let vocabulary = corpus.vocabulary(own.min_count as usize)?;
        let vs = VarStore::new(Session::start(args)?.device());
        let mut model = LanguageModel::new(&vs.root(), own.cell, self.sizes(&vocabulary), own.dropout)?;
        model.set_backend(args.backend)?;
        let columns = self.columns(&corpus, &vocabulary, vs.device())?;
        let (words, targets) = pieces(&columns, own.bptt)?.into_iter().next().context("the corpus has no piece")?;
        explain(args, own.cell, &model, &words, &targets)
    }

    /// Scores trained weights.
    fn score(&self, saved: &SavedModel, corpus: &Corpus, vocabulary: &Vocabulary) -> Result<Results> {
        let session = Session::start(&self.train)?;
        let mut model = trained::load(saved, vocabulary, session.device())?;
        model.set_backend(session.backend())?;
        let evaluation = evaluate(&mut model, corpus, vocabulary)?;
        let mut results = Results::new();
        evaluation.compared(&mut results)?;
        evaluation.lines().into_iter().try_for_each(|line| session.say(line))?;
        session.json(&evaluation)?;
        Ok(results)
    }

    /// The training part, laid out.
    fn columns(&self, corpus: &Corpus, vocabulary: &Vocabulary, device: Device) -> Result<Tensor> {
        batchify(&vocabulary.encode(corpus.train()), self.batches.batch_size, device)
            .context("the training part, with --batch-size columns")
    }

    fn sizes(&self, vocabulary: &Vocabulary) -> Sizes {
        Sizes { words: vocabulary.len() as i64, hidden: self.train.hidden_size, layers: self.train.num_layers }
    }

    fn corpus(&self) -> &Path {
        self.corpus.as_deref().unwrap_or(Path::new(DEFAULT_CORPUS))
    }

    fn unit(&self) -> Unit {
        if self.own.chars { Unit::Char } else { Unit::Word }
    }
}

/// A number above 0.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..1.0).contains(&number) => Ok(number),
        _ => Err("expected a number of at least 0 and below 1".to_owned()),
    }
}
