use std::borrow::Borrow;
use std::fmt;

use tch::{Tensor, nn::Path};

use crate::error::{Error, Result};

/// Equivalent of `torch.nn.Embedding`: row `i` of `weight` is the vector of index `i`.
#[derive(Debug)]
pub struct Embedding {
    /// Shape `(num_embeddings, embedding_dim)`.
    pub weight: Tensor,
}

impl Embedding {
    /// Draws the weight from N(0, 1) on the CPU, as torch does, and then copies it to the path's device.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a size below 1.
    pub fn new<'a>(path: impl Borrow<Path<'a>>, num_embeddings: i64, embedding_dim: i64) -> Result<Embedding> {
        if num_embeddings < 1 || embedding_dim < 1 {
            let message = format!("Embedding({num_embeddings}, {embedding_dim}): both sizes must be at least 1");
            return Err(Error::InvalidArgument(message));
        }
        let drawn = Tensor::f_randn([num_embeddings, embedding_dim], tch::kind::FLOAT_CPU)?;
        Ok(Embedding { weight: path.borrow().f_var_copy("weight", &drawn)? })
    }

    /// Indices (int64) of any shape to vectors: `(..)` to `(.., embedding_dim)`.
    ///
    /// # Errors
    /// If an index is negative or not below `num_embeddings`.
    pub fn forward(&self, indices: &Tensor) -> Result<Tensor> {
        Ok(Tensor::f_embedding(&self.weight, indices, -1, false, false)?)
    }

    /// The parameter under torch's name.
    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        vec![("weight".to_owned(), self.weight.shallow_clone())]
    }
}

impl fmt::Display for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.weight.size();
        write!(f, "Embedding({}, {})", size[0], size[1])
    }
}
