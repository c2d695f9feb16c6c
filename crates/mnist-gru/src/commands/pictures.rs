//! Pictures of the network's mistakes.

use lesson_kit::plot::{HeatMap, ImageGrid, Tile};

use crate::data::{CLASSES, Digits, SIDE};

/// The name of the picture of the confusion matrix.
pub const CONFUSION: &str = "confusion";
/// The name of the picture of wrong digits.
pub const MISTAKES: &str = "mistakes";

/// The number of wrong digits in the picture, and in each of its rows.
const SHOWN: usize = 40;
const COLUMNS: usize = 8;

/// The confusion matrix as a picture.
pub fn confusion_map(confusion: &[Vec<i64>]) -> HeatMap {
    let names = (0..CLASSES).map(|digit| digit.to_string()).collect();
    HeatMap::new("mnist-gru: test digits", names, confusion.to_vec())
}

/// The first wrongly classified test digits, in the order of the test set.
pub fn mistakes_grid(test: &Digits, predicted: &[i64]) -> ImageGrid {
    let wrong = || {
        let both = test.labels().iter().zip(predicted).enumerate();
        both.filter(|(_, (label, predicted))| i64::from(**label) != **predicted)
    };
    let tiles = wrong().take(SHOWN).filter_map(|(index, (label, predicted))| {
        let pixels = test.image(index)?.to_vec();
        Some(Tile { pixels, caption: format!("true {label}, pred {predicted}") })
    });
    let title = match wrong().count() {
        count if count > SHOWN => format!("mnist-gru: the first {SHOWN} of {count} wrong digits"),
        count => format!("mnist-gru: wrong digits ({count})"),
    };
    ImageGrid::new(title, SIDE, COLUMNS, tiles.collect())
}
