use std::fmt;
use std::sync::Arc;

use rnn_kernels::{Serial, ThreadPool};

/// The options of a recurrent layer that its weights do not determine.
///
/// ```
/// use rnn_runtime::{Nonlinearity, Options};
/// let options = Options::default().batch_first(true);
/// let options_of_rnn = options.nonlinearity(Nonlinearity::Relu);
/// ```
#[derive(Clone)]
pub struct Options {
    pub(super) batch_first: bool,
    pub(super) pool: Arc<dyn ThreadPool + Send + Sync>,
}

/// [`Options`] of an [`Rnn`](crate::Rnn), which also has a nonlinearity.
#[derive(Debug, Clone, Default)]
pub struct RnnOptions {
    pub(super) options: Options,
    pub(super) nonlinearity: Nonlinearity,
}

/// The nonlinearity of an [`Rnn`](crate::Rnn).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Nonlinearity {
    /// tanh, the default.
    #[default]
    Tanh,
    /// max(0, x)
    Relu,
}

/// torch's defaults: (steps, batch, features), on the calling thread.
impl Default for Options {
    fn default() -> Options {
        Options { batch_first: false, pool: Arc::new(Serial) }
    }
}

impl Options {
    /// Whether batched input and output are (batch, steps, features) instead of (steps, batch, features). States keep
    /// their layout.
    pub fn batch_first(self, batch_first: bool) -> Options {
        Options { batch_first, ..self }
    }

    /// The threads of a forward pass over large batches. Without a pool it runs on the calling thread.
    ///
    /// With the feature `rayon`, `Rayon` is such a pool.
    pub fn thread_pool(self, pool: impl ThreadPool + Send + 'static) -> Options {
        Options { pool: Arc::new(pool), ..self }
    }

    /// The nonlinearity. Only an [`Rnn`](crate::Rnn) accepts the result.
    pub fn nonlinearity(self, nonlinearity: Nonlinearity) -> RnnOptions {
        RnnOptions { options: self, nonlinearity }
    }
}

impl RnnOptions {
    /// As [`Options::batch_first`].
    pub fn batch_first(self, batch_first: bool) -> RnnOptions {
        RnnOptions { options: self.options.batch_first(batch_first), ..self }
    }

    /// As [`Options::thread_pool`].
    pub fn thread_pool(self, pool: impl ThreadPool + Send + 'static) -> RnnOptions {
        RnnOptions { options: self.options.thread_pool(pool), ..self }
    }

    /// The nonlinearity.
    pub fn nonlinearity(self, nonlinearity: Nonlinearity) -> RnnOptions {
        RnnOptions { nonlinearity, ..self }
    }
}

impl From<Options> for RnnOptions {
    fn from(options: Options) -> RnnOptions {
        RnnOptions { options, nonlinearity: Nonlinearity::default() }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("batch_first", &self.batch_first)
            .field("threads", &self.pool.threads())
            .finish()
    }
}
