//! What a lesson says about itself: its name, the notebook's values, its pictures.

/// The constants of a lesson; every lesson has one, called `LESSON`.
#[derive(Debug, Clone, Copy)]
pub struct Lesson {
    /// The package name, which is also the name of the default run folder, `models/NAME`.
    pub name: &'static str,
    /// The version of the lesson's package: `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// The notebook's values. They become the defaults of the command line.
    pub defaults: Defaults,
    /// The pictures that the lesson draws beside `loss`, without their extensions.
    ///
    /// A new run removes the old one's pictures, and no other file: the kit removes what it knows.
    pub pictures: &'static [&'static str],
    /// How far `compare` lets its numbers be from those that were recorded on another machine.
    pub tolerances: Tolerances,
}

/// Shares: of floats the largest difference beside the largest magnitude of the quantity, of integers how many differ.
///
/// Another CPU rounds some sums in another order. Training amplifies that: slowly where all data is one smooth batch,
/// fast where a hundred steps follow each other on different batches. So each group of quantities has its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerances {
    /// Before any training: rounding of single operations.
    pub initial_weights: f64,
    /// Over the whole of training.
    pub losses: f64,
    /// After it.
    pub final_weights: f64,
    /// Of the trained model.
    pub predictions: f64,
    /// Of the trained model.
    pub scores: f64,
}

impl Tolerances {
    /// For a lesson that is compared with no record.
    pub const NONE: Tolerances =
        Tolerances { initial_weights: 0.0, losses: 0.0, final_weights: 0.0, predictions: 0.0, scores: 0.0 };

    /// That of a group; the order of the batches is integers that no rounding touches, and has none.
    pub fn of(&self, group: &str) -> f64 {
        match group {
            "initial weights" => self.initial_weights,
            "losses" => self.losses,
            "final weights" => self.final_weights,
            "predictions" => self.predictions,
            "scores" => self.scores,
            _ => 0.0,
        }
    }
}

/// The values that the reference notebook trains with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Defaults {
    /// Passes over the training data.
    pub epochs: u32,
    /// The optimizer's learning rate.
    pub lr: f64,
    /// Width of the recurrent layer's hidden state.
    pub hidden_size: i64,
    /// How many recurrent layers are stacked.
    pub num_layers: i64,
    /// Examples per batch; `None` for a lesson that trains on all of its data at once.
    pub batch_size: Option<i64>,
}

impl Lesson {
    /// The run folder that is used when `--out` is not given: `models/NAME`.
    pub fn default_out(&self) -> String {
        format!("models/{}", self.name)
    }
}
