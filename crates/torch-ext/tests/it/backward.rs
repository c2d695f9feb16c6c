//! `autograd::backward` compared with libtorch's engine: the same bits, the same error messages.

use tch::{Device, Kind, Reduction, Tensor};
use torch_ext::Error;
use torch_ext::autograd::{self, backward};

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Leaves that require gradients, with the same values at every call.
fn leaves<const N: usize>(shapes: [&[i64]; N]) -> [Tensor; N] {
    let leaf = |shape: &[i64]| (Tensor::arange(shape.iter().product::<i64>(), FLOAT) * 0.7 + 0.3).sin().reshape(shape);
    shapes.map(|shape| leaf(shape).set_requires_grad(true))
}

/// Asserts that `backward` and the engine give every leaf the same bits.
fn assert_same<const N: usize>(shapes: [&[i64]; N], loss: impl Fn(&[Tensor; N]) -> Tensor) {
    let (ours, theirs) = (leaves(shapes), leaves(shapes));
    for round in 1..=2 {
        backward(&loss(&ours)).unwrap();
        loss(&theirs).backward();
        for (place, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            let (ours, theirs) = (ours.grad(), theirs.grad());
            assert_eq!(ours.defined(), theirs.defined(), "leaf {place}");
            if ours.defined() {
                assert!(ours.equal(&theirs.to_dense(None, true)), "leaf {place}, round {round}: {ours:?} {theirs:?}");
            }
        }
    }
}

#[test]
fn gradients_are_summed_in_the_engines_order() {
    // The sizes of the numbers differ much, so another order of summation would change the bits.
    assert_same([&[50], &[50]], |[x, y]| {
        let parts: Vec<Tensor> = (0..9).map(|i| (x * 10f64.powi(i - 4)).sin() * y).collect();
        let sum = Tensor::stack(&parts, 0).sum(Kind::Float) + (x * x * y).cumsum(0, Kind::Float).sum(Kind::Float);
        sum + parts[3].dot(&parts[5]) * x.exp().mean(Kind::Float)
    });
}

#[test]
fn a_recurrent_layer_with_an_in_place_change_has_the_engines_bits() {
    assert_same([&[7, 3, 4], &[15, 4], &[15, 5], &[15], &[15], &[5, 2]], |[x, w_ih, w_hh, b_ih, b_hh, w]| {
        let h_0 = Tensor::zeros([1, 3, 5], FLOAT);
        let (output, h_n) = x.gru(&h_0, &[w_ih, w_hh, b_ih, b_hh], true, 1, 0.0, true, false, false);
        let scores = output.get(-1).mm(w);
        let _ = scores.narrow(1, 0, 1).g_mul_(&h_n.sum(Kind::Float)); // a view that is changed: CopySlices
        let targets = Tensor::from_slice(&[0i64, 1, 1]);
        scores.cross_entropy_loss(&targets, None::<Tensor>, Reduction::Mean, -100, 0.0)
    });
}

#[test]
fn unused_leaves_have_no_gradient() {
    assert_same([&[4], &[4], &[4]], |[x, _unused, y]| {
        let parts = x.unbind(0); // three of the four are not used
        (&parts[1] * y.detach()).sum(Kind::Float) + y.sum(Kind::Float) * 0.5
    });
}

#[test]
fn sparse_gradients_have_the_engines_bits() {
    let rows = Tensor::from_slice(&[2i64, 0, 2]);
    assert_same([&[4, 3]], |[table]| {
        let sparse = || Tensor::embedding(table, &rows, -1, false, true).sum(Kind::Float);
        sparse() * 2.0 + table.square().sum(Kind::Float) + sparse()
    });
}

#[test]
fn a_leaf_and_a_double_can_be_the_loss() {
    let x = Tensor::from(2.0f64).set_requires_grad(true);
    backward(&x).unwrap();
    backward(&(&x * &x)).unwrap();
    assert_eq!(f64::try_from(x.grad()).unwrap(), 1.0 + 4.0);
}

#[test]
fn a_shared_gradient_is_not_overwritten() {
    // The closure returns a tensor that is used elsewhere.
    let [x] = leaves([&[3]]);
    let kept = Tensor::ones([3], FLOAT);
    let same = |x: &Tensor| {
        let returned = kept.shallow_clone();
        let y = x.detach().copy();
        autograd::record("Same", &[x], vec![y], move |_| Ok(vec![Some(returned.shallow_clone())])).unwrap().remove(0)
    };
    let middle = &x * 1.0;
    backward(&(same(&middle) + same(&middle) + same(&middle)).sum(Kind::Float)).unwrap();
    assert_eq!(x.grad(), Tensor::from_slice(&[3f32, 3., 3.]));
    assert_eq!(kept, Tensor::ones([3], FLOAT));
}

#[test]
fn error_messages_equal_the_engines() {
    let [x] = leaves([&[3]]);
    let message = |loss: &Tensor| match (backward(loss).unwrap_err(), loss.f_backward().map_err(Error::from)) {
        (ours, Err(theirs)) => {
            assert_eq!(ours, theirs);
            ours.to_string()
        }
        (ours, Ok(())) => panic!("{ours}"),
    };
    assert_eq!(message(&(&x * 2.0)), "grad can be implicitly created only for scalar outputs");
    let constant = Tensor::from(1f32);
    assert_eq!(message(&constant), "element 0 of tensors does not require grad and does not have a grad_fn");
    let loss = x.square().sum(Kind::Float);
    backward(&loss).unwrap();
    assert!(message(&loss).starts_with("Trying to backward through the graph a second time"));
    let y = x.exp();
    let loss = y.sum(Kind::Float);
    let _ = y.detach().fill_(1.0);
    assert!(message(&loss).contains("modified by an inplace operation"));
    let undefined = backward(&Tensor::new()).unwrap_err();
    assert!(!undefined.to_string().is_empty());
}

#[test]
fn errors_and_panics_of_a_closure_are_returned() {
    let [x] = leaves([&[3]]);
    let error = |outcome: fn() -> Tensor| {
        let y = x.detach().copy();
        let y = autograd::record("Op", &[&x], vec![y], move |_| Ok(vec![Some(outcome())])).unwrap().remove(0);
        backward(&y.sum(Kind::Float)).unwrap_err().to_string()
    };
    assert_eq!(error(|| panic!("at step 7")), "Op: the backward panicked: at step 7");
    let wrong = "Op: the gradient of input 0 has shape [2], but the input has shape [3]";
    assert_eq!(error(|| Tensor::ones([2], FLOAT)), wrong);
    assert!(!x.grad().defined());
}

#[test]
fn a_closure_can_run_a_backward_itself() {
    let [x] = leaves([&[3]]);
    let constant = Tensor::ones([3], FLOAT);
    let y = x.detach().square();
    let outputs = autograd::record("Square", &[&x, &constant], vec![y], |step| {
        assert!(step.needs(0) && !step.needs(1));
        let inner = Tensor::from_slice(&[1f32, 2., 3.]).set_requires_grad(true);
        tch::with_grad(|| backward(&inner.square().sum(Kind::Float)))?;
        assert!(!(step.grad(0).unwrap() * &inner).requires_grad(), "gradient mode must be off again");
        Ok(vec![Some(inner.grad()), None])
    });
    backward(&outputs.unwrap()[0].sum(Kind::Float)).unwrap();
    assert_eq!(x.grad(), Tensor::from_slice(&[2f32, 4., 6.]));
    assert!((&x * 1.0).requires_grad(), "gradient mode must be on again");
}

#[test]
fn a_long_chain_does_not_overflow_the_stack() {
    let [x] = leaves([&[1]]);
    let mut y = x.shallow_clone();
    for _ in 0..100_000 {
        y = y.neg(); // an even number of times
    }
    backward(&y.sum(Kind::Float)).unwrap();
    assert_eq!(x.grad(), Tensor::ones([1], FLOAT));
}
