//! `autograd::inference_mode`.

use tch::Tensor;
use torch_ext::Error;
use torch_ext::autograd;

#[test]
fn inference_mode_ends_with_the_closure() {
    let x = Tensor::from_slice(&[3f32]).set_requires_grad(true);
    let outside = || (x.shallow_clone() * 2.0).is_inference();
    let inner = autograd::inference_mode(|| {
        let y = autograd::inference_mode(|| &x * 2.0);
        assert!(y.is_inference() && !y.requires_grad() && (&x * 2.0).is_inference());
        assert_eq!(autograd::version(&y), None);
        y
    });
    assert!(!outside());
    let error = x.f_mul(&inner).map_err(Error::from).unwrap_err().to_string();
    assert!(error.starts_with("Inference tensors cannot be saved for backward"), "{error}");
    std::panic::catch_unwind(|| autograd::inference_mode(|| panic!("within"))).unwrap_err();
    assert!(!outside());
}

#[test]
fn inference_mode_counts_in_place_changes_of_other_tensors() {
    let tensor = Tensor::from_slice(&[1f32]);
    let before = autograd::version(&tensor).unwrap();
    let _ = autograd::inference_mode(|| tensor.shallow_clone().fill_(2.0));
    assert_eq!(autograd::version(&tensor), Some(before + 1));
}
