//! Tensors as slices: which ones, where their numbers are, and copies.

use tch::{Device, Kind, Tensor, no_grad};
use torch_ext::slices::{self, copy};

/// [`slices::f32_slice`] of tensors that nothing else uses meanwhile.
fn f32_slice(tensor: &Tensor) -> torch_ext::Result<&[f32]> {
    // SAFETY: every test here is done with the slice before it touches a tensor again.
    unsafe { slices::f32_slice(tensor) }
}

fn counting(shape: &[i64]) -> Tensor {
    Tensor::arange(shape.iter().product::<i64>(), (Kind::Float, Device::Cpu)).view(shape)
}

#[test]
fn a_view_reaches_from_its_first_number_to_its_last() {
    let x = counting(&[3, 4]);
    assert_eq!(f32_slice(&x).unwrap().len(), 12);
    assert_eq!(f32_slice(&x.tr()).unwrap(), f32_slice(&x).unwrap());
    assert_eq!(f32_slice(&x.narrow(1, 1, 2)).unwrap(), [1., 2., 3., 4., 5., 6., 7., 8., 9., 10.]);
    assert_eq!(f32_slice(&x.get(0).get(3).expand([5, 5], false)).unwrap(), [3.]); // strides of 0
    assert_eq!(f32_slice(&x.narrow(0, 0, 0)).unwrap(), [0f32; 0]);
    assert_eq!(f32_slice(&Tensor::from(2.5f32)).unwrap(), [2.5]);
}

#[test]
fn what_is_no_plain_f32_tensor_on_the_cpu_is_refused() {
    let said = |tensor: &Tensor| f32_slice(tensor).unwrap_err().to_string();
    let no_plain_memory = "expected a dense tensor that is not a lazily negated or zero view";
    assert_eq!(said(&Tensor::new()), "expected a tensor, got an undefined one");
    assert_eq!(said(&Tensor::from(1.0)), "expected a Float tensor on the CPU, got Double on Cpu");
    assert_eq!(said(&counting(&[2, 2]).to_sparse_sparse_dim(2)), no_plain_memory);
    // Python: torch.tensor([1+2j]).conj().imag is -2, and 2 in memory
    let negated = Tensor::from_slice(&[1f32, 2.]).view([1, 2]).view_as_complex().conj().imag();
    assert_eq!(negated.neg().double_value(&[0]), 2.0);
    assert_eq!(said(&negated), no_plain_memory);
    let mut gaps = counting(&[2, 2]).tr();
    // SAFETY: there is no slice.
    assert!(unsafe { slices::f32_slice_mut(&mut gaps) }.unwrap_err().to_string().contains("not contiguous"));
}

#[test]
fn copies_are_those_of_torch() {
    let x = counting(&[3, 4]);
    // a copy of memory; a transposed source, a transposed target, another kind: libtorch's copy_
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

/// Handles to one memory, which a copy as Rust slices would make undefined.
#[test]
fn a_tensor_can_be_copied_onto_itself_and_onto_a_view_that_overlaps() {
    let x = counting(&[6]);
    copy(&mut x.shallow_clone(), &x).unwrap();
    assert_eq!(x, counting(&[6]));
    copy(&mut x.narrow(0, 1, 5), &x.narrow(0, 0, 5)).unwrap();
    assert_eq!(x, Tensor::from_slice(&[0f32, 0., 1., 2., 3., 4.]));
}
