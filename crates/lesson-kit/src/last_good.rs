//! A copy of the parameters that last gave a finite loss, for the run whose loss becomes NaN.

use anyhow::Result;
use tch::Tensor;

/// Copies of the watched parameters.
///
/// A lesson may record an epoch before its step or after it. After it, the parameters are only known to be good once
/// they have given a finite loss, in the next epoch; until then their copy waits as `pending`.
#[derive(Debug, Default)]
pub struct LastGood {
    watched: Vec<(String, Tensor)>,
    pending: Option<Copy>,
    good: Option<Copy>,
}

/// The parameters of a moment, under their names.
#[derive(Debug)]
pub struct Copy {
    /// The epoch whose record was the moment.
    pub epoch: u32,
    /// Names and values.
    pub parameters: Vec<(String, Tensor)>,
}

impl LastGood {
    /// Names the parameters to copy; they share their storage with the model's.
    pub fn watch(&mut self, parameters: &[(String, Tensor)]) {
        self.watched = parameters.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
    }

    /// The loss was finite: what was copied last is good.
    pub fn loss_was_finite(&mut self) {
        if self.pending.is_some() {
            self.good = self.pending.take();
        }
    }

    /// Copies the parameters, which are those of the record of `epoch`.
    ///
    /// # Errors
    /// If libtorch cannot copy.
    pub fn copy_at(&mut self, epoch: u32) -> Result<()> {
        if self.watched.is_empty() {
            return Ok(());
        }
        let copy = |(name, tensor): &(String, Tensor)| Ok((name.clone(), tensor.f_detach_copy()?));
        let parameters = tch::no_grad(|| self.watched.iter().map(copy).collect::<Result<_>>())?;
        self.pending = Some(Copy { epoch, parameters });
        Ok(())
    }

    /// The last good copy.
    pub fn get(&self) -> Option<&Copy> {
        self.good.as_ref()
    }
}
