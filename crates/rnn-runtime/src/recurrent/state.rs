//! The state of a layer: h, or (h, c) for an LSTM.

use ndarray::{Array, Array3, ArrayView3};

use super::rank::Rank;
use super::stack::Stack;
use crate::arrays::{array, product, zeros};
use crate::error::{Error, Result};

/// The state of an RNN or a GRU.
pub type H<D> = Array<f32, D>;

/// The state of an LSTM: h and c.
pub type HAndC<D> = (Array<f32, D>, Array<f32, D>);

/// Conversions to and from the layout (rows, batch, features).
pub(super) trait State<D: Rank>: Sized {
    fn views(&self) -> [Option<ArrayView3<'_, f32>>; 2];
    fn arrays(&mut self) -> (&mut Array<f32, D>, Option<&mut Array<f32, D>>);
    fn from_arrays(h: Array3<f32>, c: Array3<f32>) -> Self;
}

impl<D: Rank> State<D> for H<D> {
    fn views(&self) -> [Option<ArrayView3<'_, f32>>; 2] {
        [Some(D::state(self)), None]
    }

    fn arrays(&mut self) -> (&mut Array<f32, D>, Option<&mut Array<f32, D>>) {
        (self, None)
    }

    fn from_arrays(h: Array3<f32>, _c: Array3<f32>) -> H<D> {
        D::from_state(h)
    }
}

impl<D: Rank> State<D> for HAndC<D> {
    fn views(&self) -> [Option<ArrayView3<'_, f32>>; 2] {
        [Some(D::state(&self.0)), Some(D::state(&self.1))]
    }

    fn arrays(&mut self) -> (&mut Array<f32, D>, Option<&mut Array<f32, D>>) {
        (&mut self.0, Some(&mut self.1))
    }

    fn from_arrays(h: Array3<f32>, c: Array3<f32>) -> HAndC<D> {
        (D::from_state(h), D::from_state(c))
    }
}

impl Stack {
    /// The shapes of h and c. Without a c the second one is empty.
    pub(super) fn state_shapes(&self, batch: usize) -> [[usize; 3]; 2] {
        let config = self.config();
        let rows = config.state_rows();
        let c = if config.cell.has_c() { [rows, batch, config.hidden_size] } else { [0; 3] };
        [[rows, batch, config.state_size()], c]
    }

    /// Zeros.
    pub(super) fn zero_state<D: Rank, S: State<D>>(&self, batch: usize) -> Result<S> {
        let [h, c] = self.state_shapes(batch);
        let zeros = |shape: [usize; 3]| array(shape, zeros(product(&shape))?);
        Ok(S::from_arrays(zeros(h)?, zeros(c)?))
    }

    /// Checks the shape of a state.
    pub(super) fn check_state(&self, batch: usize, views: &[Option<ArrayView3<'_, f32>>; 2]) -> Result<()> {
        for (i, (view, expected)) in views.iter().zip(self.state_shapes(batch)).enumerate() {
            let Some(view) = view else { continue };
            let got = [view.shape()[0], view.shape()[1], view.shape()[2]];
            if got != expected {
                return Err(Error::StateSize { index: self.config().cell.has_c().then_some(i), expected, got });
            }
        }
        Ok(())
    }
}

/// The numbers of a state, which are in row-major order; changes the array to this order if it is not.
pub(super) fn row_major_mut<D: Rank>(state: &mut Array<f32, D>) -> Option<&mut [f32]> {
    if !state.is_standard_layout() {
        *state = state.as_standard_layout().into_owned();
    }
    state.as_slice_mut()
}
