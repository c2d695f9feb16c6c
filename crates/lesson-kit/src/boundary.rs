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
