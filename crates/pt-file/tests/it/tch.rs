//! Feature `tch`: conversions to libtorch and back keep the elements.

use pt_file::{DType, Error, StridedView, Tensor, Value};
use tch::{Device, Kind};

use crate::samples::{counting, dtypes, shared};

fn round_trip(tensor: &Tensor) -> Tensor {
    let converted = tch::Tensor::try_from(tensor).unwrap();
    assert_eq!(DType::try_from(converted.kind()).unwrap(), tensor.dtype());
    Tensor::try_from(&converted).unwrap()
}

#[test]
fn every_dtype_and_shape_is_converted_exactly() {
    let values = dtypes();
    for (key, tensors) in values.as_dict().unwrap().iter() {
        for tensor in tensors.as_slice().unwrap().iter().filter_map(Value::as_tensor) {
            assert_eq!(&round_trip(tensor), tensor, "{key} {:?}", tensor.shape());
        }
    }
}

#[test]
fn views_become_row_major() {
    for (key, value) in shared().as_dict().unwrap().iter() {
        let view = value.as_tensor().unwrap();
        let back = round_trip(view);
        assert_eq!(&back, view, "{key}");
        assert!(back.view().is_contiguous());
    }
}

#[test]
fn a_transposed_tensor_is_copied_in_row_major_order() {
    let converted = tch::Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]).set_requires_grad(true).t_copy();
    assert_eq!(Tensor::try_from(&converted).unwrap().to_vec::<f32>().unwrap(), [0., 3., 1., 4., 2., 5.]);
    let view = tch::Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]).tr();
    assert_eq!(Tensor::try_from(&view).unwrap().to_vec::<f32>().unwrap(), [0., 3., 1., 4., 2., 5.]);
}

#[test]
fn a_tensor_with_the_negative_bit_keeps_its_values() {
    let complex = tch::Tensor::view_as_complex(&tch::Tensor::from_slice(&[1f32, 2.0]));
    let imaginary = complex.conj().imag();
    assert_eq!(Tensor::try_from(&imaginary).unwrap().to_vec::<f32>().unwrap(), [-2.0]);
}

#[test]
fn an_unsupported_kind_is_an_error_that_names_it() {
    let complex = tch::Tensor::zeros([2], (Kind::ComplexFloat, Device::Cpu));
    let error = Tensor::try_from(&complex).unwrap_err();
    assert!(matches!(error, Error::Kind(Kind::ComplexFloat)) && error.to_string().contains("ComplexFloat"));
    let sparse = tch::Tensor::eye(2, (Kind::Float, Device::Cpu)).to_sparse(None, None::<i64>, 0);
    assert!(matches!(Tensor::try_from(&sparse), Err(Error::Tch(_))));
    assert!(matches!(Tensor::try_from(&tch::Tensor::new()), Err(Error::Tch(_))));
}

#[test]
fn converting_a_huge_expanded_view_is_an_error() {
    let view = StridedView::new(DType::F32, &[1 << 30, 1 << 30], &[0, 0], 0).unwrap();
    let bomb = Tensor::new(view, counting(0, &[1]).storage().clone()).unwrap();
    assert!(matches!(tch::Tensor::try_from(&bomb), Err(Error::OutOfMemory { .. })));
}
