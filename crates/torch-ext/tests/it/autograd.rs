//! Operations whose backward is a Rust closure, compared with torch's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use test_support::Float64Judge;

use tch::{Device, Kind, Tensor, no_grad};
use torch_ext::Error;
use torch_ext::autograd::{self, Backward};

type Grads = Result<Vec<Option<Tensor>>, Box<dyn std::error::Error + Send + Sync>>;

fn parameter(values: &[f32]) -> Tensor {
    Tensor::from_slice(values).set_requires_grad(true)
}

/// x * x in plain Rust, element by element.
fn square_of(x: &Tensor) -> Tensor {
    let values = Vec::<f32>::try_from(&x.detach().reshape([-1])).unwrap();
    Tensor::from_slice(&values.iter().map(|x| x * x).collect::<Vec<_>>()).reshape(x.size())
}

/// x * x with its derivative.
fn square(x: &Tensor) -> Tensor {
    let saved = x.shallow_clone();
    one("Square", x, square_of(x), move |backward| Ok(vec![backward.grad(0).map(|grad| grad * &saved * 2.0)]))
}

/// An operation with one input and one output.
fn one(name: &str, x: &Tensor, y: Tensor, backward: impl Fn(&Backward<'_>) -> Grads + Send + 'static) -> Tensor {
    autograd::record(name, &[x], vec![y], backward).unwrap().remove(0)
}

/// Runs the backward pass of an operation with this closure, and returns the error.
fn backward_error(backward: impl Fn(&Backward<'_>) -> Grads + Send + 'static) -> String {
    let x = parameter(&[1., 2., 3.]);
    let y = one("Op", &x, square_of(&x), backward);
    let error = y.sum(Kind::Float).f_backward().unwrap_err();
    assert!(!x.grad().defined());
    Error::from(error).to_string()
}

fn gradient(y: &Tensor, x: &Tensor, create_graph: bool) -> Result<Tensor, Error> {
    Ok(Tensor::f_run_backward(&[y], &[x], true, create_graph)?.remove(0))
}

#[test]
fn gradients_in_a_larger_graph_equal_torchs() {
    let loss = |x: &Tensor, square: fn(&Tensor) -> Tensor| {
        let y = square(&(x.sin() * 3.0)).cumsum(0, x.kind());
        (square(&y) * x).sum(x.kind()) + x.exp().sum(x.kind())
    };
    let (ours, theirs) = (parameter(&[0.3, -1.2, 2.0, 0.0]), parameter(&[0.3, -1.2, 2.0, 0.0]));
    let truth = theirs.detach().to_kind(Kind::Double).set_requires_grad(true);
    loss(&truth, |x| x * x).backward();
    let (a, b) = (loss(&ours, square), loss(&theirs, |x| x * x));
    assert_eq!(a, b);
    a.backward();
    b.backward();
    let judge = Float64Judge { factor: 4.0, ulps: 8.0 };
    judge.assert("the gradient", &[truth.grad()], &[theirs.grad()], &[ours.grad()]);
}

#[test]
fn unused_outputs_have_no_gradient() {
    let x = parameter(&[1., 2.]);
    let integers = Tensor::from_slice(&[7i64]);
    let outputs = vec![square_of(&x), square_of(&x), integers];
    let outputs = autograd::record("Three", &[&x], outputs, |backward| {
        assert!(backward.grad(0).is_none() && backward.grad(2).is_none() && backward.grad(3).is_none());
        assert_eq!(format!("{backward:?}"), "Backward { grads: [false, true, false], needs: [true] }");
        Ok(vec![backward.grad(1).map(|grad| grad * 5.0)])
    });
    let outputs = outputs.unwrap();
    assert_eq!(outputs.iter().map(Tensor::requires_grad).collect::<Vec<_>>(), [true, true, false]);
    outputs[1].sum(Kind::Float).backward();
    assert_eq!(x.grad(), Tensor::from_slice(&[5f32, 5.]));
}

#[test]
fn needs_tells_which_gradients_are_required() {
    let (x, constant, w) = (parameter(&[1.]), Tensor::from_slice(&[2f32]), parameter(&[3.]));
    let none = Tensor::new();
    let inputs = [&x, &constant, &w, &none];
    let required = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&required);
    let y = autograd::record("Op", &inputs, vec![square_of(&x)], move |backward| {
        let bits = (0..5).filter(|&input| backward.needs(input)).map(|input| 1 << input).sum();
        seen.store(bits, Ordering::Relaxed);
        // Gradients that are not required are ignored, as in torch.
        let grad = || Some(Tensor::from_slice(&[9f32]));
        Ok(vec![grad(), grad(), grad(), grad()])
    });
    let y = y.unwrap().remove(0);
    assert_eq!(gradient(&y, &w, false).unwrap(), Tensor::from_slice(&[9f32]));
    assert_eq!(required.load(Ordering::Relaxed), 0b0100);
    y.backward();
    assert_eq!(required.load(Ordering::Relaxed), 0b0101);
    assert!(!constant.grad().defined());
}

#[test]
fn nothing_is_recorded_if_no_gradient_is_required() {
    let (x, constant) = (parameter(&[3.]), Tensor::from_slice(&[3f32]));
    assert!(autograd::is_recording(&[&constant, &x]));
    assert!(!autograd::is_recording(&[&constant]) && !autograd::is_recording(&[]));
    assert!(!autograd::is_recording(&[&Tensor::new()]));
    assert!(!no_grad(|| autograd::is_recording(&[&x])));
    for y in [square(&constant), no_grad(|| square(&x))] {
        assert!(!y.requires_grad());
        assert_eq!(y, Tensor::from_slice(&[9f32]));
    }
}

#[test]
fn only_a_retained_graph_allows_a_second_backward() {
    let x = parameter(&[3.]);
    let y = square(&x);
    for _ in 0..2 {
        assert_eq!(gradient(&y, &x, false).unwrap(), Tensor::from_slice(&[6f32]));
    }
    y.backward();
    let message = y.f_backward().unwrap_err().to_string();
    assert!(message.contains("Trying to backward through the graph a second time"), "{message}");
}

#[test]
fn an_in_place_change_of_an_input_is_torchs_error() {
    let x = parameter(&[3.]);
    let before = autograd::version(&x).unwrap();
    let y = square(&x);
    let _ = no_grad(|| x.shallow_clone().fill_(1.0));
    assert_eq!(autograd::version(&x), Some(before + 1));
    let message = y.f_backward().unwrap_err().to_string();
    let torchs = "one of the variables needed for gradient computation has been modified by an inplace operation";
    assert!(message.contains(torchs), "{message}");
}

#[test]
fn second_derivatives_are_an_error() {
    let x = parameter(&[3.]);
    let wanted = "the derivative of Square's backward is not implemented (its backward is a Rust closure); \
                  compute second derivatives with operations that have them";
    let first = gradient(&square(&x), &x, true).unwrap();
    assert_eq!(first.detach(), Tensor::from_slice(&[6f32]));
    assert!(first.requires_grad());
    assert_eq!(gradient(&first, &x, false).unwrap_err(), Error::Torch(wanted.to_owned()));
    // also through the output's gradient
    let scale = parameter(&[2.]);
    let first = gradient(&(square(&x) * &scale), &x, true).unwrap();
    assert_eq!(gradient(&first, &scale, false).unwrap_err(), Error::Torch(wanted.to_owned()));
    // The closure runs without gradient mode, and the tensor that it returns is not changed.
    let kept = Tensor::from_slice(&[1f32]);
    let returned = kept.shallow_clone();
    let y = one("Op", &x, square_of(&x), move |backward| {
        assert!(!(backward.grad(0).unwrap() * 2.0).requires_grad());
        Ok(vec![Some(returned.shallow_clone())])
    });
    assert!(gradient(&y, &x, true).unwrap().requires_grad());
    assert!(!kept.requires_grad());
}

#[test]
fn errors_and_panics_of_the_closure_are_returned() {
    assert_eq!(backward_error(|_| Err("not enough memory".into())), "not enough memory");
    assert_eq!(backward_error(|_| panic!("at step {}", 7)), "Op: the backward panicked: at step 7");
    assert_eq!(backward_error(|_| std::panic::panic_any(7)), "Op: the backward panicked: without a message");
    assert_eq!(backward_error(|_| Err("a zero\0within".into())), "a zero");
}

#[test]
fn a_gradient_that_does_not_fit_is_an_error() {
    assert_eq!(backward_error(|_| Ok(vec![])), "Op: the backward returned 0 gradients for 1 inputs");
    assert_eq!(backward_error(|_| Ok(vec![None, None])), "Op: the backward returned 2 gradients for 1 inputs");
    let ones = |shape: &[i64], kind| Ok(vec![Some(Tensor::ones(shape, (kind, Device::Cpu)))]);
    // torch would sum the first and cast the second
    assert_eq!(
        backward_error(move |_| ones(&[2, 3], Kind::Float)),
        "Op: the gradient of input 0 has shape [2, 3], but the input has shape [3]"
    );
    assert_eq!(
        backward_error(move |_| ones(&[3], Kind::Double)),
        "Op: the gradient of input 0 is Double on cpu, but the input is Float on cpu"
    );
}

#[test]
fn outputs_that_are_not_new_are_rejected() {
    let x = parameter(&[1.]);
    let constant = Tensor::from_slice(&[1f32]);
    let error = |outputs: Vec<Tensor>| match autograd::record("Op", &[&x, &constant], outputs, |_| Ok(vec![])) {
        Err(Error::Autograd(message)) => message,
        other => panic!("{other:?}"),
    };
    let in_graph = "Op: output 1 is in autograd's graph already; compute the outputs under no_grad";
    assert_eq!(error(vec![square_of(&x), &x * &x]), in_graph);
    let twice = "Op: output 1 is also an input or another output; return a copy of it";
    assert_eq!(error(vec![square_of(&x), constant.shallow_clone()]), twice);
    let y = square_of(&x);
    assert_eq!(error(vec![y.shallow_clone(), y.shallow_clone()]), twice);
    assert!(!y.requires_grad() && !constant.requires_grad());
}

#[test]
fn a_view_of_a_new_buffer_may_be_an_output() {
    let x = parameter(&[1., 2.]);
    let buffer = square_of(&x);
    let outputs = vec![buffer.narrow(0, 0, 1), buffer.narrow(0, 1, 1)];
    let outputs = autograd::record("Op", &[&x], outputs, |backward| {
        let part =
            |i: usize| backward.grad(i).map_or_else(|| Tensor::zeros([1], (Kind::Float, Device::Cpu)), |g| g * 1.0);
        Ok(vec![Some(Tensor::cat(&[part(0), part(1)], 0))])
    });
    (&outputs.unwrap()[1] * 7.0).backward();
    assert_eq!(x.grad(), Tensor::from_slice(&[0f32, 7.]));
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_closure_is_dropped_exactly_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    let count = || drops.swap(0, Ordering::Relaxed);
    let operation = |x: &Tensor| {
        let counted = Counted(Arc::clone(&drops));
        one("Op", x, square_of(x), move |backward| {
            let _ = &counted;
            Ok(vec![backward.grad(0).map(|grad| grad * 1.0)])
        })
    };
    let x = parameter(&[1.]);

    let y = operation(&x);
    assert_eq!(count(), 0);
    drop(y); // without a backward pass
    assert_eq!(count(), 1);

    let y = operation(&x);
    assert_eq!(gradient(&y, &x, false).unwrap(), Tensor::from_slice(&[1f32])); // retained
    assert_eq!(count(), 0);
    y.backward(); // not retained
    assert_eq!(count(), 1);
    drop(y);
    assert_eq!(count(), 0);

    let _ = operation(&Tensor::from_slice(&[1f32])); // nothing to record
    assert_eq!(count(), 1);

    let counted = Counted(Arc::clone(&drops));
    let rejected = autograd::record("Op", &[&x], vec![x.shallow_clone()], move |_| {
        let _ = &counted;
        Ok(vec![])
    });
    assert!(rejected.is_err());
    assert_eq!(count(), 1);
}

#[test]
fn a_panic_in_the_closures_destructor_is_caught() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let (x, bomb) = (parameter(&[1.]), Bomb);
    drop(one("Op", &x, square_of(&x), move |_| {
        let _ = &bomb;
        Ok(vec![None])
    }));
}

#[test]
fn a_long_chain_does_not_overflow_the_stack() {
    let x = parameter(&[1.]);
    let mut y = x.shallow_clone();
    for _ in 0..100_000 {
        let saved = y.shallow_clone();
        y = one("Same", &y, y.detach().copy(), move |backward| {
            let _ = &saved;
            Ok(vec![backward.grad(0).map(Tensor::shallow_clone)])
        });
    }
    assert_eq!(gradient(&y, &x, false).unwrap(), Tensor::from_slice(&[1f32]));
    drop(y); // one node after the other: recursion would overflow the stack
}

#[test]
fn backward_works_on_another_thread() {
    let x = parameter(&[3.]);
    let y = square(&x);
    std::thread::spawn(move || y.backward()).join().unwrap();
    assert_eq!(x.grad(), Tensor::from_slice(&[6f32]));
}

#[test]
fn two_threads_can_run_backward_on_one_retained_graph() {
    let x = parameter(&[3.]);
    let inside = Arc::new(AtomicUsize::new(0));
    let y = one("Op", &x, square_of(&x), move |backward| {
        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two threads at once");
        std::thread::sleep(std::time::Duration::from_millis(2));
        inside.fetch_sub(1, Ordering::SeqCst);
        Ok(vec![backward.grad(0).map(|grad| grad * 6.0)])
    });
    std::thread::scope(|scope| {
        for (x, y) in [(x.shallow_clone(), y.shallow_clone()), (x.shallow_clone(), y.shallow_clone())] {
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(gradient(&y, &x, false).unwrap(), Tensor::from_slice(&[6f32]));
                }
            });
        }
    });
}

#[test]
fn a_closure_can_run_a_backward_itself() {
    let x = parameter(&[3.]);
    let y = one("Square", &x, square_of(&x), |backward| {
        let grad = tch::with_grad(|| {
            let inner = parameter(&[3.]);
            square(&inner).f_backward().map(|()| inner.grad())
        })?;
        Ok(vec![backward.grad(0).map(|outer| outer * grad)])
    });
    y.backward();
    assert_eq!(x.grad(), Tensor::from_slice(&[6f32]));
}

#[test]
fn version_counts_in_place_changes() {
    let tensor = Tensor::from_slice(&[1f32]);
    let before = autograd::version(&tensor).unwrap();
    let _ = tensor.shallow_clone().fill_(2.0);
    assert_eq!(autograd::version(&tensor), Some(before + 1));
    assert_eq!(autograd::version(&tensor.view([1, 1])), Some(before + 1)); // shared with its views
    assert_eq!(autograd::version(&Tensor::new()), None);
}
