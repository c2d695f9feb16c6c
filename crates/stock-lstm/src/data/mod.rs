//! From a file of daily prices to windows of a week: read, put in order, scale, cut, split.

mod columns;
mod date;
mod order;
mod prices;
mod scaling;
mod windows;

pub use date::Date;
pub use order::Order;
pub use prices::Prices;
pub use scaling::{MinMaxScaler, ScaleOn, training_days};
pub use windows::{Dataset, Windows, one_window};

/// What is known of a day, in the notebook's order.
pub const COLUMNS: [&str; 5] = ["Open", "High", "Low", "Volume", "Close"];

/// Where in [`COLUMNS`] the close stands, which is to be predicted.
pub const CLOSE: usize = 4;

/// The days in a window: a week, as the slides have it.
pub const SEQ_LENGTH: usize = 7;

/// The fewest days that give two windows, one to train on and one to test with; each has a next day besides.
pub const MIN_ROWS: usize = SEQ_LENGTH + 2;

/// A day, its values in the order of [`COLUMNS`].
pub type Row = [f64; COLUMNS.len()];
