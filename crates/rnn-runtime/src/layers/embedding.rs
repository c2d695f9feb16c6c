use std::fmt::Display;

use ndarray::{Array, ArrayView, Dimension};

use crate::arrays::{array, product, with_capacity};
use crate::error::{Error, Result};
use crate::state_dict::StateDict;
use crate::weights::Weights;

/// Equivalent of `torch.nn.Embedding`: the rows of a table, by their indices.
#[doc(alias = "torch.nn.Embedding")]
#[derive(Debug, Clone)]
pub struct Embedding {
    weight: Vec<f32>,
    num_embeddings: usize,
    embedding_dim: usize,
}

impl Embedding {
    /// Builds the layer from `weight`, (num_embeddings, embedding_dim).
    ///
    /// # Errors
    /// [`Error::Weights`] if it is missing or does not fit.
    pub fn from_state_dict(weights: &StateDict) -> Result<Embedding> {
        let mut weights = Weights::new(weights, "Embedding");
        let weight = weights.with_dimensions("weight", 2);
        let [num_embeddings, embedding_dim] = weights.shape("weight").unwrap_or_default();
        weights.finish()?;
        Ok(Embedding { weight, num_embeddings, embedding_dim })
    }

    /// Maps indices of any integer type, in an array with any number of dimensions, to (.., embedding_dim).
    ///
    /// ```
    /// # use rnn_runtime::{Embedding, StateDict, pt_file::{Tensor, Value}};
    /// # let weight = Tensor::from_slice(&[0f32, 1., 2., 3., 4., 5.], &[3, 2])?;
    /// # let weights = StateDict::from_value(&Value::state_dict([("weight", weight)]))?;
    /// use rnn_runtime::ndarray::array;
    /// let embedding = Embedding::from_state_dict(&weights)?;
    /// assert_eq!(embedding.forward(array![2, 0].view())?, array![[4.0, 5.0], [0.0, 1.0]]);
    /// # Ok::<(), rnn_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Index`] for an index outside `0..num_embeddings`; [`Error::OutOfMemory`].
    pub fn forward<I, D>(&self, indices: ArrayView<'_, I, D>) -> Result<Array<f32, D::Larger>>
    where
        I: Copy + Display + TryInto<usize>,
        D: Dimension,
    {
        let mut shape = D::Larger::zeros(indices.ndim() + 1);
        shape.slice_mut()[..indices.ndim()].copy_from_slice(indices.shape());
        shape[indices.ndim()] = self.embedding_dim;
        let mut rows = with_capacity(product(shape.slice()))?;
        for &index in &indices {
            let row = index.try_into().ok().filter(|row| *row < self.num_embeddings);
            let row = row.ok_or_else(|| Error::Index { index: index.to_string(), rows: self.num_embeddings })?;
            rows.extend_from_slice(&self.weight[row * self.embedding_dim..][..self.embedding_dim]);
        }
        array(shape, rows)
    }

    /// Number of rows.
    pub fn num_embeddings(&self) -> usize {
        self.num_embeddings
    }

    /// Features of a row.
    pub fn embedding_dim(&self) -> usize {
        self.embedding_dim
    }
}
