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
    /// How far `compare` lets this machine's numbers be from those that were recorded on another: by group (`losses`) or
    /// by quantity (`losses/batch`), which comes first. Of floats the largest difference beside the largest magnitude,
    /// of integers the share that differs. What is not in the list is not comparable between CPUs.
    ///
    /// Another CPU rounds some sums otherwise. Training amplifies that: slowly where all data is one smooth batch, and to
    /// another solution where a thousand steps follow each other on different batches.
    ///
    /// They hold for the fused backend too, which rounds otherwise on every CPU.
    pub tolerances: &'static [(&'static str, f64)],
    /// The losses that the fused backend must give one by one; `None` where `tolerances` say all.
    pub fused_losses: Option<FirstLosses>,
}

/// Losses of which each is compared by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FirstLosses {
    /// `epoch` or `batch`.
    pub of: &'static str,
    /// How many of them: those before training has amplified the last bits.
    pub count: usize,
    /// The largest difference of each, as a share of the notebook's loss: 1e-4 for four significant digits.
    pub within: f64,
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
    /// [`Lesson::tolerances`] of a lesson that trains on all of its data at once: with `ATEN_CPU_CAPABILITY` `default` and
    /// `avx2` beside AVX-512 less than a tenth of these was measured (docs/parity.md).
    pub const SMOOTH: &'static [(&'static str, f64)] = &[
        ("initial weights", 1e-5),
        ("losses", 1e-5),
        ("final weights", 1e-4),
        ("predictions", 1e-4),
        ("scores", 1e-4),
    ];

    /// The run folder that is used when `--out` is not given: `models/NAME`.
    pub fn default_out(&self) -> String {
        format!("models/{}", self.name)
    }

    /// The tolerance of a quantity; `None` if it is not comparable between CPUs.
    pub(crate) fn tolerance(&self, group: &str, name: &str) -> Option<f64> {
        let find = |wanted: &str| self.tolerances.iter().find(|(key, _)| *key == wanted).map(|(_, share)| *share);
        find(&format!("{group}/{name}")).or_else(|| find(group))
    }
}
