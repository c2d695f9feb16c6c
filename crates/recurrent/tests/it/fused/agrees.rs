//! The same numbers, to rounding.

use recurrent::Backend;
use tch::Tensor;

use super::{Problem, Results};
use crate::support::layer::{Layer, MODES, Spec};
use crate::support::seeded;
use crate::support::tensors::{leaf, same_bits, uniform, values};

fn build(spec: &Spec) -> (tch::nn::VarStore, Layer) {
    spec.build().unwrap()
}

/// Whether all bits are the same, but for the gradients of the parameters.
fn same(a: &Results, b: &Results) -> bool {
    let all = |a: &[Tensor], b: &[Tensor]| a.iter().zip(b).all(|(a, b)| same_bits(a, b));
    all(&a.values, &b.values) && all(&a.inputs, &b.inputs)
}

/// All cells, layers, directions, biases, odd sizes and states: results and gradients within 2e-6 of the largest number, and
/// with two threads the bits of one (gradients of parameters: within the same bound).
#[test]
fn every_combination() {
    let _guard = seeded(0);
    let mut worst = (0.0, String::new());
    let mut count = 0;
    for (class, nonlinearity) in MODES {
        for hidden_size in [1, 5, 63, 64, 65, 130] {
            for (batch, steps) in [1, 3, 100].into_iter().flat_map(|b| [1, 7, 28].map(|t| (b, t))) {
                // The dearest sizes take a tenth of the options, each in its turn.
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
                    let problem = Problem::random(&spec, steps, batch, with_state);
                    let exact = problem.run(&layer);
                    layer.set_backend(Backend::Fused).unwrap();
                    let fused = problem.run(&layer);
                    tch::set_num_threads(2);
                    let threaded = problem.run(&layer);
                    tch::set_num_threads(1);
                    let case = format!("{spec:?}, {steps} steps, batch {batch}, state {with_state}");
                    assert!(same(&fused, &threaded), "other bits with two threads: {case}");
                    // A hidden size of 1 has gradients that are one sum of thousands of terms of either sign.
                    let tolerance = if hidden_size == 1 { 5e-6 } else { 2e-6 };
                    let apart = fused.assert_within(tolerance, &exact, &case);
                    threaded.assert_within(tolerance, &exact, &case);
                    if apart > worst.0 {
                        worst = (apart, case);
                    }
                }
            }
        }
    }
    println!("{count} combinations, at most {:e} apart: {}", worst.0, worst.1);
}

/// NaN and infinity end up where libtorch has them.
#[test]
fn not_a_number_and_infinity() {
    let _guard = seeded(1);
    for (class, nonlinearity) in MODES {
        for (hidden_size, batch) in [(5, 40), (64, 3)] {
            let spec = Spec { nonlinearity, num_layers: 2, ..Spec::new(class, 4, hidden_size) };
            let (_vs, mut layer) = build(&spec);
            for poison in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let problem = Problem::random(&spec, 6, batch, true);
                let _ = problem.x.get(2).get(1).get(3).fill_(poison);
                check_poisoned(&mut layer, &problem, &format!("{class} {nonlinearity:?} {hidden_size}: x {poison}"));
            }
            let problem = Problem::random(&spec, 6, batch, true);
            let weight = layer.parameter("weight_hh_l0");
            let _ = tch::no_grad(|| weight.get(1).get(2).fill_(f64::INFINITY));
            check_poisoned(&mut layer, &problem, &format!("{class} {nonlinearity:?} {hidden_size}: weight"));
        }
    }
}

fn check_poisoned(layer: &mut Layer, problem: &Problem, what: &str) {
    layer.set_backend(Backend::Exact).unwrap();
    let exact = problem.run(layer);
    layer.set_backend(Backend::Fused).unwrap();
    let fused = problem.run(layer);
    for (kind, (ours, theirs)) in fused.kinds().into_iter().zip(exact.kinds()).enumerate() {
        for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            for (at, (x, y)) in values(ours).into_iter().zip(values(theirs)).enumerate() {
                let same = if y.is_finite() {
                    (x - y).abs() < 1e-4 * y.abs().max(1.0)
                } else {
                    x == y || x.is_nan() && y.is_nan()
                };
                assert!(same, "{what}: kind {kind}, tensor {i}, number {at}: {x} instead of {y}");
            }
        }
    }
}

/// Dropout draws torch's numbers, and leaves the generator where torch leaves it.
#[test]
fn dropout() {
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
            let problem = Problem::random(&spec, 5, 33, true);
            let mut run = |backend| {
                layer.set_backend(backend).unwrap();
                tch::manual_seed(8);
                (problem.run(&layer), uniform(&[4], tch::Kind::Float))
            };
            let (exact, after_exact) = run(Backend::Exact);
            let (fused, after_fused) = run(Backend::Fused);
            assert!(same_bits(&after_exact, &after_fused), "{spec:?}: the generator stands elsewhere");
            fused.assert_close(&exact, &format!("{spec:?}"));
            layer.eval();
            let quiet = Problem { hx: None, ..problem };
            let fused = quiet.run(&layer);
            layer.set_backend(Backend::Exact).unwrap();
            fused.assert_close(&quiet.run(&layer), &format!("{spec:?}: in evaluation"));
        }
    }
}

/// Views with gaps, expanded tensors and a loss on one result alone.
#[test]
fn any_strides() {
    let _guard = seeded(3);
    let (_vs, mut layer) = build(&Spec { num_layers: 2, batch_first: true, ..Spec::new("LSTM", 6, 17) });
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
        |y| y[0].sum(tch::Kind::Float),
        |y| y[0].select(1, -1).square().sum(tch::Kind::Float),
        |y| y[1].square().sum(tch::Kind::Float),
        |y| y[2].select(0, 1).square().sum(tch::Kind::Float),
        |y| (y[0].transpose(0, 2) * 2.0).mean(tch::Kind::Float) + y[2].sum(tch::Kind::Float),
    ];
    for (i, input) in inputs.iter().enumerate() {
        for (j, loss) in losses.iter().enumerate() {
            let mut run = |backend| {
                layer.set_backend(backend).unwrap();
                let x = leaf(input);
                // the same strides as the input's, and a gradient for what lies behind
                let y = layer.forward(&(&x * 1.0).as_strided(input.size(), x.stride(), None), None).unwrap();
                loss(&y).backward();
                let mut parameter = layer.parameter("weight_ih_l0");
                let grad = parameter.grad().copy();
                parameter.zero_grad();
                Results { values: y, inputs: vec![x.grad()], parameters: vec![grad] }
            };
            let (exact, fused) = (run(Backend::Exact), run(Backend::Fused));
            fused.assert_close(&exact, &format!("input {i}, loss {j}"));
        }
    }
    for (i, input) in inputs.iter().enumerate() {
        let mut run = |backend| {
            layer.set_backend(backend).unwrap();
            tch::no_grad(|| layer.forward(input, None).unwrap())
        };
        let (exact, fused) = (run(Backend::Exact), run(Backend::Fused));
        let results = |values| Results { values, inputs: vec![], parameters: vec![] };
        results(fused).assert_close(&results(exact), &format!("input {i} as it is"));
    }
}
