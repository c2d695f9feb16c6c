//! Tensors as slices, and copies.

use tch::{Device, Kind, Tensor, no_grad};
use torch_ext::slices::{self, copy};

/// [`slices::f32_slice`], for tensors that nothing else uses while the slice exists.
fn f32_slice(tensor: &Tensor) -> torch_ext::Result<&[f32]> {
    // SAFETY: the tests below write no tensor while a slice exists, and the slice borrows the tensor.
    unsafe { slices::f32_slice(tensor) }
}

fn counting(shape: &[i64]) -> Tensor {
    Tensor::arange(shape.iter().product::<i64>(), (Kind::Float, Device::Cpu)).view(shape)
}

#[test]
fn the_slice_of_a_view_is_from_its_first_element_to_its_last() {
    let x = counting(&[3, 4]);
    assert_eq!(f32_slice(&x).unwrap().len(), 12);
    assert_eq!(f32_slice(&x.tr()).unwrap(), f32_slice(&x).unwrap());
    assert_eq!(f32_slice(&x.narrow(1, 1, 2)).unwrap(), [1., 2., 3., 4., 5., 6., 7., 8., 9., 10.]);
    assert_eq!(f32_slice(&x.get(0).get(3).expand([5, 5], false)).unwrap(), [3.]); // strides of 0
    assert_eq!(f32_slice(&x.narrow(0, 0, 0)).unwrap(), [0f32; 0]);
    assert_eq!(f32_slice(&Tensor::from(2.5f32)).unwrap(), [2.5]);
}

#[test]
fn only_dense_f32_tensors_on_the_cpu_have_slices() {
    let error = |tensor: &Tensor| f32_slice(tensor).unwrap_err().to_string();
    let not_dense = "expected a dense tensor that is not a lazily negated or zero view";
    assert_eq!(error(&Tensor::new()), "expected a tensor, got an undefined one");
    assert_eq!(error(&Tensor::from(1.0)), "expected a Float tensor on the CPU, got Double on Cpu");
    assert_eq!(error(&counting(&[2, 2]).to_sparse_sparse_dim(2)), not_dense);
    // Python: torch.tensor([1+2j]).conj().imag is -2, and 2 in memory
    let negated = Tensor::from_slice(&[1f32, 2.]).view([1, 2]).view_as_complex().conj().imag();
    assert_eq!(negated.neg().double_value(&[0]), 2.0);
    assert_eq!(error(&negated), not_dense);
    let mut gaps = counting(&[2, 2]).tr();
    // SAFETY: the call returns an error, so there is no slice.
    assert!(unsafe { slices::f32_slice_mut(&mut gaps) }.unwrap_err().to_string().contains("not contiguous"));
}

#[test]
fn copy_equals_torchs_copy() {
    let x = counting(&[3, 4]);
    // Contiguous f32 tensors are copied as memory; a transposed tensor or another kind uses libtorch's copy_.
    for from in [x.shallow_clone(), x.view([4, 3]).tr(), x.to_kind(Kind::Double)] {
        for mut to in [Tensor::zeros([3, 4], tch::kind::FLOAT_CPU), Tensor::zeros([4, 3], tch::kind::FLOAT_CPU).tr()] {
            copy(&mut to, &from).unwrap();
            assert_eq!(to, from.to_kind(Kind::Float));
        }
    }
    let weight = counting(&[2, 2]).set_requires_grad(true);
    let mut kept = no_grad(|| weight.detach_copy());
    copy(&mut kept, &(&weight * 2.0).detach()).unwrap();
    assert_eq!(f32_slice(&kept).unwrap(), [0., 2., 4., 6.]);
    assert!(copy(&mut kept, &counting(&[3])).is_err());
}

/// Two handles to one memory. A copy by Rust slices would be undefined behavior.
#[test]
fn a_tensor_can_be_copied_to_itself_and_to_an_overlapping_view() {
    let x = counting(&[6]);
    copy(&mut x.shallow_clone(), &x).unwrap();
    assert_eq!(x, counting(&[6]));
    copy(&mut x.narrow(0, 1, 5), &x.narrow(0, 0, 5)).unwrap();
    assert_eq!(x, Tensor::from_slice(&[0f32, 0., 1., 2., 3., 4.]));
}
