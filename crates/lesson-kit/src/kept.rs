//! Copies of the parameters: those that last gave a finite loss, and those that gave the lowest.

use std::rc::Rc;

use anyhow::Result;
use tch::Tensor;
use torch_ext::{StateDict, slices};

use crate::unread::read_together;

/// Copies of the watched parameters.
///
/// A lesson may record an epoch before its step or after it. After it, the parameters are only known to be good once
/// they have given a finite loss, in the next epoch; until then their copy waits as `pending`.
#[derive(Debug, Default)]
pub struct Kept {
    watched: Vec<(String, Tensor)>,
    names: Rc<[String]>,
    /// Every copy that there is. Those that are nothing below are written over: an epoch makes no new tensors.
    copies: Vec<Rc<Copy>>,
    pending: Option<Rc<Copy>>,
    good: Option<Rc<Copy>>,
    best: Option<Rc<Copy>>,
}

/// The parameters of a moment, under their names.
#[derive(Debug)]
pub struct Copy {
    /// The epoch whose record was the moment.
    pub epoch: u32,
    /// The loss of that record.
    pub loss: f32,
    names: Rc<[String]>,
    values: Vec<Tensor>,
}

impl Copy {
    /// Of the values in `state`, which nobody changes.
    pub fn new(epoch: u32, loss: f32, state: &StateDict) -> Copy {
        let (names, values) = state.iter().map(|(name, value)| (name.to_owned(), value.shallow_clone())).unzip();
        let names: Vec<String> = names;
        Copy { epoch, loss, names: names.into(), values }
    }

    /// Names and values. It shares them: it is to be used before anything else is copied.
    pub fn state_dict(&self) -> StateDict {
        self.names.iter().cloned().zip(self.values.iter().map(Tensor::shallow_clone)).collect()
    }
}

impl Kept {
    /// Names the parameters to copy; they share their storage with the model's.
    pub fn watch(&mut self, parameters: &[(String, Tensor)]) {
        self.watched = parameters.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
        self.names = parameters.iter().map(|(name, _)| name.clone()).collect();
        self.copies.clear();
    }

    /// The parameters as they are now.
    pub fn watched(&self) -> &[(String, Tensor)] {
        &self.watched
    }

    /// Whether every one of them is a finite number.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn are_finite(&self) -> Result<bool> {
        let finite =
            self.watched.iter().map(|(_, tensor)| tensor.f_isfinite()?.f_all()).collect::<Result<Vec<_>, _>>()?;
        Ok(read_together::<bool>(&finite)?.into_iter().all(|finite| finite))
    }

    /// The loss was finite: what was copied last is good.
    pub fn loss_was_finite(&mut self) {
        if self.pending.is_some() {
            self.good = self.pending.take();
        }
    }

    /// Copies the parameters, which are those of the record of `epoch` with `loss`.
    ///
    /// # Errors
    /// If libtorch cannot copy.
    pub fn copy_at(&mut self, epoch: u32, loss: f32) -> Result<()> {
        if self.watched.is_empty() {
            return Ok(());
        }
        let copy = tch::no_grad(|| self.copy(epoch, loss))?;
        if self.best.as_ref().is_none_or(|best| loss < best.loss) {
            self.best = Some(Rc::clone(&copy));
        }
        self.pending = Some(copy);
        Ok(())
    }

    /// The parameters as they are now, in a copy that nothing holds any more or in a new one.
    fn copy(&mut self, epoch: u32, loss: f32) -> Result<Rc<Copy>> {
        for copy in &mut self.copies {
            if let Some(free) = Rc::get_mut(copy) {
                for (value, (_, tensor)) in free.values.iter_mut().zip(&self.watched) {
                    slices::copy(value, tensor)?;
                }
                (free.epoch, free.loss) = (epoch, loss);
                return Ok(Rc::clone(copy));
            }
        }
        let values = self.watched.iter().map(|(_, tensor)| tensor.f_detach_copy()).collect::<Result<_, _>>()?;
        let copy = Rc::new(Copy { epoch, loss, names: Rc::clone(&self.names), values });
        self.copies.push(Rc::clone(&copy));
        Ok(copy)
    }

    /// The last good copy.
    pub fn good(&self) -> Option<&Copy> {
        self.good.as_deref()
    }

    /// The copy with the lowest loss, the first of equal ones.
    pub fn best(&self) -> Option<&Copy> {
        self.best.as_deref()
    }

    /// Puts back what a resumed run knew as its best.
    pub fn set_best(&mut self, best: Copy) {
        self.best = Some(Rc::new(best));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_that_count_stay_while_others_are_written_over() {
        let mut weight = Tensor::from(0f32).set_requires_grad(true);
        let mut kept = Kept::default();
        kept.watch(&[("w".to_owned(), weight.shallow_clone())]);
        let said = |copy: Option<&Copy>| {
            let copy = copy.unwrap();
            let state = copy.state_dict();
            assert_eq!(state.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["w"]);
            (copy.epoch, copy.loss, state.get("w").unwrap().double_value(&[]))
        };
        // The weight is ten times the epoch; the lowest loss so far comes in epochs 1, 3 and 6, and in 8 once more.
        for (epoch, loss) in (1u32..).zip([5f32, 6., 2., 3., 4., 1., 7., 1., 9.]) {
            let _ = tch::no_grad(|| weight.fill_(f64::from(10 * epoch)));
            kept.loss_was_finite();
            kept.copy_at(epoch, loss).unwrap();
            let best = [1, 1, 3, 3, 3, 6, 6, 6, 6][epoch as usize - 1];
            assert_eq!((said(kept.best()).0, said(kept.best()).2), (best, f64::from(10 * best)), "epoch {epoch}");
            if epoch > 1 {
                assert_eq!((said(kept.good()).0, said(kept.good()).2), (epoch - 1, f64::from(10 * (epoch - 1))));
            }
        }
        assert_eq!(kept.copies.len(), 3);
        assert!(!kept.best().unwrap().values[0].requires_grad());
    }
}
