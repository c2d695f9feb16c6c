//! Copies of the parameters: those that last gave a finite loss, and those that gave the lowest.

use std::rc::Rc;

use anyhow::Result;
use tch::Tensor;
use torch_ext::StateDict;

/// Copies of the watched parameters.
///
/// A lesson may record an epoch before its step or after it. After it, the parameters are only known to be good once
/// they have given a finite loss, in the next epoch; until then their copy waits as `pending`.
#[derive(Debug, Default)]
pub struct Kept {
    watched: Vec<(String, Tensor)>,
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
    /// Names and values.
    pub parameters: StateDict,
}

impl Kept {
    /// Names the parameters to copy; they share their storage with the model's.
    pub fn watch(&mut self, parameters: &[(String, Tensor)]) {
        self.watched = parameters.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
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
        for (_, tensor) in &self.watched {
            if !bool::try_from(tensor.f_isfinite()?.f_all()?)? {
                return Ok(false);
            }
        }
        Ok(true)
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
        let copy = |(name, tensor): &(String, Tensor)| Ok((name.clone(), tensor.f_detach_copy()?));
        let parameters = tch::no_grad(|| self.watched.iter().map(copy).collect::<Result<_>>())?;
        let copy = Rc::new(Copy { epoch, loss, parameters });
        if self.best.as_ref().is_none_or(|best| loss < best.loss) {
            self.best = Some(Rc::clone(&copy));
        }
        self.pending = Some(copy);
        Ok(())
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
