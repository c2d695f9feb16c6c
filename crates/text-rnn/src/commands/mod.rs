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

use anyhow::Result;
use lesson_kit::{CommandLine, Hyperparameters, Program, Run, RunArgs, SavedModel, Session, TrainingMemory};
use parity::{SharedCommand, tolerances};
use tch::nn::VarStore;

use crate::data::{N_STEP, SENTENCES, Vocabulary, make_batch};
use crate::model::TextRnn;
use crate::train::train;

/// Lesson 1: an RNN learns to predict the last word of a sentence.
///
/// Trains on six sentences of three words and prints the cost every hundred epochs, then the predicted word for
/// each sentence, and the perplexity.
#[derive(clap::Parser, Debug)]
pub struct Cli {
    #[command(flatten)]
    options: Hyperparameters,

    #[command(flatten)]
    run: RunArgs,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    #[command(flatten)]
    Shared(SharedCommand),
    /// Predict the word that follows two others, with the probability of each word
    Predict(predict::PredictArgs),
    /// Draw the hidden units while the network reads two words, and the probability of each next word
    Gates(gates::GatesArgs),
}

impl CommandLine for Cli {
    type Options = Hyperparameters;

    fn options(&mut self) -> (&mut RunArgs, &mut Hyperparameters) {
        (&mut self.run, &mut self.options)
    }

    fn run(mut self, program: &Program) -> Result<()> {
        let session = |cli: &Cli| Session::start(program, &cli.run, cli.options.backend);
        match self.command.take() {
            None if self.run.explain => explain::explain(&session(&self)?, &self.options),
            None => self.train(program),
            Some(Command::Predict(args)) => args.run(&session(&self)?),
            Some(Command::Gates(args)) => args.run(|| session(&self), &self.run),
            Some(Command::Shared(command)) => command.run(self, program, &tolerances::TEXT_RNN),
        }
    }

    fn train(&self, program: &Program) -> Result<()> {
        let options = &self.options;
        let mut run = Run::start(program, &self.run, options, ())?;
        let vocabulary = Vocabulary::new(&SENTENCES);
        let batch = make_batch(&SENTENCES, &vocabulary, run.device())?;

        run.session().check_memory(&training_memory(options, &vocabulary), SIZES)?;
        let vs = VarStore::new(run.device());
        let mut model = TextRnn::new(&vs.root(), vocabulary.len() as i64, options.hidden_size, options.num_layers)?;
        model.set_backend(options.backend)?;
        train(&mut run, &model, &batch, options.lr)?;

        let scores = eval::evaluate(&model, &SENTENCES, &batch, &vocabulary)?;
        run.report(&scores)?;
        run.finish(&scores)
    }

    fn eval(&self, program: &Program, saved: &SavedModel) -> Result<()> {
        let session = Session::start(program, &self.run, self.options.backend)?;
        let vocabulary = Vocabulary::new(&SENTENCES);
        let batch = make_batch(&SENTENCES, &vocabulary, session.device())?;
        let mut model = TextRnn::load(saved, vocabulary.len() as i64, session.device())?;
        model.set_backend(session.backend())?;
        session.report(&eval::evaluate(&model, &SENTENCES, &batch, &vocabulary)?)
    }
}

/// The options that determine the memory of a run.
const SIZES: &str = "--hidden-size or --num-layers";

fn training_memory(options: &Hyperparameters, vocabulary: &Vocabulary) -> TrainingMemory {
    let &Hyperparameters { hidden_size, num_layers, .. } = options;
    let (n_class, batch) = (vocabulary.len() as i64, SENTENCES.len() as i64);
    let rnn = TrainingMemory::default().recurrent(1, [n_class, hidden_size, num_layers], N_STEP as i64 * batch);
    rnn.linear(hidden_size, n_class, batch)
}
