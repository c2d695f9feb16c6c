//! The lesson's commands.

use anyhow::Result;
use lesson_kit::compare::{Comparison, Results};
use lesson_kit::{Command, Run, SavedModel, Session, TrainArgs};
use tch::nn::VarStore;

use crate::LESSON;
use crate::data::{SENTENCES, Vocabulary, make_batch};
use crate::evaluate::{Evaluation, evaluate};
use crate::model::TextRnn;
use crate::train::train;

/// Lesson 1: an RNN learns to say the last word of a sentence.
///
/// Trains on six sentences of three words and prints the cost every hundred epochs, then the word it predicts for
/// each sentence, and the perplexity.
#[derive(clap::Parser, Debug)]
pub struct Cli {
    #[command(flatten)]
    train: TrainArgs,

    #[command(subcommand)]
    command: Option<Command>,
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

    /// Trains, and asks the network about the sentences it has learned.
    fn lesson(&self) -> Result<Results> {
        let args = &self.train;
        let mut run = Run::start(&LESSON, args, ())?;
        let vocabulary = Vocabulary::new(&SENTENCES);
        let batch = make_batch(&SENTENCES, &vocabulary, run.device())?;

        let vs = VarStore::new(run.device());
        let model = TextRnn::new(&vs.root(), vocabulary.len() as i64, args.hidden_size, args.num_layers)?;
        let mut results = Results::new();
        results.weights("initial weights", &model.named_parameters())?;
        train(&mut run, &model, &batch, args.lr)?;
        results.training(&run)?;
        results.weights("final weights", &model.named_parameters())?;

        let evaluation = evaluate(&model, &SENTENCES, &batch, &vocabulary)?;
        evaluation.compared(&mut results)?;
        run.say("")?;
        lines(&evaluation).try_for_each(|line| run.say(line))?;
        run.finish(&evaluation)?;
        Ok(results)
    }

    /// Asks trained weights.
    fn score(&self, saved: &SavedModel) -> Result<Results> {
        let session = Session::start(&self.train)?;
        let vocabulary = Vocabulary::new(&SENTENCES);
        let batch = make_batch(&SENTENCES, &vocabulary, session.device())?;

        let vs = VarStore::new(session.device());
        let (hidden_size, num_layers) = saved.recurrent_sizes("rnn")?;
        let model = TextRnn::new(&vs.root(), vocabulary.len() as i64, hidden_size, num_layers)?;
        saved.load_into(&model.named_parameters())?;

        let evaluation = evaluate(&model, &SENTENCES, &batch, &vocabulary)?;
        let mut results = Results::new();
        evaluation.compared(&mut results)?;
        lines(&evaluation).try_for_each(|line| session.say(line))?;
        session.json(&evaluation)?;
        Ok(results)
    }
}

/// Each sentence with the predicted word, and the perplexity.
fn lines(evaluation: &Evaluation) -> impl Iterator<Item = String> {
    let prediction = |it: &crate::evaluate::Prediction| {
        let mark = if it.predicted == it.target { "" } else { "  (wrong)" };
        format!("{:<9} -> {}{mark}", it.input, it.predicted)
    };
    let perplexity = format!("perplexity = {:.4}", evaluation.perplexity);
    evaluation.predictions.iter().map(prediction).chain([perplexity])
}
