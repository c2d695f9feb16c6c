//! The iterators of the training loop. They end early at a boundary, after Ctrl-C, and own what they need, so that
//! the loop's body has the run to itself.

use std::cell::Cell;
use std::rc::Rc;

use crate::interrupt;

/// The epochs of a run, counted from 1.
#[derive(Debug)]
pub struct Epochs {
    next: u32,
    last: u32,
}

impl Epochs {
    /// `1..=last`.
    pub(crate) fn new(last: u32) -> Epochs {
        Epochs { next: 1, last }
    }
}

impl Iterator for Epochs {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.next > self.last || interrupt::requested() {
            return None;
        }
        self.next += 1;
        Some(self.next - 1)
    }
}

/// The batches of one epoch.
#[derive(Debug)]
pub struct Batches<I> {
    batches: std::iter::Take<I>,
    cut_short: Rc<Cell<bool>>,
}

impl<I: ExactSizeIterator> Batches<I> {
    /// The first `limit` of `batches`; `cut_short` becomes true if an interruption takes some of them away.
    pub(crate) fn new(batches: I, limit: usize, cut_short: Rc<Cell<bool>>) -> Batches<I> {
        Batches { batches: batches.take(limit), cut_short }
    }
}

impl<I: ExactSizeIterator> Iterator for Batches<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
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

impl<I: ExactSizeIterator> ExactSizeIterator for Batches<I> {}

#[cfg(test)]
mod tests {
    use super::*;
    use signal_hook::{consts::SIGTERM, low_level::raise};

    #[test]
    fn a_signal_ends_the_loops_at_their_next_boundary() {
        let cut_short = Rc::new(Cell::new(false));
        let batches = || Batches::new(vec!['a', 'b', 'c'].into_iter(), 2, Rc::clone(&cut_short));
        assert_eq!(batches().collect::<String>(), "ab", "the limit");
        assert_eq!((batches().len(), cut_short.get()), (2, false));

        interrupt::install().unwrap();
        interrupt::training_begins();
        let mut epochs = Epochs::new(5);
        assert_eq!((epochs.next(), epochs.next()), (Some(1), Some(2)));
        let (mut open, mut complete) = (batches(), batches());
        assert_eq!((open.next(), complete.by_ref().count()), (Some('a'), 2));
        raise(SIGTERM).unwrap();

        assert_eq!((complete.next(), cut_short.get()), (None, false), "an epoch that had all its batches is whole");
        assert_eq!((open.next(), cut_short.get()), (None, true));
        assert_eq!(epochs.next(), None);
    }
}
