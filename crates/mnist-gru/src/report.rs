//! What the network gets wrong: a table, and two pictures.

use lesson_kit::plot::{HeatMap, ImageGrid, Tile};

use crate::data::{CLASSES, Digits, SIDE};
use crate::evaluate::Evaluation;

/// The name of the picture of the confusion matrix.
pub const CONFUSION: &str = "confusion";
/// The name of the picture of wrong digits.
pub const MISTAKES: &str = "mistakes";

/// Wrong digits in the picture, and in each of its rows.
const SHOWN: usize = 40;
const COLUMNS: usize = 8;

/// The confusion matrix as text: true digits downwards, what they were taken for across, and the shares of both that are
/// right, in percent. A `.` is a zero.
pub fn table(evaluation: &Evaluation) -> String {
    let counts = evaluation.confusion.iter().flatten();
    let width = counts.map(|count| count.to_string().len() + 2).max().unwrap_or(0).max(6);
    let cells =
        |cells: &mut dyn Iterator<Item = String>| cells.map(|cell| format!("{cell:>width$}")).collect::<String>();
    let percent = |share: &Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1}", 100.0 * share));
    let digits = cells(&mut (0..CLASSES).map(|digit| digit.to_string()));
    let mut lines = vec![format!("true \\ said{digits}  recall %")];
    for (digit, (counts, recall)) in evaluation.confusion.iter().zip(&evaluation.recall).enumerate() {
        let count = |&count: &i64| if count == 0 { ".".to_owned() } else { count.to_string() };
        lines.push(format!("{digit:>11}{}{:>10}", cells(&mut counts.iter().map(count)), percent(recall)));
    }
    lines.push(format!("precision %{}", cells(&mut evaluation.precision.iter().map(percent))));
    lines.join("\n")
}

/// The confusion matrix as a picture.
pub fn confusion_map(confusion: &[Vec<i64>]) -> HeatMap {
    let names = (0..CLASSES).map(|digit| digit.to_string()).collect();
    HeatMap::new("mnist-gru: test digits", names, confusion.to_vec()).labels("true", "said")
}

/// The first test digits that were taken for another, in the order of the test set.
pub fn mistakes_grid(test: &Digits, predicted: &[i64]) -> ImageGrid {
    let wrong = || {
        let both = test.labels().iter().zip(predicted).enumerate();
        both.filter(|(_, (label, predicted))| i64::from(**label) != **predicted)
    };
    let tiles = wrong().take(SHOWN).filter_map(|(index, (label, predicted))| {
        let pixels = test.image(index)?.to_vec();
        Some(Tile { pixels, caption: format!("true {label}, said {predicted}") })
    });
    let title = match wrong().count() {
        count if count > SHOWN => format!("mnist-gru: the first {SHOWN} of {count} wrong digits"),
        count => format!("mnist-gru: wrong digits ({count})"),
    };
    ImageGrid::new(title, SIDE, COLUMNS, tiles.collect())
}
