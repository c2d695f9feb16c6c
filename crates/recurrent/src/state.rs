//! The state that a layer carries from step to step.

use tch::Tensor;

use crate::error::{Error, Result};

/// A state as libtorch sees it: one tensor (h), or two (h and c). Sealed: its implementations are this crate's.
pub(crate) trait State: Sized {
    fn tensors(&self) -> Vec<&Tensor>;

    /// The tensors come from a forward pass, which returns as many as the layer has; `None` if not.
    fn from_tensors(tensors: Vec<Tensor>) -> Option<Self>;
}

impl State for Tensor {
    fn tensors(&self) -> Vec<&Tensor> {
        vec![self]
    }

    fn from_tensors(tensors: Vec<Tensor>) -> Option<Tensor> {
        let [h]: [Tensor; 1] = tensors.try_into().ok()?;
        Some(h)
    }
}

/// The state of an LSTM: torch's tuple `(h, c)`.
#[derive(Debug)]
pub struct LstmState {
    /// Hidden state: (layers * directions, batch, proj_size or hidden_size); without the batch if unbatched.
    pub h: Tensor,
    /// Cell state: (layers * directions, batch, hidden_size); without the batch if unbatched.
    pub c: Tensor,
}

impl LstmState {
    /// The same tensors under new handles.
    pub fn shallow_clone(&self) -> LstmState {
        LstmState { h: self.h.shallow_clone(), c: self.c.shallow_clone() }
    }

    /// The state cut off from the graph that computed it, for truncated back-propagation through time.
    pub fn detach(&self) -> LstmState {
        LstmState { h: self.h.detach(), c: self.c.detach() }
    }
}

impl From<(Tensor, Tensor)> for LstmState {
    fn from((h, c): (Tensor, Tensor)) -> LstmState {
        LstmState { h, c }
    }
}

impl State for LstmState {
    fn tensors(&self) -> Vec<&Tensor> {
        vec![&self.h, &self.c]
    }

    fn from_tensors(tensors: Vec<Tensor>) -> Option<LstmState> {
        let [h, c]: [Tensor; 2] = tensors.try_into().ok()?;
        Some(LstmState { h, c })
    }
}

/// The state that the tensors of a forward pass make up.
pub(crate) fn state_from<S: State>(tensors: Vec<Tensor>) -> Result<S> {
    let count = tensors.len();
    S::from_tensors(tensors).ok_or_else(|| Error::Torch(format!("libtorch returned a state of {count} tensors")))
}
