//! Tensors: made as Python makes them, and compared to the bit or within a tolerance.

use tch::{Device, Kind, Tensor};

/// The kind that torch calls `float32` and so on.
pub fn kind(dtype: &str) -> Kind {
    match dtype {
        "float16" => Kind::Half,
        "bfloat16" => Kind::BFloat16,
        "float32" => Kind::Float,
        "float64" => Kind::Double,
        "int32" => Kind::Int,
        "int64" => Kind::Int64,
        "complex64" => Kind::ComplexFloat,
        "bool" => Kind::Bool,
        other => panic!("no kind for {other}"),
    }
}

/// `torch.empty(shape, dtype=dtype).uniform_(-1, 1)`: the same numbers on every CPU (but for the
/// rounding of the last bit), which `randn` does not give.
pub fn uniform(shape: &[i64], kind: Kind) -> Tensor {
    Tensor::empty(shape, (kind, Device::Cpu)).uniform_(-1.0, 1.0)
}

/// f32 numbers `0, 1, 2, ..` in this shape.
pub fn arange(shape: &[i64]) -> Tensor {
    Tensor::arange(shape.iter().product::<i64>(), tch::kind::FLOAT_CPU).reshape(shape)
}

/// The elements in order, as f64.
pub fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
}

/// The elements of an int64 tensor.
pub fn ints(tensor: &Tensor) -> Vec<i64> {
    Vec::try_from(tensor.reshape([-1])).unwrap()
}

/// The memory of the elements, in order.
pub fn bytes(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    tensor.detach().contiguous().f_copy_data_u8(&mut bytes, tensor.numel()).unwrap();
    bytes
}

/// Whether kind, shape and every bit are the same.
pub fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    (a.kind(), a.size()) == (b.kind(), b.size()) && bytes(a) == bytes(b)
}

/// Asserts that kind, shape and every bit are the same.
#[track_caller]
pub fn assert_same_bits(ours: &Tensor, other: &Tensor, what: &str) {
    assert_eq!((ours.kind(), ours.size()), (other.kind(), other.size()), "{what}");
    assert!(bytes(ours) == bytes(other), "{what}: other bits, {:e} apart", apart(ours, other));
}

/// Asserts that kind and shape are the same, and every element within `tolerance`, relative for numbers above 1.
#[track_caller]
pub fn assert_close(ours: &Tensor, other: &Tensor, tolerance: f64, what: &str) {
    assert_eq!((ours.kind(), ours.size()), (other.kind(), other.size()), "{what}");
    let apart = apart(ours, other);
    assert!(apart <= tolerance, "{what}: {apart:e} apart, {tolerance:e} allowed");
}

/// The largest `|a - b| / max(1, |b|)`; NaN counts as infinitely far from all but NaN.
pub fn apart(a: &Tensor, b: &Tensor) -> f64 {
    let one = |(a, b): (f64, f64)| match (a.is_nan(), b.is_nan()) {
        (true, true) => 0.0,
        (false, false) => (a - b).abs() / b.abs().max(1.0),
        _ => f64::INFINITY,
    };
    values(a).into_iter().zip(values(b)).map(one).fold(0.0, f64::max)
}

/// A leaf that collects its gradient.
pub fn leaf(tensor: &Tensor) -> Tensor {
    tensor.detach().copy().set_requires_grad(true)
}
