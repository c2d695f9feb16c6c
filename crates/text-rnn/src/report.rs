//! What the lesson prints after training, and `eval`.

use lesson_kit::metrics::format_perplexity;

use crate::evaluate::{Evaluation, Prediction};

/// Each sentence with the predicted word, the table of all words, and the perplexity.
pub fn lines(evaluation: &Evaluation) -> Vec<String> {
    let perplexity = format!("\nperplexity = {}", format_perplexity(evaluation.perplexity, 4));
    evaluation
        .predictions
        .iter()
        .map(prediction)
        .chain([String::new()])
        .chain(table(evaluation))
        .chain([perplexity])
        .collect()
}

fn prediction(it: &Prediction) -> String {
    let mark = if it.predicted == it.target { "" } else { "  (wrong)" };
    format!("{:<9} -> {}{mark}", it.input, it.predicted)
}

/// A line for each sentence with the probability of every word, in percent.
fn table(evaluation: &Evaluation) -> impl Iterator<Item = String> {
    let cells = |cells: Vec<String>| cells.iter().map(|cell| format!("{cell:>7}")).collect::<String>();
    let head = cells(evaluation.vocabulary.iter().map(ToString::to_string).collect());
    let rows = evaluation.predictions.iter().zip(&evaluation.next_word).map(move |(sentence, shares)| {
        let shares = shares.iter().map(|share| format!("{:.2}", 100.0 * share)).collect();
        format!("{:<12}{}", sentence.input, cells(shares))
    });
    [format!("{:<12}{head}", "next word, %")].into_iter().chain(rows)
}
