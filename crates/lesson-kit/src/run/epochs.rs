//! The iterators of the training loop. They end early after Ctrl-C. They own their data, so the body of the loop can borrow the
//! run.

use std::cell::Cell;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::vec;

use tch::Tensor;

use crate::{WorkerGroup, interrupt};

/// Whether the training loop must end early; shared by a run and its iterators.
#[derive(Debug)]
pub(crate) struct LoopControl {
    /// Under torchrun all workers stop together: the last decision of the group. `None` without torchrun.
    agreed_stop: Option<Cell<bool>>,
    /// Whether the loop ends before the next epoch.
    stopped: Cell<bool>,
    /// Whether the current epoch ended before its last batch.
    cut_short: Cell<bool>,
}

impl LoopControl {
    pub fn new(workers: &WorkerGroup) -> LoopControl {
        let agreed_stop = workers.is_distributed().then(|| Cell::new(false));
        LoopControl { agreed_stop, stopped: Cell::new(false), cut_short: Cell::new(false) }
    }

    /// Whether the loop should end at the next epoch or batch.
    pub fn stop_requested(&self) -> bool {
        self.agreed_stop.as_ref().map_or_else(interrupt::signalled, Cell::get)
    }

    /// Records the decision of the group.
    pub fn agree(&self, stop: bool) {
        if let Some(agreed) = &self.agreed_stop {
            agreed.set(stop);
        }
    }

    /// Ends the epochs if a stop is requested; returns whether it is.
    pub fn stop_if_requested(&self) -> bool {
        self.stopped.set(self.stop_requested());
        self.stopped.get()
    }

    /// Whether the current epoch ended before its last batch.
    pub fn is_cut_short(&self) -> bool {
        self.cut_short.get()
    }
}

/// The epochs of a run, counted from 1.
#[derive(Debug)]
pub struct Epochs {
    epochs: RangeInclusive<u32>,
    control: Rc<LoopControl>,
}

impl Epochs {
    pub(crate) fn new(epochs: RangeInclusive<u32>, control: Rc<LoopControl>) -> Epochs {
        Epochs { epochs, control }
    }
}

impl Iterator for Epochs {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.control.stopped.get() { None } else { self.epochs.next() }
    }
}

/// The batches of one epoch: index tensors, or what [`Run::batches_in_order`](crate::Run::batches_in_order) got.
#[derive(Debug)]
pub struct Batches<T = Tensor> {
    batches: vec::IntoIter<T>,
    in_epoch: usize,
    control: Rc<LoopControl>,
}

impl<T> Batches<T> {
    /// All of `batches` except the first `done`.
    pub(crate) fn new(mut batches: Vec<T>, done: usize, control: Rc<LoopControl>) -> Batches<T> {
        let in_epoch = batches.len();
        batches.drain(..done.min(in_epoch));
        Batches { batches: batches.into_iter(), in_epoch, control }
    }

    /// The number of batches of the whole epoch.
    pub fn in_epoch(&self) -> usize {
        self.in_epoch
    }
}

impl<T> Iterator for Batches<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.batches.len() > 0 && self.control.stop_requested() {
            self.control.cut_short.set(true);
            return None;
        }
        self.batches.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.batches.size_hint()
    }
}

impl<T> ExactSizeIterator for Batches<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::{consts::SIGTERM, low_level::raise};

    #[test]
    fn a_signal_ends_the_batches_before_the_next_one() {
        let control = Rc::new(LoopControl::new(&WorkerGroup::default()));
        let batches = |done| Batches::new([1, 2, 3].map(Tensor::from).into(), done, Rc::clone(&control));
        let numbers = |batches: Batches| batches.map(|batch| batch.int64_value(&[])).collect::<Vec<_>>();
        assert_eq!((numbers(batches(0)), numbers(batches(1))), (vec![1, 2, 3], vec![2, 3]));
        assert_eq!((batches(1).len(), batches(1).in_epoch(), numbers(batches(4)).len()), (2, 3, 0));

        interrupt::install().unwrap();
        interrupt::training_begins();
        let (mut open, mut complete) = (batches(0), batches(0));
        assert!(open.next().is_some() && complete.by_ref().count() == 3);
        raise(SIGTERM).unwrap();

        assert_eq!(
            (complete.next(), control.is_cut_short()),
            (None, false),
            "an epoch with all its batches is complete"
        );
        assert_eq!((open.next(), control.is_cut_short()), (None, true));
        assert!(control.stop_if_requested());
        assert_eq!(Epochs::new(3..=5, control).next(), None);
    }

    #[test]
    fn epochs_are_counted_until_the_last() {
        let control = Rc::new(LoopControl::new(&WorkerGroup::default()));
        assert_eq!(Epochs::new(3..=5, control).collect::<Vec<_>>(), [3, 4, 5]);
    }
}
