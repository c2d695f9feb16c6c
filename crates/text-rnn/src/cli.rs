//! The lesson's commands.

use anyhow::Result;
use lesson_kit::compare::{Comparison, Results};
use lesson_kit::{Command, Run, SavedModel, Session, TrainArgs, doctor};
use tch::nn::VarStore;

use crate::data::{SENTENCES, Vocabulary, make_batch};
use crate::evaluate::evaluate;
use crate::explain::explain;
use crate::gates::GatesArgs;
use crate::model::TextRnn;
use crate::predict::PredictArgs;
use crate::train::train;
use crate::{LESSON, report, trained};

/// Lesson 1: an RNN learns to say the last word of a sentence.
///
/// Trains on six sentences of three words and prints the cost every hundred epochs, then the word it predicts for
/// each sentence, and the perplexity.
#[derive(clap::Parser, Debug)]
pub struct Cli {
    #[command(flatten)]
    train: TrainArgs,

    #[command(subcommand)]
    command: Option<TextCommand>,
}

/// What the lesson does other than train.
#[derive(clap::Subcommand, Debug)]
enum TextCommand {
    #[command(flatten)]
    Shared(Command),
    /// Say the word that follows two others, and how likely each word is
    Predict(PredictArgs),
    /// Draw what the hidden units do while the network reads two words
    Gates(GatesArgs),
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever keeps it from doing so.
    pub fn run(mut self) -> Result<()> {
        match self.command.take() {
            None if self.train.explain => explain(&self.train),
            None => self.lesson().map(drop),
            Some(TextCommand::Predict(args)) => args.run(&Session::start(&self.train)?),
            Some(TextCommand::Gates(args)) => args.run(&self.train),
            Some(TextCommand::Shared(Command::Eval(args))) => self.score(&args.model(&LESSON)?).map(drop),
            Some(TextCommand::Shared(Command::Doctor)) => doctor(&self.train),
            Some(TextCommand::Shared(Command::Compare(args))) => {
                let comparison = Comparison::prepare(&LESSON, &args, &mut self.train, None)?;
                comparison.run(|model| self.score(model), || self.lesson())
            }
        }
    }

    /// Trains, and asks the network about the sentences it has learned.
    fn lesson(&self) -> Result<Results> {
        let args = &self.train;
        let mut run = Run::start(&LESSON, args, ())?;
        let vocabulary = Vocabulary::new(&SENTENCES);
        let batch = make_batch(&SENTENCES, &vocabulary, run.device())?;

        let vs = VarStore::new(run.device());
        let mut model = TextRnn::new(&vs.root(), vocabulary.len() as i64, args.hidden_size, args.num_layers)?;
        model.set_backend(args.backend)?;
        let mut results = Results::new();
        results.weights("initial weights", &model.named_parameters())?;
        train(&mut run, &model, &batch, args.lr)?;
        results.training(&run)?;
        results.weights("final weights", &model.named_parameters())?;

        let evaluation = evaluate(&model, &SENTENCES, &batch, &vocabulary)?;
        evaluation.compared(&mut results)?;
        run.say("")?;
        report::lines(&evaluation).into_iter().try_for_each(|line| run.say(line))?;
        run.finish(&evaluation)?;
        Ok(results)
    }

    /// Asks trained weights.
    fn score(&self, saved: &SavedModel) -> Result<Results> {
        let session = Session::start(&self.train)?;
        let vocabulary = Vocabulary::new(&SENTENCES);
        let batch = make_batch(&SENTENCES, &vocabulary, session.device())?;

        let mut model = trained::load(saved, &vocabulary, session.device())?;
        model.set_backend(session.backend())?;
        let evaluation = evaluate(&model, &SENTENCES, &batch, &vocabulary)?;
        let mut results = Results::new();
        evaluation.compared(&mut results)?;
        report::lines(&evaluation).into_iter().try_for_each(|line| session.say(line))?;
        session.json(&evaluation)?;
        Ok(results)
    }
}
