//! `cargo run -p text-rnn`

use std::process::ExitCode;

use anyhow::Result;
use lesson_kit::{Run, TrainArgs};
use tch::nn::VarStore;
use text_rnn::LESSON;
use text_rnn::data::{SENTENCES, Vocabulary, make_batch};
use text_rnn::evaluate::evaluate;
use text_rnn::model::TextRnn;
use text_rnn::train::train;

/// Lesson 1: an RNN learns to say the last word of a sentence.
///
/// Trains on six sentences of three words and prints the cost every hundred epochs, then the word it predicts for
/// each sentence, and the perplexity.
#[derive(clap::Parser, Debug)]
struct Cli {
    #[command(flatten)]
    train: TrainArgs,
}

fn main() -> ExitCode {
    lesson_kit::main(&LESSON, |cli: Cli| lesson(&cli.train))
}

fn lesson(args: &TrainArgs) -> Result<()> {
    let mut run = Run::start(&LESSON, args, ())?;
    let vocabulary = Vocabulary::new(&SENTENCES);
    let batch = make_batch(&SENTENCES, &vocabulary, run.device())?;

    let vs = VarStore::new(run.device());
    let model = TextRnn::new(&vs.root(), vocabulary.len() as i64, args.hidden_size, args.num_layers)?;
    train(&mut run, &model, &batch, args.lr)?;

    let evaluation = evaluate(&model, &SENTENCES, &batch, &vocabulary)?;
    run.say("")?;
    for prediction in &evaluation.predictions {
        let mark = if prediction.predicted == prediction.target { "" } else { "  (wrong)" };
        run.say(format_args!("{:<9} -> {}{mark}", prediction.input, prediction.predicted))?;
    }
    run.say(format_args!("perplexity = {:.4}", evaluation.perplexity))?;
    run.finish(&evaluation)
}
