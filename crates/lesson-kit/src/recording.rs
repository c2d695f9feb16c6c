//! The tensors of a run that a comparison needs.

use anyhow::{Context, Result};
use pt_file::Tensor as Stored;
use tch::Tensor;
use torch_ext::convert;

/// Tensors by group and name, in the order in which they were computed. The reference notebooks use the same names.
#[derive(Debug, Default)]
pub struct Recording {
    quantities: Vec<Quantity>,
}

/// A recorded tensor.
#[derive(Debug, Clone)]
pub struct Quantity {
    /// For example `losses`.
    pub group: String,
    /// For example `epoch`.
    pub name: String,
    /// All elements.
    pub values: Stored,
}

impl Recording {
    /// Adds a copy of `values`.
    pub fn add(&mut self, group: &str, name: &str, values: &Tensor) -> Result<()> {
        let values = convert::to_pt_file(values).with_context(|| format!("{group}, {name}"))?;
        self.quantities.push(Quantity { group: group.to_owned(), name: name.to_owned(), values });
        Ok(())
    }

    /// The quantity of that name.
    pub fn get(&self, group: &str, name: &str) -> Option<&Quantity> {
        self.quantities.iter().find(|quantity| quantity.group == group && quantity.name == name)
    }

    /// All quantities in order.
    pub fn iter(&self) -> impl Iterator<Item = &Quantity> {
        self.quantities.iter()
    }
}
