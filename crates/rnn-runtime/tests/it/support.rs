//! Arrays and state dicts for the tests.

use std::path::{Path, PathBuf};

use ndarray::{Array, Array3, ArrayView3, Dimension, s};
use rnn_runtime::StateDict;
use rnn_runtime::pt_file::{Tensor, Value};

/// The top folder of the workspace.
pub fn workspace() -> PathBuf {
    std::env::var_os("WORKSPACE_ROOT")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), PathBuf::from)
}

/// A random number generator (xorshift): numbers between -1 and 1.
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.number()).collect()
    }

    pub fn array<D: Dimension>(&mut self, shape: D) -> Array<f32, D> {
        let count = shape.size();
        Array::from_shape_vec(shape, self.numbers(count)).unwrap()
    }
}

/// A state dict with these tensors.
pub fn state_dict<N: AsRef<str>>(tensors: impl IntoIterator<Item = (N, Vec<usize>, Vec<f32>)>) -> StateDict {
    let tensors =
        tensors.into_iter().map(|(name, shape, numbers)| (name, Tensor::from_slice(&numbers, &shape).unwrap()));
    StateDict::from_value(&Value::state_dict(tensors)).unwrap()
}

/// The same numbers with strides that no slice has: every second element of a larger array, reversed.
pub fn scattered(x: ArrayView3<'_, f32>) -> Array3<f32> {
    let (a, b, c) = x.dim();
    let mut large = Array3::from_elem((a, 2 * b, 2 * c), f32::NAN);
    large.slice_mut(s![.., ..;-2, ..;2]).assign(&x);
    large
}

/// The view of [`scattered`] numbers.
pub fn gathered(large: &Array3<f32>) -> ArrayView3<'_, f32> {
    large.slice(s![.., ..;-2, ..;2])
}
