//! The fused backend behaves like the exact one: errors, autograd graphs, changes of the weights.

use recurrent::Backend;
use tch::{Kind, Tensor};

use super::Problem;
use crate::each;
use crate::support::layer::{Layer, Spec, assert_error, in_float64};
use crate::support::tensors::{assert_same_bits, leaf, same_bits, uniform};
use crate::support::{JUDGE, seeded};

fn fused(spec: &Spec) -> (tch::nn::VarStore, Layer) {
    let (vs, mut layer) = spec.build().unwrap();
    layer.set_backend(Backend::Fused).unwrap();
    (vs, layer)
}

#[test]
fn names_of_the_backends() {
    assert_eq!("fused".parse(), Ok(Backend::Fused));
    assert_eq!(("exact".parse(), Backend::default()), (Ok(Backend::Exact), Backend::Exact));
    assert_eq!((Backend::Exact.to_string(), Backend::Fused.to_string()), ("exact".to_owned(), "fused".to_owned()));
    let error = "cuda".parse::<Backend>();
    assert_error(error, "ValueError", "Unknown backend 'cuda'. Select from 'exact' or 'fused'.");
}

#[test]
fn unsupported_layers_are_errors() {
    let _guard = seeded(0);
    let (_vs, mut layer) = Spec { dtype: "float64", ..Spec::new("GRU", 3, 4) }.build().unwrap();
    let words = "the fused backend computes in Float, and the weights are of kind Double; use Backend::Exact";
    assert_error(layer.set_backend(Backend::Fused), "RuntimeError", words);

    let (_vs, mut layer) = fused(&Spec::new("GRU", 3, 4));
    let x = uniform(&[2, 2, 3], Kind::Float);
    let Layer::Gru(gru) = &mut layer else { panic!() };
    gru.to_kind(Kind::Double).unwrap();
    assert_error(layer.forward(&x.to_kind(Kind::Double), None), "RuntimeError", words);
}

#[test]
fn errors_are_those_of_the_exact_backend() {
    let _guard = seeded(0);
    let (_vs, layer) = fused(&Spec::new("LSTM", 3, 4));
    let (_vs, exact) = Spec::new("LSTM", 3, 4).build().unwrap();
    let double = uniform(&[2, 2, 3], Kind::Double);
    let state = |shape: &[i64]| uniform(shape, Kind::Float);
    let calls: [(Tensor, Option<Vec<Tensor>>); 7] = [
        (double, None),
        (state(&[2, 2, 4]), None),
        (state(&[2, 2, 2, 3]), None),
        (state(&[2, 2, 3]), Some(vec![state(&[1, 3, 4]), state(&[1, 2, 4])])),
        (state(&[2, 2, 3]), Some(vec![state(&[1, 2, 4]), state(&[2, 2, 4])])),
        (state(&[0, 2, 3]), None),
        (Tensor::new(), None),
    ];
    for (input, hx) in calls {
        let (ours, theirs) = (layer.forward(&input, hx.as_deref()), exact.forward(&input, hx.as_deref()));
        assert_eq!(ours.unwrap_err().to_string(), theirs.unwrap_err().to_string());
    }
    let nothing = state(&[2, 0, 3]);
    let (ours, theirs) = (layer.forward(&nothing, None), exact.forward(&nothing, None));
    assert_eq!(ours.map(|y| y[0].size()).ok(), theirs.map(|y| y[0].size()).ok());
}

/// The packed copy of the weights is renewed after every kind of change.
#[test]
fn changed_weights_are_used() {
    let _guard = seeded(1);
    for hidden_size in [8, 64] {
        let spec = Spec { num_layers: 2, ..Spec::new("GRU", 5, hidden_size) };
        let (vs, mut layer) = fused(&spec);
        let x = uniform(&[4, 20, 5], Kind::Float);
        let run = |layer: &Layer| tch::no_grad(|| layer.forward(&x, None).unwrap().remove(0));
        let mut known = vec![run(&layer)];
        let mut changed = |layer: &Layer, how: &str| {
            let now = run(layer);
            assert!(known.iter().all(|before| !same_bits(before, &now)), "{how} went unnoticed ({hidden_size})");
            known.push(now);
        };
        let _ = tch::no_grad(|| layer.parameter("weight_hh_l1").get(0).fill_(0.5));
        changed(&layer, "a view written in place");
        each!(&mut layer, layer => layer.reset_parameters().unwrap());
        changed(&layer, "reset_parameters");
        let other = spec.build().unwrap().1;
        let saved = each!(&other, layer => layer.state_dict());
        each!(&mut layer, layer => layer.load_state_dict(&saved, true).unwrap());
        changed(&layer, "load_state_dict");
        let mut optimizer = torch_ext::optim::Adam::new(
            vs.trainable_variables(),
            torch_ext::optim::AdamOptions { lr: 0.1, ..Default::default() },
        )
        .unwrap();
        layer.forward(&x, None).unwrap()[0].sum(Kind::Float).backward();
        let before = run(&layer);
        optimizer.step().unwrap();
        assert!(!same_bits(&before, &run(&layer)), "Adam's step went unnoticed");
    }
}

#[test]
fn inference_mode_gives_the_same_results() {
    let _guard = seeded(2);
    for backend in [Backend::Exact, Backend::Fused] {
        let build = || {
            tch::manual_seed(3);
            let mut layer = Spec { num_layers: 2, ..Spec::new("LSTM", 5, 8) }.build().unwrap().1;
            layer.set_backend(backend).unwrap();
            layer
        };
        let x = uniform(&[4, 2, 5], Kind::Float);
        let outside = build();
        let expected = tch::no_grad(|| outside.forward(&x, None).unwrap());
        torch_ext::autograd::inference_mode(|| {
            for layer in [&outside, &build()] {
                let (first, again) = (layer.forward(&x, None).unwrap(), layer.forward(&x, None).unwrap());
                for (expected, now) in expected.iter().zip(&first).chain(expected.iter().zip(&again)) {
                    assert!(same_bits(expected, now) && now.is_inference());
                }
                let _ = layer.parameter("weight_hh_l1").fill_(0.5);
                assert!(!same_bits(&expected[0], &layer.forward(&x, None).unwrap()[0]), "a change went unnoticed");
                layer.parameter("weight_hh_l1").copy_(&build().parameter("weight_hh_l1"));
            }
        });
    }
}

#[test]
fn autograd_graphs_work_as_in_libtorch() {
    let _guard = seeded(2);
    let spec = Spec { num_layers: 2, ..Spec::new("LSTM", 5, 12) };
    let (_vs, mut layer) = fused(&spec);
    let x = leaf(&uniform(&[4, 30, 5], Kind::Float));

    // backward twice through a retained graph; a third time is an error
    let loss = layer.forward(&x, None).unwrap()[0].square().sum(Kind::Float);
    let backward = |keep| Tensor::f_run_backward(&[&loss], &[&x], keep, false);
    let first = backward(true).unwrap().remove(0);
    assert_same_bits(&backward(false).unwrap()[0], &first, "the second backward pass");
    let again = backward(false).unwrap_err().to_string();
    assert!(again.contains("Trying to backward through the graph a second time"), "{again}");

    // second derivatives
    let loss = layer.forward(&x, None).unwrap()[0].square().sum(Kind::Float);
    let grad = Tensor::f_run_backward(&[&loss], &[&x], true, true).unwrap().remove(0);
    assert_same_bits(&grad, &first, "with create_graph");
    let error = grad.square().sum(Kind::Float).f_backward().unwrap_err().to_string();
    assert!(error.contains("LSTM"), "{error}");

    // weights changed between forward and backward
    let loss = layer.forward(&x, None).unwrap()[0].sum(Kind::Float);
    let _ = tch::no_grad(|| layer.parameter("weight_ih_l0").get(0).fill_(0.5));
    let error = loss.f_backward().unwrap_err().to_string();
    assert!(error.contains("modified by an inplace operation"), "{error}");

    // without gradients nothing is recorded
    let y = tch::no_grad(|| layer.forward(&x, None).unwrap());
    assert!(y.iter().all(|y| !y.requires_grad()));

    // only some weights require gradients, and the input does not
    for (name, parameter) in layer.named_parameters() {
        let mut parameter = parameter.set_requires_grad(name.ends_with("hh_l1"));
        parameter.zero_grad();
    }
    let problem = Problem::random(&spec, 4, 30, true);
    let double = in_float64(&spec, &layer);
    let gradients = |layer: &Layer, problem: &Problem| {
        let y = layer.forward(&problem.x, problem.hx.as_deref()).unwrap();
        (&y[0] * &problem.loss[0]).sum(problem.x.kind()).backward();
        let take = |(name, mut parameter): (String, Tensor)| {
            let grad = parameter.grad();
            assert_eq!(grad.defined(), parameter.requires_grad(), "{name}");
            grad.defined().then(|| {
                let copy = grad.copy();
                parameter.zero_grad();
                copy
            })
        };
        layer.named_parameters().into_iter().filter_map(take).collect::<Vec<_>>()
    };
    for (name, parameter) in double.named_parameters() {
        let _ = parameter.set_requires_grad(name.ends_with("hh_l1"));
    }
    let truth = gradients(&double, &problem.double());
    let fused = gradients(&layer, &problem);
    layer.set_backend(Backend::Exact).unwrap();
    let exact = gradients(&layer, &problem);
    JUDGE.assert("some weights require gradients", &truth, &exact, &fused);
    assert_eq!(fused.len(), 2);
}

/// Traces use libtorch's operations with both backends.
#[test]
fn unbatched_and_traced_input() {
    let _guard = seeded(3);
    let spec = Spec { bidirectional: true, ..Spec::new("GRU", 5, 12) };
    let (_vs, mut layer) = spec.build().unwrap();
    let x = uniform(&[4, 3, 5], Kind::Float);
    let mut run = |backend| {
        layer.set_backend(backend).unwrap();
        let Layer::Gru(gru) = &layer else { panic!() };
        (gru.trace(&x, None).unwrap().output, layer.forward(&x.select(1, 0), None).unwrap())
    };
    let (exact, fused) = (run(Backend::Exact), run(Backend::Fused));
    assert_same_bits(&fused.0, &exact.0, "trace");
    let x = x.to_kind(Kind::Double).select(1, 0);
    let truth = in_float64(&spec, &layer).forward(&x, None).unwrap();
    JUDGE.assert("unbatched", &truth, &exact.1, &fused.1);
}

#[test]
fn warnings_list_what_makes_it_slow() {
    let _guard = seeded(6);
    let (_vs, mut gru) = Spec { num_layers: 1, dropout: 0.5, ..Spec::new("GRU", 3, 4) }.build().unwrap();
    let warnings = |layer: &Layer| each!(layer, layer => layer.warnings());
    let options_warnings = warnings(&gru);
    assert!(
        options_warnings.len() == 1 && options_warnings[0].starts_with("dropout option adds"),
        "{options_warnings:?}"
    );

    gru.set_backend(Backend::Fused).unwrap();
    let build_warnings = torch_ext::fused_rnn::SLOW_BUILD.map(str::to_owned);
    let before: Vec<String> = options_warnings.iter().cloned().chain(build_warnings).collect();
    assert_eq!(warnings(&gru), before);
    gru.set_backend(Backend::Exact).unwrap();
    assert_eq!(warnings(&gru), options_warnings);
}
