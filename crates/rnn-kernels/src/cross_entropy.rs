//! The cross-entropy loss of rows of scores, and its gradient.

use crate::buffer_pool::Buffer;
use crate::error::{Error, Result, check_length};
use crate::kernels::instruction_set::InstructionSet;
use crate::kernels::softmax::SoftmaxRows;
use crate::pointers::MatrixPtr;
use crate::threads::{ThreadPool, for_each_once};
use crate::tuning::{MIN_THREAD_WORK, NONLINEARITY_COST};

/// The arguments of [`cross_entropy`].
#[derive(Debug)]
pub struct CrossEntropy<'a> {
    /// The scores (logits) of every class, (examples, classes). With `column_sums` they are replaced by the gradients of
    /// the losses.
    pub scores: &'a mut [f32],
    /// The class of each example. [`IGNORE_INDEX`] ignores the example: loss and gradient are 0.
    pub targets: &'a [i64],
    /// Output: the loss of each example.
    pub losses: &'a mut [f32],
    /// Output: the sum of the gradients of each class, (classes). `None` if no gradients are needed.
    pub column_sums: Option<&'a mut [f32]>,
}

/// The target of an example that is ignored, as in `torch.nn.CrossEntropyLoss`.
pub const IGNORE_INDEX: i64 = -100;

/// The cross-entropy loss of each example: `-log softmax(scores)[target]`, and its gradient with respect to the scores,
/// `softmax(scores)[j] - (j == target)`.
///
/// Reads and writes the scores once. The separate operations (log-softmax, its gradient, the sum over the examples) need
/// several passes over memory and a second array of the same size.
///
/// ```
/// use rnn_kernels::{CrossEntropy, InstructionSet, Serial, cross_entropy};
///
/// # fn main() -> rnn_kernels::Result<()> {
/// let (mut scores, mut losses, mut column_sums) = ([0.0, 0.0, 0.0, 0.0], [0.0; 2], [0.0; 2]);
/// let arguments = CrossEntropy {
///     scores: &mut scores, targets: &[0, 1], losses: &mut losses, column_sums: Some(&mut column_sums),
/// };
/// cross_entropy(InstructionSet::chosen()?, arguments, &Serial)?;
/// assert_eq!(losses, [2_f32.ln(); 2]);
/// assert_eq!(scores, [-0.5, 0.5, 0.5, -0.5]);
/// assert_eq!(column_sums, [0.0, 0.0]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// - [`Error::Target`] for a target that is no class.
/// - [`Error::ZeroSize`] for no examples.
/// - [`Error::Length`] for slices that do not fit.
/// - [`Error::OutOfMemory`].
pub fn cross_entropy(set: InstructionSet, arguments: CrossEntropy<'_>, pool: &dyn ThreadPool) -> Result<()> {
    let CrossEntropy { scores, targets, losses, column_sums } = arguments;
    let rows = targets.len();
    if rows == 0 {
        return Err(Error::ZeroSize { name: "the number of examples" });
    }
    let columns = scores.len() / rows;
    check_length("scores", scores, rows * columns)?;
    check_length("losses", losses, rows)?;
    if let Some(sums) = &column_sums {
        check_length("column_sums", sums, columns)?;
    }
    let is_class = |target: i64| usize::try_from(target).is_ok_and(|target| target < columns);
    if let Some(row) = targets.iter().position(|&target| target != IGNORE_INDEX && !is_class(target)) {
        return Err(Error::Target { row, target: targets[row], classes: columns });
    }

    let work = scores.len().saturating_mul(NONLINEARITY_COST);
    let tasks = pool.threads().min(work / MIN_THREAD_WORK).clamp(1, rows);
    // Each task has its own sums, which start on a cache line of their own.
    let stride = columns.next_multiple_of(64);
    let mut sums = Buffer::new(if column_sums.is_some() { tasks.saturating_mul(stride) } else { 0 })?;
    sums.as_mut_slice().fill(0.0);
    let scores = MatrixPtr { ptr: scores.as_mut_ptr(), row_stride: columns };
    let losses = MatrixPtr { ptr: losses.as_mut_ptr(), row_stride: 1 };
    for_each_once(pool, tasks, &|task| {
        let (first, end) = (rows * task / tasks, rows * (task + 1) / tasks);
        let operands = SoftmaxRows {
            rows: end - first,
            columns,
            scores: scores.skip_rows(first).ptr,
            targets: targets[first..end].as_ptr(),
            losses: losses.skip_rows(first).ptr,
            column_sums: if column_sums.is_some() { sums.at(task * stride) } else { std::ptr::null_mut() },
        };
        // SAFETY: the CPU supports the instruction set. The lengths and the targets were checked above. The tasks have
        // disjoint rows and their own sums, and each runs once.
        unsafe { (set.0.cross_entropy)(&operands) };
    });
    if let Some(column_sums) = column_sums {
        column_sums.fill(0.0);
        for task in 0..tasks {
            let part = &sums.as_mut_slice()[task * stride..][..columns];
            column_sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
    }
    Ok(())
}
