//! The iterators of the training loop. They end early at a boundary, after Ctrl-C, and own what they need, so that
//! the loop's body has the run to itself.

use std::cell::Cell;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::vec;

use tch::Tensor;

use crate::interrupt;

/// The epochs of a run, counted from 1.
#[derive(Debug)]
pub struct Epochs {
    epochs: RangeInclusive<u32>,
    stopped: Rc<Cell<bool>>,
}

impl Epochs {
    /// `epochs`, as long as `stopped` is false.
    pub(crate) fn new(epochs: RangeInclusive<u32>, stopped: Rc<Cell<bool>>) -> Epochs {
        Epochs { epochs, stopped }
    }
}

impl Iterator for Epochs {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.stopped.get() { None } else { self.epochs.next() }
    }
}

/// The batches of one epoch.
#[derive(Debug)]
pub struct Batches {
    batches: vec::IntoIter<Tensor>,
    in_epoch: usize,
    cut_short: Rc<Cell<bool>>,
}

impl Batches {
    /// All of `batches` but the first `done`; `cut_short` becomes true if an interruption takes some of them away.
    pub(crate) fn new(mut batches: Vec<Tensor>, done: usize, cut_short: Rc<Cell<bool>>) -> Batches {
        let in_epoch = batches.len();
        batches.drain(..done.min(in_epoch));
        Batches { batches: batches.into_iter(), in_epoch, cut_short }
    }

    /// How many batches the epoch has: those that are still to come, and those before.
    pub fn in_epoch(&self) -> usize {
        self.in_epoch
    }
}

impl Iterator for Batches {
    type Item = Tensor;

    fn next(&mut self) -> Option<Tensor> {
        if self.batches.len() > 0 && interrupt::requested() {
            self.cut_short.set(true);
            return None;
        }
        self.batches.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.batches.size_hint()
    }
}

impl ExactSizeIterator for Batches {}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::{consts::SIGTERM, low_level::raise};

    #[test]
    fn a_signal_ends_the_batches_at_their_next_boundary() {
        let cut_short = Rc::new(Cell::new(false));
        let batches = |done| Batches::new([1, 2, 3].map(Tensor::from).into(), done, Rc::clone(&cut_short));
        let numbers = |batches: Batches| batches.map(|batch| batch.int64_value(&[])).collect::<Vec<_>>();
        assert_eq!((numbers(batches(0)), numbers(batches(1))), (vec![1, 2, 3], vec![2, 3]));
        assert_eq!((batches(1).len(), batches(1).in_epoch(), numbers(batches(4)).len()), (2, 3, 0));

        interrupt::install().unwrap();
        interrupt::training_begins();
        let (mut open, mut complete) = (batches(0), batches(0));
        assert!(open.next().is_some() && complete.by_ref().count() == 3);
        raise(SIGTERM).unwrap();

        assert_eq!((complete.next(), cut_short.get()), (None, false), "an epoch that had all its batches is whole");
        assert_eq!((open.next(), cut_short.get()), (None, true));
    }

    #[test]
    fn epochs_end_when_they_are_stopped() {
        let stopped = Rc::new(Cell::new(false));
        let mut epochs = Epochs::new(3..=5, Rc::clone(&stopped));
        assert_eq!((epochs.next(), epochs.next()), (Some(3), Some(4)));
        stopped.set(true);
        assert_eq!(epochs.next(), None);
    }
}
