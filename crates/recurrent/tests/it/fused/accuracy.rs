//! The fused backend's numbers equal the exact backend's up to rounding.

use recurrent::Backend;
use tch::Tensor;

use super::{Problem, Results};
use crate::support::layer::{Layer, MODES, Spec, in_float64};
use crate::support::tensors::{leaf, same_bits, uniform, values};
use crate::support::{JUDGE, seeded};

fn build(spec: &Spec) -> (tch::nn::VarStore, Layer) {
    spec.build().unwrap()
}

/// Combines all kinds, numbers of layers, directions, biases, sizes and states.
#[test]
fn results_and_gradients_are_as_accurate_as_libtorchs() {
    let _guard = seeded(0);
    let mut worst = (0.0, String::new());
    let mut count = 0;
    for (class, nonlinearity) in MODES {
        for hidden_size in [1, 5, 63, 64, 65, 130] {
            for (batch, steps) in [1, 3, 100].into_iter().flat_map(|b| [1, 7, 28].map(|t| (b, t))) {
                // The largest sizes run with a tenth of the options, each with another tenth.
                let all = hidden_size * batch * steps < 30_000;
                let turn = count;
                for options in (0..16).filter(|i| all || (turn + i) % 10 == 0) {
                    let [bidirectional, bias, with_state, batch_first] = [1, 2, 4, 8].map(|bit| options & bit == 0);
                    let spec = Spec {
                        nonlinearity,
                        bidirectional,
                        bias,
                        batch_first,
                        num_layers: 1 + count % 3,
                        ..Spec::new(class, [1, 7, 28][count as usize % 3], hidden_size)
                    };
                    count += 1;
                    tch::manual_seed(count);
                    let (_vs, mut layer) = build(&spec);
                    let mut problem = Problem::random(&spec, steps, batch, with_state);
                    let case = format!("{spec:?}, {steps} steps, batch {batch}, state {with_state}");
                    let needed = problem.assert_fused_is_accurate(&spec, &mut layer, &case);
                    if needed > worst.0 {
                        worst = (needed, case);
                    }
                }
            }
        }
    }
    println!("{count} combinations, errors up to {:.2} times libtorch's: {}", worst.0, worst.1);
}

#[test]
fn nan_and_infinity_spread_as_in_libtorch() {
    let _guard = seeded(1);
    for (class, nonlinearity) in MODES {
        for (hidden_size, batch) in [(5, 40), (64, 3)] {
            let spec = Spec { nonlinearity, num_layers: 2, ..Spec::new(class, 4, hidden_size) };
            let (_vs, mut layer) = build(&spec);
            for poison in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut problem = Problem::random(&spec, 6, batch, true);
                problem.move_away_from_kinks(&spec, &in_float64(&spec, &layer));
                let _ = problem.x.get(2).get(1).get(3).fill_(poison);
                check_poisoned(
                    &spec,
                    &mut layer,
                    &problem,
                    &format!("{class} {nonlinearity:?} {hidden_size}: x {poison}"),
                );
            }
            let mut problem = Problem::random(&spec, 6, batch, true);
            problem.move_away_from_kinks(&spec, &in_float64(&spec, &layer));
            let weight = layer.parameter("weight_hh_l0");
            let _ = tch::no_grad(|| weight.get(1).get(2).fill_(f64::INFINITY));
            check_poisoned(&spec, &mut layer, &problem, &format!("{class} {nonlinearity:?} {hidden_size}: weight"));
        }
    }
}

/// NaN and infinity are at the positions where libtorch has them in f32. The other numbers, if finite in float64 too, are as
/// accurate as libtorch's.
fn check_poisoned(spec: &Spec, layer: &mut Layer, problem: &Problem, what: &str) {
    let truth = problem.double().run(&in_float64(spec, layer));
    layer.set_backend(Backend::Exact).unwrap();
    let exact = problem.run(layer);
    layer.set_backend(Backend::Fused).unwrap();
    let fused = problem.run(layer);
    for (kind, ((truth, exact), fused)) in truth.kinds().iter().zip(exact.kinds()).zip(fused.kinds()).enumerate() {
        let what = format!("{what}: kind {kind}");
        let mut numbers = [const { Vec::new() }; 3];
        for (i, ((truth, exact), fused)) in truth.iter().zip(&exact).zip(&fused).enumerate() {
            let finite = exact.isfinite();
            let [theirs, ours] = [exact, fused].map(|tensor| values(&tensor.masked_fill(&finite, 0.0)));
            let same = |(x, y): (&f64, &f64)| x == y || x.is_nan() && y.is_nan();
            assert!(ours.iter().zip(&theirs).all(same), "{what}, tensor {i}: {ours:?} instead of {theirs:?}");
            let finite = finite.logical_and(&truth.isfinite());
            let tensors = [truth, exact, fused].into_iter();
            numbers.iter_mut().zip(tensors).for_each(|(all, tensor)| all.push(tensor.masked_select(&finite)));
        }
        let [truth, exact, fused] = numbers;
        JUDGE.assert(&what, &truth, &exact, &fused);
    }
}

/// Also checks that the generator's state afterwards is the same.
#[test]
fn dropout_draws_the_same_numbers() {
    let _guard = seeded(2);
    for (class, nonlinearity) in MODES {
        for (dropout, batch_first, hidden_size, bidirectional) in
            [(0.3, false, 20, true), (0.5, true, 65, false), (1.0, false, 64, false), (0.0, true, 8, true)]
        {
            let spec = Spec {
                nonlinearity,
                num_layers: 3,
                dropout,
                batch_first,
                bidirectional,
                ..Spec::new(class, 6, hidden_size)
            };
            let (_vs, mut layer) = build(&spec);
            let mut problem = Problem::random(&spec, 5, 33, true);
            let mut double = in_float64(&spec, &layer);
            let run = |problem: &Problem, layer: &Layer| {
                tch::manual_seed(8);
                (problem.run(layer), uniform(&[4], tch::Kind::Float))
            };
            let (truth, after_truth) = run(&problem.double(), &double);
            let (exact, after_exact) = run(&problem, &layer);
            layer.set_backend(Backend::Fused).unwrap();
            let (fused, after_fused) = run(&problem, &layer);
            assert!(same_bits(&after_exact, &after_fused), "{spec:?}: the generator's state differs");
            assert!(same_bits(&after_exact, &after_truth), "{spec:?}: float64 draws other numbers");
            if nonlinearity == Some("relu") {
                // Sums close to zero are not excluded here, so the gradients cannot be compared.
                JUDGE.assert(&format!("{spec:?}"), &truth.values, &exact.values, &fused.values);
            } else {
                fused.assert_accurate(&exact, &truth, &format!("{spec:?}"));
            }
            layer.eval();
            double.eval();
            problem.hx = None;
            problem.move_away_from_kinks(&spec, &double);
            let fused = problem.run(&layer);
            layer.set_backend(Backend::Exact).unwrap();
            let (exact, truth) = (problem.run(&layer), problem.double().run(&double));
            fused.assert_accurate(&exact, &truth, &format!("{spec:?}: in evaluation"));
        }
    }
}

/// Views with gaps, expanded tensors, and losses that use only one result. With 16 units the kernels read the gradient of
/// the output in place; 17 units need padding.
#[test]
fn inputs_and_losses_with_any_strides() {
    let _guard = seeded(3);
    for hidden_size in [16, 17] {
        assert_any_strides(&Spec { num_layers: 2, batch_first: true, ..Spec::new("LSTM", 6, hidden_size) });
    }
}

fn assert_any_strides(spec: &Spec) {
    let (_vs, mut layer) = build(spec);
    let double = in_float64(spec, &layer);
    let big = uniform(&[9, 12, 8], tch::Kind::Float);
    let inputs = [
        big.transpose(0, 1).narrow(2, 1, 6),
        big.narrow(2, 0, 6).narrow(1, 3, 5),
        big.narrow(2, 0, 6).slice(0, 1, 9, 3),
        uniform(&[1, 7, 6], tch::Kind::Float).expand([4, 7, 6], false),
        uniform(&[4, 6, 7], tch::Kind::Float).transpose(1, 2),
        uniform(&[4, 7, 1], tch::Kind::Float).expand([4, 7, 6], false),
    ];
    type Loss = fn(&[Tensor]) -> Tensor;
    let losses: [Loss; 5] = [
        |y| y[0].sum(y[0].kind()),
        |y| y[0].select(1, -1).square().sum(y[0].kind()),
        |y| y[1].square().sum(y[0].kind()),
        |y| y[2].select(0, 1).square().sum(y[0].kind()),
        |y| (y[0].transpose(0, 2) * 2.0).mean(y[0].kind()) + y[2].sum(y[0].kind()),
    ];
    let run = |layer: &Layer, input: &Tensor, loss: Loss| {
        let x = leaf(input);
        // the strides of the input, with a gradient through them
        let y = layer.forward(&(&x * 1.0).as_strided(input.size(), x.stride(), None), None).unwrap();
        loss(&y).backward();
        let mut parameter = layer.parameter("weight_ih_l0");
        let grad = parameter.grad().copy();
        parameter.zero_grad();
        Results { values: y, inputs: vec![x.grad()], parameters: vec![grad] }
    };
    let without_gradient = |layer: &Layer, input: &Tensor| Results {
        values: tch::no_grad(|| layer.forward(input, None).unwrap()),
        inputs: vec![],
        parameters: vec![],
    };
    for (i, input) in inputs.iter().enumerate() {
        let mut check = |run: &dyn Fn(&Layer, &Tensor) -> Results, what: &str| {
            let truth = run(&double, &input.to_kind(tch::Kind::Double));
            layer.set_backend(Backend::Exact).unwrap();
            let exact = run(&layer, input);
            layer.set_backend(Backend::Fused).unwrap();
            run(&layer, input).assert_accurate(&exact, &truth, what);
        };
        for (j, loss) in losses.iter().enumerate() {
            check(&|layer, input| run(layer, input, *loss), &format!("{spec:?}: input {i}, loss {j}"));
        }
        check(&without_gradient, &format!("{spec:?}: input {i} without gradient"));
    }
}
