//! `gates`: what the hidden units do while the network reads.

use anyhow::Result;
use clap::Args;
use lesson_kit::exit::UsageError;
use lesson_kit::plot::{self, GateMap, GateMaps, Scale};
use lesson_kit::{DrawArgs, Session, TrainArgs};
use serde::Serialize;
use tch::Tensor;

use crate::data::{SENTENCES, Vocabulary, batch_of_one};
use crate::model::TextRnn;
use crate::predict::{known_words, next_word};
use crate::{GATES, LESSON, trained};

/// Options of `gates`.
#[derive(Args, Debug, Clone)]
pub struct GatesArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// The words, as one argument or several: "i like"
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
}

/// What the units do: the object of `--json`.
#[derive(Debug, Serialize)]
pub struct HiddenStates {
    /// The words that are read.
    pub words: Vec<&'static str>,
    /// What the network says then.
    pub predicted: String,
    /// From the first layer to the last.
    pub layers: Vec<Layer>,
}

/// What one layer keeps.
#[derive(Debug, Serialize)]
pub struct Layer {
    /// The hidden state, word by word, unit by unit.
    pub h: Vec<Vec<f32>>,
}

impl GatesArgs {
    /// Draws the hidden state over the words.
    ///
    /// # Errors
    /// As `predict`; if the picture cannot be written; [`UsageError`] if neither picture nor numbers are wanted.
    pub fn run(&self, args: &TrainArgs) -> Result<()> {
        if args.no_plots && !args.json {
            return Err(UsageError("--no-plots leaves nothing to do; with --json there are the numbers".into()).into());
        }
        let session = Session::start(args)?;
        let vocabulary = Vocabulary::new(&SENTENCES);
        let words = known_words(&self.words, &vocabulary)?;
        let model = trained::load(&self.draw.read(&LESSON, &session)?, &vocabulary, session.device())?;
        let states = hidden_states(&model, words, &vocabulary)?;
        if !args.no_plots {
            let stem = self.draw.folder(&LESSON)?.join(GATES);
            plot::save(&picture(&states), &stem)?;
            session.say(format_args!("{0}.png and {0}.svg", stem.display()))?;
        }
        session.json(&states)
    }
}

fn hidden_states(model: &TextRnn, words: Vec<&'static str>, vocabulary: &Vocabulary) -> Result<HiddenStates> {
    let _guard = tch::no_grad_guard();
    let trace = model.trace(&model.zero_hidden(1)?, &batch_of_one(&words, vocabulary, model.device())?)?;
    let layer = |layer| Ok(Layer { h: values(trace.gate("h", layer as usize, 0)?)? });
    let layers = (0..model.rnn().num_layers()).map(layer).collect::<Result<_>>()?;
    Ok(HiddenStates { predicted: next_word(model, &words, vocabulary)?.predicted, words, layers })
}

/// Of (steps, 1, hidden) the steps.
fn values(gate: &Tensor) -> Result<Vec<Vec<f32>>> {
    Ok(Vec::try_from(gate.f_select(1, 0)?)?)
}

fn picture(states: &HiddenStates) -> GateMaps {
    let title = format!("text-rnn: {} \u{2192} {}", states.words.join(" "), states.predicted);
    let names = states.words.iter().map(ToString::to_string).collect();
    let one = states.layers.len() == 1;
    let layers = states.layers.iter().enumerate();
    layers.fold(GateMaps::new(title, "word", names), |maps, (layer, states)| {
        let heading = if one { String::new() } else { format!("layer {layer}") };
        let input = if layer == 0 { "x_t".to_owned() } else { format!("h_t of layer {}", layer - 1) };
        let formula = format!("h_t = tanh(W_ih {input} + b_ih + W_hh h_{{t\u{2212}1}} + b_hh)");
        maps.column(heading, vec![GateMap::new(formula, Scale::Tanh, states.h.clone())])
    })
}
