//! How far a lesson's numbers may differ from the notebook's if equal bits are not required: on another CPU than the recorded
//! one, and for the fused backend.
//!
//! Another CPU rounds some sums differently, and training amplifies the difference. The growth is slow if every step uses the
//! same batch. After a thousand steps on different batches the weights are a different solution. docs/parity.md has the
//! measurements.

/// The tolerances of a lesson.
#[derive(Debug, Clone, Copy)]
pub struct Tolerances {
    /// By group (`losses`) or by quantity (`losses/batch`), which has precedence. For floats the largest difference divided by the
    /// largest magnitude, for integers the share of elements that differ. Quantities without a tolerance are not compared.
    pub between_cpus: &'static [(&'static str, f64)],
    /// Losses of the fused backend that are compared one by one, in addition.
    pub fused_losses: Option<FirstLosses>,
}

/// Losses that are compared one by one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FirstLosses {
    /// `epoch` or `batch`.
    pub of: &'static str,
    /// The number of losses. Training has not yet amplified rounding errors in these.
    pub count: usize,
    /// The largest relative difference of each: 1e-4 for four significant digits.
    pub within: f64,
}

/// The tolerances of lessons that train on all of their data at once. The measured differences between AVX-512 and
/// `ATEN_CPU_CAPABILITY=default` or `avx2` are less than a tenth of these.
const SMOOTH: Tolerances = Tolerances {
    between_cpus: &[
        ("initial weights", 1e-5),
        ("losses", 1e-5),
        ("final weights", 1e-4),
        ("predictions", 1e-4),
        ("scores", 1e-4),
    ],
    fused_losses: Some(FirstLosses { of: "epoch", count: 500, within: 1e-4 }),
};

/// The tolerances of text-rnn.
pub const TEXT_RNN: Tolerances = SMOOTH;

/// The tolerances of stock-lstm.
pub const STOCK_LSTM: Tolerances = SMOOTH;

/// The tolerances of mnist-gru. The weights and the confusion matrix after 1200 steps are not comparable.
pub const MNIST_GRU: Tolerances = Tolerances {
    between_cpus: &[
        ("initial weights", 1e-5),
        ("batch order", 0.0),
        ("losses/batch", 0.25),
        ("losses/epoch", 0.05),
        ("predictions", 0.15),
        ("scores/test_loss", 0.6),
        ("scores/test_accuracy", 0.05),
    ],
    fused_losses: Some(FirstLosses { of: "batch", count: 20, within: 1e-4 }),
};

/// The tolerances of rnn-lm: at least three times the measured differences (initial weights 3e-7, batch losses 5e-3, epoch and
/// validation losses 2e-4, words 2 of 10, scores 3e-2, perplexities 1e-3). The final weights are not comparable: after 1425
/// steps they differ by up to a third of the largest weight.
pub const RNN_LM: Tolerances = Tolerances {
    between_cpus: &[
        ("initial weights", 1e-5),
        ("losses/batch", 0.03),
        ("losses/epoch", 1e-3),
        ("losses/valid", 1e-3),
        ("predictions/words", 0.6),
        ("predictions/scores", 0.15),
        ("scores", 5e-3),
    ],
    fused_losses: Some(FirstLosses { of: "batch", count: 20, within: 1e-4 }),
};

/// What is required of a quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Requirement {
    /// Equal bits.
    Bits,
    /// A difference within a tolerance.
    Within(Tolerance),
    /// Nothing: the quantity is not comparable between CPUs, or backends.
    Nothing { between: &'static str },
}

/// The largest allowed difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tolerance {
    /// For floats the largest difference divided by the notebook's largest magnitude; for integers the share of elements that
    /// differ.
    pub relative: f64,
    /// Elements that have their own bound in addition.
    pub one_by_one: Option<FirstLosses>,
}

impl Tolerances {
    /// The tolerance of a quantity; `None` if it is not comparable.
    pub(crate) fn between_cpus(&self, group: &str, name: &str) -> Option<f64> {
        let find = |wanted: &str| self.between_cpus.iter().find(|(key, _)| *key == wanted).map(|(_, share)| *share);
        find(&format!("{group}/{name}")).or_else(|| find(group))
    }
}
