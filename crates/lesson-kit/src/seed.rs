//! The one place that seeds libtorch's generators.

/// `torch.manual_seed(seed)`: the same seed, the same numbers.
pub fn set(seed: i64) {
    tch::manual_seed(seed);
}
