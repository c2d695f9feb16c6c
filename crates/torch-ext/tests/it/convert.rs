//! Conversions to `pt_file` and back keep the elements.

use pt_file::{DType, StridedView, Tensor};
use tch::{Device, Kind};
use torch_ext::Error;
use torch_ext::convert::{dtype_of, from_pt_file, kind_of, to_pt_file};

fn round_trip(tensor: &Tensor) -> Tensor {
    let converted = from_pt_file(tensor).unwrap();
    assert_eq!(dtype_of(converted.kind()).unwrap(), tensor.dtype());
    to_pt_file(&converted).unwrap()
}

/// `tensor([0., 1., ..])`
fn counting(shape: &[usize]) -> Tensor {
    let elements: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| i as f32).collect();
    Tensor::from_slice(&elements, shape).unwrap()
}

#[test]
fn every_dtype_and_shape_is_converted_exactly() {
    let dtypes: Vec<DType> = DType::ALL.into_iter().filter(|&dtype| kind_of(dtype).is_ok()).collect();
    assert_eq!(dtypes.len(), 10);
    for dtype in dtypes {
        for shape in [&[2, 3][..], &[0, 3], &[]] {
            let numel: usize = shape.iter().product();
            let bytes: Vec<u8> = (0..numel * dtype.size()).map(|i| (i % 2) as u8).collect(); // 0 and 1 are valid for every dtype
            let tensor = Tensor::from_bytes(dtype, shape, bytes).unwrap();
            assert_eq!(round_trip(&tensor), tensor, "{dtype} {shape:?}");
        }
    }
}

#[test]
fn views_become_row_major() {
    let storage = counting(&[24]).storage().clone();
    for (shape, strides, offset) in [(&[4, 3][..], &[1, 4][..], 0), (&[2, 2], &[0, 5], 7), (&[], &[], 23)] {
        let view = StridedView::new(DType::F32, shape, strides, offset).unwrap();
        let view = Tensor::new(view, storage.clone()).unwrap();
        let back = round_trip(&view);
        assert_eq!(back, view, "{shape:?}");
        assert!(back.view().is_contiguous());
    }
}

#[test]
fn a_transposed_tensor_is_copied_in_row_major_order() {
    let converted = tch::Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]).set_requires_grad(true).t_copy();
    assert_eq!(to_pt_file(&converted).unwrap().to_vec::<f32>().unwrap(), [0., 3., 1., 4., 2., 5.]);
    let view = tch::Tensor::arange(6, (Kind::Float, Device::Cpu)).view([2, 3]).tr();
    assert_eq!(to_pt_file(&view).unwrap().to_vec::<f32>().unwrap(), [0., 3., 1., 4., 2., 5.]);
}

#[test]
fn a_tensor_with_the_negative_bit_keeps_its_values() {
    let complex = tch::Tensor::view_as_complex(&tch::Tensor::from_slice(&[1f32, 2.0]));
    let imaginary = complex.conj().imag();
    assert_eq!(to_pt_file(&imaginary).unwrap().to_vec::<f32>().unwrap(), [-2.0]);
}

#[test]
fn an_unsupported_kind_is_an_error_that_names_it() {
    let complex = tch::Tensor::zeros([2], (Kind::ComplexFloat, Device::Cpu));
    let error = to_pt_file(&complex).unwrap_err();
    assert!(error.to_string().contains("ComplexFloat"), "{error}");
    let sparse = tch::Tensor::eye(2, (Kind::Float, Device::Cpu)).to_sparse(None, None::<i64>, 0);
    assert!(matches!(to_pt_file(&sparse), Err(Error::Torch(_))));
    assert!(matches!(to_pt_file(&tch::Tensor::new()), Err(Error::Torch(_))));
}

#[test]
fn converting_a_huge_expanded_view_is_an_error() {
    let view = StridedView::new(DType::F32, &[1 << 30, 1 << 30], &[0, 0], 0).unwrap();
    let bomb = Tensor::new(view, counting(&[1]).storage().clone()).unwrap();
    assert!(from_pt_file(&bomb).unwrap_err().to_string().contains("not enough memory"));
}
