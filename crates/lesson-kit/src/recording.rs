//! What a run computed, by name: the side of a comparison that is ours.

use anyhow::{Context, Result};
use pt_file::Tensor as Stored;
use tch::Tensor;

use crate::Run;

/// Quantities in groups, as the notebooks gather them in their last cell.
#[derive(Debug, Default)]
pub struct Results {
    quantities: Vec<Quantity>,
}

/// One tensor of a group.
#[derive(Debug, Clone)]
pub struct Quantity {
    /// `losses`.
    pub group: String,
    /// `epoch`.
    pub name: String,
    /// All of its elements.
    pub values: Stored,
}

impl Results {
    /// Nothing yet.
    pub fn new() -> Results {
        Results::default()
    }

    /// Adds a copy of `values`.
    ///
    /// # Errors
    /// If libtorch cannot copy them.
    pub fn add(&mut self, group: &str, name: &str, values: &Tensor) -> Result<()> {
        let values = Stored::try_from(values).with_context(|| format!("{group}, {name}"))?;
        self.quantities.push(Quantity { group: group.to_owned(), name: name.to_owned(), values });
        Ok(())
    }

    /// Adds a copy of the parameters: the group `initial weights` or `final weights`.
    ///
    /// # Errors
    /// If libtorch cannot copy them.
    pub fn weights(&mut self, group: &str, parameters: &[(String, Tensor)]) -> Result<()> {
        parameters.iter().try_for_each(|(name, tensor)| self.add(group, name, tensor))
    }

    /// Adds what the run has kept of its training: the losses, and the order of the batches if it is there.
    ///
    /// # Errors
    /// If libtorch cannot copy them.
    pub fn training(&mut self, run: &Run) -> Result<()> {
        for (epoch, order) in (1..).zip(run.batch_order()) {
            self.add("batch order", &format!("epoch {epoch}"), order)?;
        }
        let (epochs, batches) = run.losses();
        if !batches.is_empty() {
            self.add("losses", "batch", &Tensor::from_slice(&batches))?;
        }
        self.add("losses", "epoch", &Tensor::from_slice(&epochs))
    }

    /// The quantity of that name.
    pub fn get(&self, group: &str, name: &str) -> Option<&Quantity> {
        self.quantities.iter().find(|quantity| quantity.group == group && quantity.name == name)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Quantity> {
        self.quantities.iter()
    }
}
