//! The states that layers and cells pass from step to step: h, or h and c.

use tch::Tensor;

use crate::error::{Error, Result};

pub(crate) mod sealed {
    use tch::Tensor;

    pub trait FromTensors: Sized {
        /// The inverse of [`State::tensors`](super::State::tensors); `None` for a wrong number of tensors.
        fn from_tensors(tensors: Vec<Tensor>) -> Option<Self>;
    }
}

/// The state of a layer or cell: `Tensor` (h) for RNN and GRU, [`LstmState`] for LSTM, [`AnyState`] for
/// [`AnyRecurrent`](crate::AnyRecurrent). Sealed.
pub trait State: sealed::FromTensors {
    /// h; for an LSTM, h and c.
    fn tensors(&self) -> Vec<&Tensor>;

    /// The same values without their graph, for truncated back-propagation through time.
    fn detach(&self) -> Self;
}

impl State for Tensor {
    fn tensors(&self) -> Vec<&Tensor> {
        vec![self]
    }

    fn detach(&self) -> Tensor {
        self.detach()
    }
}

impl sealed::FromTensors for Tensor {
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

    /// The same values without their graph, for truncated back-propagation through time.
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

    fn detach(&self) -> LstmState {
        self.detach()
    }
}

impl sealed::FromTensors for LstmState {
    fn from_tensors(tensors: Vec<Tensor>) -> Option<LstmState> {
        let [h, c]: [Tensor; 2] = tensors.try_into().ok()?;
        Some(LstmState { h, c })
    }
}

/// The state of an [`AnyRecurrent`](crate::AnyRecurrent).
#[derive(Debug)]
pub struct AnyState {
    /// Hidden state, as for the layer inside.
    pub h: Tensor,
    /// Cell state of an LSTM; `None` for the other layers.
    pub c: Option<Tensor>,
}

impl AnyState {
    /// The same values without their graph, for truncated back-propagation through time.
    pub fn detach(&self) -> AnyState {
        AnyState { h: self.h.detach(), c: self.c.as_ref().map(Tensor::detach) }
    }
}

impl State for AnyState {
    fn tensors(&self) -> Vec<&Tensor> {
        std::iter::once(&self.h).chain(&self.c).collect()
    }

    fn detach(&self) -> AnyState {
        self.detach()
    }
}

impl sealed::FromTensors for AnyState {
    fn from_tensors(tensors: Vec<Tensor>) -> Option<AnyState> {
        let mut tensors = tensors.into_iter();
        let state = AnyState { h: tensors.next()?, c: tensors.next() };
        tensors.next().is_none().then_some(state)
    }
}

/// Converts the state that libtorch returned.
pub(crate) fn state_from<S: State>(tensors: Vec<Tensor>) -> Result<S> {
    let count = tensors.len();
    S::from_tensors(tensors).ok_or_else(|| Error::Torch(format!("libtorch returned a state of {count} tensors")))
}
