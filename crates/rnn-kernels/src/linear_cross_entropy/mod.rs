//! A linear layer into many classes, and the cross-entropy of its scores.

mod backward;
mod forward;

use crate::buffer_pool::Buffer;
use crate::error::{Error, Result, check_length};
use crate::kernels::instruction_set::{InstructionSet, Kernels};
use crate::pointers::MatrixPtr;
use crate::threads::ThreadPool;
use crate::tuning::MIN_THREAD_WORK;

/// A linear layer and the cross-entropy of its output: `cross_entropy(x weightᵀ + bias, targets)`, with all gradients.
///
/// The loss of an example is `-log softmax(scores)[target]`, where `scores` are its row of `x weightᵀ + bias`. The gradient
/// of the loss with respect to `scores[j]` is `softmax(scores)[j] - (j == target)`.
///
/// The scores of a block of examples are replaced by their gradients while they are in the cache. The separate operations
/// (product, log-softmax, its gradient, the sum for the bias) pass over the scores several times and need several arrays
/// of their size.
///
/// ```
/// use rnn_kernels::{InstructionSet, LinearCrossEntropy, LinearGradients, Serial};
///
/// # fn main() -> rnn_kernels::Result<()> {
/// let (x, weight) = ([1.0, 2.0], [0.0; 3 * 2]); // one example of two features, three classes
/// let linear = LinearCrossEntropy { x: &x, weight: &weight, bias: None, targets: &[0] };
/// let mut losses = [0.0];
/// let tape = linear.forward_with_tape(InstructionSet::chosen()?, &mut losses, &Serial)?;
/// assert!((losses[0] - 3_f32.ln()).abs() < 1e-6);
///
/// let mut d_weight = [0.0; 3 * 2];
/// let wanted = LinearGradients { weight: Some(&mut d_weight), ..LinearGradients::default() };
/// tape.backward(&x, &weight, 1.0, wanted, &Serial)?;
/// assert!((d_weight[1] - (1.0 / 3.0 - 1.0) * 2.0).abs() < 1e-6);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct LinearCrossEntropy<'a> {
    /// The input, (examples, features).
    pub x: &'a [f32],
    /// The weight, (classes, features).
    pub weight: &'a [f32],
    /// The bias, (classes).
    pub bias: Option<&'a [f32]>,
    /// The class of each example. [`IGNORE_INDEX`] ignores the example: its loss and its gradients are 0.
    pub targets: &'a [i64],
}

/// The target of an example that is ignored, as in `torch.nn.CrossEntropyLoss`.
pub const IGNORE_INDEX: i64 = -100;

/// What a backward pass of [`LinearCrossEntropy`] needs: the gradients of the losses with respect to the scores.
pub struct CrossEntropyTape {
    sizes: Sizes,
    kernels: &'static Kernels,
    /// (examples, classes). From one row to the next are [`Sizes::score_stride`] numbers.
    d_scores: Buffer,
}

/// Output: the wanted gradients of [`CrossEntropyTape::backward`], which are overwritten.
#[derive(Debug, Default)]
pub struct LinearGradients<'a> {
    /// (examples, features)
    pub x: Option<&'a mut [f32]>,
    /// (classes, features)
    pub weight: Option<&'a mut [f32]>,
    /// (classes)
    pub bias: Option<&'a mut [f32]>,
}

impl LinearCrossEntropy<'_> {
    /// Computes the loss of each example.
    ///
    /// # Errors
    /// - [`Error::ZeroSize`] without examples, features or classes.
    /// - [`Error::Length`] for slices that do not fit.
    /// - [`Error::Target`] for a target that is not a class.
    /// - [`Error::OutOfMemory`].
    pub fn forward(&self, set: InstructionSet, losses: &mut [f32], pool: &dyn ThreadPool) -> Result<()> {
        let sizes = self.check(losses)?;
        self.compute_losses(sizes, set.0, losses, None, pool)
    }

    /// As [`LinearCrossEntropy::forward`]; also returns what [`CrossEntropyTape::backward`] needs.
    ///
    /// # Errors
    /// As [`LinearCrossEntropy::forward`].
    pub fn forward_with_tape(
        &self,
        set: InstructionSet,
        losses: &mut [f32],
        pool: &dyn ThreadPool,
    ) -> Result<CrossEntropyTape> {
        let (sizes, kernels) = (self.check(losses)?, set.0);
        let d_scores = Buffer::new(sizes.examples.saturating_mul(sizes.score_stride()))?;
        self.compute_losses(sizes, kernels, losses, Some(&d_scores), pool)?;
        Ok(CrossEntropyTape { sizes, kernels, d_scores })
    }

    /// Checks the slices, and returns the sizes.
    fn check(&self, losses: &[f32]) -> Result<Sizes> {
        let examples = self.targets.len();
        let features = self.x.len().checked_div(examples).ok_or(Error::ZeroSize { name: "the number of examples" })?;
        let classes =
            self.weight.len().checked_div(features).ok_or(Error::ZeroSize { name: "the number of features" })?;
        if classes == 0 {
            return Err(Error::ZeroSize { name: "the number of classes" });
        }
        check_length("x", self.x, examples * features)?;
        check_length("weight", self.weight, classes * features)?;
        check_length("losses", losses, examples)?;
        if let Some(bias) = self.bias {
            check_length("bias", bias, classes)?;
        }
        let is_class = |target: i64| usize::try_from(target).is_ok_and(|target| target < classes);
        match self.targets.iter().position(|&target| target != IGNORE_INDEX && !is_class(target)) {
            Some(row) => Err(Error::Target { row, target: self.targets[row], classes }),
            None => Ok(Sizes { examples, features, classes }),
        }
    }
}

/// The sizes of a call, all above 0.
#[derive(Clone, Copy)]
struct Sizes {
    examples: usize,
    features: usize,
    classes: usize,
}

impl Sizes {
    /// Row stride of the scores: an odd number of cache lines, which are whole vectors. If it were a power of two of cache
    /// lines, all rows would map to the same cache sets.
    fn score_stride(&self) -> usize {
        const CACHE_LINE: usize = 16;
        let padded = self.classes.next_multiple_of(CACHE_LINE);
        if (padded / CACHE_LINE).is_multiple_of(2) { padded + CACHE_LINE } else { padded }
    }

    /// How many threads of a pool have enough work.
    fn threads(&self, pool: &dyn ThreadPool) -> usize {
        let work = [self.features, self.classes].into_iter().fold(self.examples, usize::saturating_mul);
        pool.threads().min(work / MIN_THREAD_WORK).max(1)
    }
}

/// A matrix whose rows can be read as whole vectors: the caller's, or a copy with padding.
struct PaddedRows {
    matrix: MatrixPtr,
    _copy: Option<Buffer>,
}

impl PaddedRows {
    fn new(matrix: &[f32], columns: usize, lanes: usize) -> Result<PaddedRows> {
        let row_stride = columns.next_multiple_of(lanes);
        if row_stride == columns {
            return Ok(PaddedRows { matrix: MatrixPtr { ptr: matrix.as_ptr().cast_mut(), row_stride }, _copy: None });
        }
        let mut copy = Buffer::new((matrix.len() / columns).saturating_mul(row_stride))?;
        for (to, from) in copy.as_mut_slice().chunks_exact_mut(row_stride).zip(matrix.chunks_exact(columns)) {
            to[..columns].copy_from_slice(from);
            to[columns..].fill(0.0);
        }
        Ok(PaddedRows { matrix: MatrixPtr { ptr: copy.ptr(), row_stride }, _copy: Some(copy) })
    }
}
