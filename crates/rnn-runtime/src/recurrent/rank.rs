use ndarray::{Array, Array3, ArrayView, ArrayView1, ArrayView2, ArrayView3, Axis, Dimension, Ix2, Ix3, RemoveAxis};

/// The rank of the arrays of a recurrent layer: [`Ix3`](type@Ix3) for a batch of sequences, [`Ix2`](type@Ix2) for one sequence.
///
/// | rank | input, output | state | input and output of a step |
/// |---|---|---|---|
/// | `Ix3` | (steps, batch, features), or (batch, steps, features) with `batch_first` | (rows, batch, features) | (batch, features) |
/// | `Ix2` | (steps, features) | (rows, features) | (features) |
///
/// The rows of a state are layers times directions.
pub trait Rank: RemoveAxis + sealed::Sealed + 'static {}

impl Rank for Ix2 {}
impl Rank for Ix3 {}

pub(super) mod sealed {
    use super::*;

    /// Conversions to and from the kernels' layout: (steps, batch, features).
    pub trait Sealed: Dimension {
        /// (steps, batch, features)
        fn sequences(view: ArrayView<'_, f32, Self>, batch_first: bool) -> ArrayView3<'_, f32>;
        /// From (steps, batch, features).
        fn from_sequences(array: Array3<f32>, batch_first: bool) -> Array<f32, Self>;
        /// (rows, batch, features)
        fn state(state: &Array<f32, Self>) -> ArrayView3<'_, f32>;
        /// From (rows, batch, features).
        fn from_state(state: Array3<f32>) -> Array<f32, Self>;
        /// (batch, features)
        fn step(x: ArrayView<'_, f32, Self::Smaller>) -> ArrayView2<'_, f32>;
        /// From (batch, features).
        fn from_step(y: ArrayView2<'_, f32>) -> ArrayView<'_, f32, Self::Smaller>;
    }

    impl Sealed for Ix3 {
        fn sequences(view: ArrayView<'_, f32, Ix3>, batch_first: bool) -> ArrayView3<'_, f32> {
            if batch_first { view.permuted_axes([1, 0, 2]) } else { view }
        }

        fn from_sequences(array: Array3<f32>, batch_first: bool) -> Array3<f32> {
            if batch_first { array.permuted_axes([1, 0, 2]) } else { array }
        }

        fn state(state: &Array3<f32>) -> ArrayView3<'_, f32> {
            state.view()
        }

        fn from_state(state: Array3<f32>) -> Array3<f32> {
            state
        }

        fn step(x: ArrayView2<'_, f32>) -> ArrayView2<'_, f32> {
            x
        }

        fn from_step(y: ArrayView2<'_, f32>) -> ArrayView2<'_, f32> {
            y
        }
    }

    impl Sealed for Ix2 {
        fn sequences(view: ArrayView<'_, f32, Ix2>, _batch_first: bool) -> ArrayView3<'_, f32> {
            view.insert_axis(Axis(1))
        }

        fn from_sequences(array: Array3<f32>, _batch_first: bool) -> Array<f32, Ix2> {
            array.index_axis_move(Axis(1), 0)
        }

        fn state(state: &Array<f32, Ix2>) -> ArrayView3<'_, f32> {
            state.view().insert_axis(Axis(1))
        }

        fn from_state(state: Array3<f32>) -> Array<f32, Ix2> {
            state.index_axis_move(Axis(1), 0)
        }

        fn step(x: ArrayView1<'_, f32>) -> ArrayView2<'_, f32> {
            x.insert_axis(Axis(0))
        }

        fn from_step(y: ArrayView2<'_, f32>) -> ArrayView1<'_, f32> {
            y.index_axis_move(Axis(0), 0)
        }
    }
}
