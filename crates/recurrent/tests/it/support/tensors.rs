//! Builds tensors as Python does, and compares them bit by bit or within a tolerance.

use tch::{Device, Kind, Tensor};

/// The kind with this torch name, such as `float32`.
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

/// `torch.empty(shape, dtype=dtype).uniform_(-1, 1)`. Unlike `randn`, it gives the same numbers on every CPU, up to the last
/// bit.
pub fn uniform(shape: &[i64], kind: Kind) -> Tensor {
    Tensor::empty(shape, (kind, Device::Cpu)).uniform_(-1.0, 1.0)
}

/// f32 numbers `0, 1, 2, ..` in this shape.
pub fn arange(shape: &[i64]) -> Tensor {
    Tensor::arange(shape.iter().product::<i64>(), tch::kind::FLOAT_CPU).reshape(shape)
}

/// The elements as f64, in order.
pub fn values(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
}

/// The elements of an int64 tensor.
pub fn ints(tensor: &Tensor) -> Vec<i64> {
    Vec::try_from(tensor.reshape([-1])).unwrap()
}

/// The bytes of the elements, in order.
pub fn bytes(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    tensor.detach().contiguous().f_copy_data_u8(&mut bytes, tensor.numel()).unwrap();
    bytes
}

/// Whether dtype, shape and every bit are equal.
pub fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    (a.kind(), a.size()) == (b.kind(), b.size()) && bytes(a) == bytes(b)
}

/// Asserts that dtype, shape and every bit are equal.
#[track_caller]
pub fn assert_same_bits(ours: &Tensor, other: &Tensor, what: &str) {
    assert_eq!((ours.kind(), ours.size()), (other.kind(), other.size()), "{what}");
    assert!(bytes(ours) == bytes(other), "{what}: the bits differ; the values differ by {:e}", apart(ours, other));
}

/// Asserts that dtype and shape are equal, and that the elements differ by at most `tolerance`, relative for numbers above 1.
#[track_caller]
pub fn assert_close(ours: &Tensor, other: &Tensor, tolerance: f64, what: &str) {
    assert_eq!((ours.kind(), ours.size()), (other.kind(), other.size()), "{what}");
    let apart = apart(ours, other);
    assert!(apart <= tolerance, "{what}: the values differ by {apart:e}, allowed are {tolerance:e}");
}

/// The largest `|a - b| / max(1, |b|)`. The distance from NaN to NaN is 0, to a number infinite.
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
