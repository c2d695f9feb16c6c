//! The constants of a lesson: its name, the notebook's values, its pictures.

/// The constants of a lesson. Every lesson has one, called `LESSON`.
#[derive(Debug, Clone, Copy)]
pub struct Lesson {
    /// The package name, which is also the name of the default run folder, `models/NAME`.
    pub name: &'static str,
    /// The version of the lesson's package: `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// The notebook's values: the defaults of the command line.
    pub defaults: Defaults,
    /// The pictures that the lesson draws besides `loss`, without extensions. A new run removes those of the old run.
    pub pictures: &'static [&'static str],
    /// The text files that the lesson writes with [`Run::save_text`](crate::Run::save_text).
    pub texts: &'static [&'static str],
}

/// The values with which the reference notebook trains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Defaults {
    /// Number of passes over the training data.
    pub epochs: u32,
    /// The optimizer's learning rate.
    pub lr: f64,
    /// Number of features in the hidden state.
    pub hidden_size: i64,
    /// Number of stacked recurrent layers.
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
