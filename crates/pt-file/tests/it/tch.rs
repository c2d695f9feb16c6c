//! Feature `tch`: elements survive the way to libtorch and back.

use pt_file::{DType, Error, StridedView, Tensor, Value};
use tch::{Device, Kind};

use crate::samples::{counting, dtypes, shared};

fn there_and_back(tensor: &Tensor) -> Tensor {
    let theirs = tch::Tensor::try_from(tensor).unwrap();
    assert_eq!(DType::try_from(theirs.kind()).unwrap(), tensor.dtype());
    Tensor::try_from(&theirs).unwrap()
}

#[test]
fn every_dtype_and_shape_survives() {
    let values = dtypes();
    for (key, tensors) in values.as_dict().unwrap().iter() {
        for tensor in tensors.as_slice().unwrap().iter().filter_map(Value::as_tensor) {
            assert_eq!(&there_and_back(tensor), tensor, "{key} {:?}", tensor.shape());
        }
    }
}

#[test]
fn views_become_row_major() {
    for (key, value) in shared().as_dict().unwrap().iter() {
        let view = value.as_tensor().unwrap();
        let back = there_and_back(view);
        assert_eq!(&back, view, "{key}");
        assert!(back.view().is_contiguous());
    }
}

#[test]
fn a_transposed_tensor_in_a_graph_is_copied() {
    let theirs = tch::Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]).set_requires_grad(true).t_copy();
    assert_eq!(Tensor::try_from(&theirs).unwrap().to_vec::<f32>().unwrap(), [0., 3., 1., 4., 2., 5.]);
    let view = tch::Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]).tr();
    assert_eq!(Tensor::try_from(&view).unwrap().to_vec::<f32>().unwrap(), [0., 3., 1., 4., 2., 5.]);
}

#[test]
fn a_negative_view_keeps_its_sign() {
    let complex = tch::Tensor::view_as_complex(&tch::Tensor::from_slice(&[1f32, 2.0]));
    let imaginary = complex.conj().imag();
    assert_eq!(Tensor::try_from(&imaginary).unwrap().to_vec::<f32>().unwrap(), [-2.0]);
}

#[test]
fn what_has_no_dtype_is_named() {
    let complex = tch::Tensor::zeros([2], (Kind::ComplexFloat, Device::Cpu));
    let error = Tensor::try_from(&complex).unwrap_err();
    assert!(matches!(error, Error::Kind(Kind::ComplexFloat)) && error.to_string().contains("ComplexFloat"));
    let sparse = tch::Tensor::eye(2, (Kind::Float, Device::Cpu)).to_sparse(None, None::<i64>, 0);
    assert!(matches!(Tensor::try_from(&sparse), Err(Error::Tch(_))));
    assert!(matches!(Tensor::try_from(&tch::Tensor::new()), Err(Error::Tch(_))));
}

#[test]
fn an_absurd_expansion_is_an_error() {
    let view = StridedView::new(DType::F32, &[1 << 30, 1 << 30], &[0, 0], 0).unwrap();
    let bomb = Tensor::new(view, counting(0, &[1]).storage().clone()).unwrap();
    assert!(matches!(tch::Tensor::try_from(&bomb), Err(Error::OutOfMemory { .. })));
}
