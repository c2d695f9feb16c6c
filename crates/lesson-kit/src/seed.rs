//! The only place that seeds libtorch's generators.

/// Equivalent of `torch.manual_seed(seed)`.
pub fn set(seed: i64) {
    tch::manual_seed(seed);
}
