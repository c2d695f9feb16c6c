//! Snapshots of the parameters: the last one with a finite loss, and the best one.

use std::rc::Rc;

use anyhow::Result;
use tch::Tensor;
use torch_ext::{StateDict, slices};

use super::deferred_losses::copy_to_host;

/// Snapshots of a model's parameters.
///
/// A lesson may record an epoch before its optimizer step or after it. If after, the parameters are known to be good only
/// once they have given a finite loss, in the next epoch; until then their snapshot is `pending`.
#[derive(Debug, Default)]
pub(crate) struct ParameterSnapshots {
    parameters: Vec<(String, Tensor)>,
    names: Rc<[String]>,
    /// All snapshots. Unused ones are overwritten, so that an epoch allocates no tensors.
    pool: Vec<Rc<Snapshot>>,
    pending: Option<Rc<Snapshot>>,
    good: Option<Rc<Snapshot>>,
    best: Option<Rc<Snapshot>>,
}

/// The parameters after the record of `epoch`.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub epoch: u32,
    pub loss: f32,
    names: Rc<[String]>,
    values: Vec<Tensor>,
}

impl Snapshot {
    /// A snapshot that shares the tensors of `state`.
    pub fn new(epoch: u32, loss: f32, state: &StateDict) -> Snapshot {
        let (names, values) = state.iter().map(|(name, value)| (name.to_owned(), value.shallow_clone())).unzip();
        let names: Vec<String> = names;
        Snapshot { epoch, loss, names: names.into(), values }
    }

    /// The `state_dict`, which shares the tensors. Use it before the next snapshot is taken.
    pub fn state_dict(&self) -> StateDict {
        self.names.iter().cloned().zip(self.values.iter().map(Tensor::shallow_clone)).collect()
    }
}

impl ParameterSnapshots {
    /// Sets the parameters for the snapshots.
    pub fn set_parameters(&mut self, parameters: &[(String, Tensor)]) {
        self.parameters = parameters.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
        self.names = parameters.iter().map(|(name, _)| name.clone()).collect();
        self.pool.clear();
    }

    /// The parameters themselves.
    pub fn parameters(&self) -> &[(String, Tensor)] {
        &self.parameters
    }

    /// Whether all elements of the parameters are finite.
    pub fn are_finite(&self) -> Result<bool> {
        let finite =
            self.parameters.iter().map(|(_, tensor)| tensor.f_isfinite()?.f_all()).collect::<Result<Vec<_>, _>>()?;
        Ok(copy_to_host::<bool>(&finite)?.into_iter().all(|finite| finite))
    }

    /// Called after a finite loss: the pending snapshot is good.
    pub fn loss_was_finite(&mut self) {
        if self.pending.is_some() {
            self.good = self.pending.take();
        }
    }

    /// Takes a snapshot after the record of `epoch` with `loss`.
    pub fn take(&mut self, epoch: u32, loss: f32) -> Result<()> {
        if self.parameters.is_empty() {
            return Ok(());
        }
        let snapshot = tch::no_grad(|| self.copy(epoch, loss))?;
        if self.best.as_ref().is_none_or(|best| loss < best.loss) {
            self.best = Some(Rc::clone(&snapshot));
        }
        self.pending = Some(snapshot);
        Ok(())
    }

    /// Copies the parameters into an unused snapshot of the pool, or into a new one.
    fn copy(&mut self, epoch: u32, loss: f32) -> Result<Rc<Snapshot>> {
        for snapshot in &mut self.pool {
            if let Some(unused) = Rc::get_mut(snapshot) {
                for (value, (_, tensor)) in unused.values.iter_mut().zip(&self.parameters) {
                    slices::copy(value, tensor)?;
                }
                (unused.epoch, unused.loss) = (epoch, loss);
                return Ok(Rc::clone(snapshot));
            }
        }
        let values = self.parameters.iter().map(|(_, tensor)| tensor.f_detach_copy()).collect::<Result<_, _>>()?;
        let snapshot = Rc::new(Snapshot { epoch, loss, names: Rc::clone(&self.names), values });
        self.pool.push(Rc::clone(&snapshot));
        Ok(snapshot)
    }

    /// The last snapshot that is known to be good.
    pub fn good(&self) -> Option<&Snapshot> {
        self.good.as_deref()
    }

    /// The snapshot with the lowest loss; the first one of equal losses.
    pub fn best(&self) -> Option<&Snapshot> {
        self.best.as_deref()
    }

    /// Restores the best snapshot of a resumed run.
    pub fn set_best(&mut self, best: Snapshot) {
        self.best = Some(Rc::new(best));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_and_the_good_snapshot_survive_later_ones() {
        let mut weight = Tensor::from(0f32).set_requires_grad(true);
        let mut snapshots = ParameterSnapshots::default();
        snapshots.set_parameters(&[("w".to_owned(), weight.shallow_clone())]);
        let epoch_and_weight = |snapshot: Option<&Snapshot>| {
            let snapshot = snapshot.unwrap();
            let state = snapshot.state_dict();
            assert_eq!(state.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["w"]);
            (snapshot.epoch, state.get("w").unwrap().double_value(&[]))
        };
        // The weight is ten times the epoch. The loss is lowest in epochs 1, 3 and 6; epoch 8 equals epoch 6.
        for (epoch, loss) in (1u32..).zip([5f32, 6., 2., 3., 4., 1., 7., 1., 9.]) {
            let _ = tch::no_grad(|| weight.fill_(f64::from(10 * epoch)));
            snapshots.loss_was_finite();
            snapshots.take(epoch, loss).unwrap();
            let best = [1, 1, 3, 3, 3, 6, 6, 6, 6][epoch as usize - 1];
            assert_eq!(epoch_and_weight(snapshots.best()), (best, f64::from(10 * best)), "epoch {epoch}");
            if epoch > 1 {
                assert_eq!(epoch_and_weight(snapshots.good()), (epoch - 1, f64::from(10 * (epoch - 1))));
            }
        }
        assert_eq!(snapshots.pool.len(), 3);
        assert!(!snapshots.best().unwrap().values[0].requires_grad());
    }
}
