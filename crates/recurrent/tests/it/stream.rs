//! A loop of single time steps gives the numbers of a forward pass.

use recurrent::{Backend, Error, GruConfig, Recurrent, RnnConfig, State, Stream};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor, kind::FLOAT_CPU};

use crate::each;
use crate::support::layer::{Layer, MODES, Spec, assert_error, in_float64};
use crate::support::tensors::{assert_same_bits, uniform};
use crate::support::{JUDGE, seeded};

/// The output of each step of `x`, (steps, batch, features), and then the tensors of the last state.
fn steps<L: Recurrent>(layer: &L, x: &Tensor, hx: Option<&L::State>) -> Vec<Tensor> {
    let mut stream = layer.stream(x.size()[1], hx).unwrap();
    let step = |t| layer.step(&x.get(t), &mut stream).unwrap().copy();
    let outputs: Vec<Tensor> = (0..x.size()[0]).map(step).collect();
    let state = stream.state().unwrap();
    let state = state.tensors().into_iter().map(Tensor::shallow_clone);
    std::iter::once(Tensor::stack(&outputs, 0)).chain(state).collect()
}

#[test]
fn steps_are_as_accurate_as_a_forward_pass() {
    let _guard = seeded(0);
    for (class, nonlinearity) in MODES {
        for (hidden_size, batch, num_layers, with_state) in
            [(1, 1, 1, true), (5, 40, 2, false), (64, 1, 3, true), (65, 3, 1, false)]
        {
            // Dropout has no effect on steps, nor has batch_first.
            let proj_size = (class == "LSTM" && num_layers == 3).then_some(20);
            let spec = Spec { nonlinearity, num_layers, dropout: 0.5, proj_size, ..Spec::new(class, 7, hidden_size) };
            let (_vs, mut layer) = spec.build().unwrap();
            layer.eval();
            let (x, hx) = (uniform(&[6, batch, 7], Kind::Float), spec.state_sizes().into_iter());
            let hx: Vec<Tensor> = hx.map(|size| uniform(&[num_layers, batch, size], Kind::Float)).collect();
            let hx = with_state.then_some(&hx[..]);
            let double = |tensors: &[Tensor]| tensors.iter().map(|t| t.to_kind(Kind::Double)).collect::<Vec<_>>();
            let truth = tch::no_grad(|| {
                in_float64(&spec, &layer).forward(&x.to_kind(Kind::Double), hx.map(double).as_deref()).unwrap()
            });
            let exact = tch::no_grad(|| layer.forward(&x, hx).unwrap());
            each!(&mut layer, layer => layer.train());
            for backend in [Backend::Exact, Backend::Fused] {
                each!(&mut layer, layer => layer.set_backend(backend).unwrap());
                let got = match &layer {
                    Layer::Rnn(rnn) => steps(rnn, &x, hx.map(|hx| &hx[0])),
                    Layer::Gru(gru) => steps(gru, &x, hx.map(|hx| &hx[0])),
                    Layer::Lstm(lstm) => {
                        let hx = hx.map(|hx| (hx[0].shallow_clone(), hx[1].shallow_clone()).into());
                        steps(lstm, &x, hx.as_ref())
                    }
                };
                JUDGE.assert(&format!("{spec:?}, batch {batch}, {backend}"), &truth, &exact, &got);
                assert!(got.iter().all(|tensor| !tensor.requires_grad()));
            }
        }
    }
}

fn gru(bidirectional: bool) -> (VarStore, recurrent::Gru) {
    let vs = VarStore::new(Device::Cpu);
    let gru = GruConfig::new(3, 40).num_layers(2).bidirectional(bidirectional).build(vs.root()).unwrap();
    (vs, gru)
}

/// The output of a step can be the input of the next one, and a copy of the state does not change later.
#[test]
fn an_output_can_be_fed_back() {
    let _guard = seeded(1);
    for backend in [Backend::Exact, Backend::Fused] {
        let vs = VarStore::new(Device::Cpu);
        let mut rnn = RnnConfig::new(4, 4).build(vs.root()).unwrap();
        rnn.set_backend(backend).unwrap();
        let mut stream = rnn.stream(2, None).unwrap();
        let first = rnn.step(&Tensor::ones([2, 4], FLOAT_CPU), &mut stream).unwrap().shallow_clone();
        let (saved, state) = (first.copy(), stream.state().unwrap());
        let second = rnn.step(&first, &mut stream).unwrap().copy();
        assert_same_bits(&state, &saved.unsqueeze(0), "the state after the first step");
        let (expected, _) = tch::no_grad(|| rnn.forward(&saved.unsqueeze(0), Some(&state)).unwrap());
        assert!((second - expected.squeeze_dim(0)).abs().max().double_value(&[]) < 1e-6, "{backend}");
    }
}

#[test]
fn changed_weights_and_views_are_used() {
    let _guard = seeded(2);
    let (_vs, mut gru) = gru(false);
    gru.set_backend(Backend::Fused).unwrap();
    let step = |gru: &recurrent::Gru, x: &Tensor| gru.step(x, &mut gru.stream(5, None).unwrap()).unwrap().copy();
    let x = uniform(&[3, 5], Kind::Float).transpose(0, 1);
    assert!(!x.is_contiguous());
    let before = step(&gru, &x);
    assert_same_bits(&before, &step(&gru, &x.contiguous()), "a transposed view");
    let (_, mut bias) = gru.named_parameters().nth(2).map(|(name, t)| (name.to_owned(), t.shallow_clone())).unwrap();
    let _ = tch::no_grad(|| bias.fill_(0.5));
    assert_ne!(before, step(&gru, &x));
}

#[test]
fn invalid_calls_are_errors_and_change_nothing() {
    let _guard = seeded(3);
    let words = "a bidirectional layer cannot run step by step, because its reverse direction starts at the last step: call forward \
                 with the whole sequence";
    assert_error(gru(true).1.stream(1, None), "RuntimeError", words);
    for backend in [Backend::Exact, Backend::Fused] {
        let (_vs, mut gru) = gru(false);
        gru.set_backend(backend).unwrap();
        assert_error(gru.stream(0, None), "ValueError", "batch must be greater than zero");
        let hx = Tensor::zeros([2, 4, 40], FLOAT_CPU);
        assert!(matches!(gru.stream(5, Some(&hx)), Err(Error::StateSize { .. })));

        let mut stream = gru.stream(5, None).unwrap();
        assert_eq!((stream.batch(), format!("{stream:?}").as_str()), (5, "Stream { batch: 5, .. }"));
        let x = uniform(&[5, 3], Kind::Float);
        let expected = gru.step(&x, &mut stream).unwrap().copy();
        let saved = stream.state().unwrap();
        for wrong in [x.transpose(0, 1), x.unsqueeze(0), x.narrow(0, 0, 4), x.to_kind(Kind::Double), Tensor::new()] {
            assert!(gru.step(&wrong, &mut stream).is_err(), "{backend}: {:?}", wrong.dim());
        }
        let other = if backend == Backend::Exact { Backend::Fused } else { Backend::Exact };
        gru.set_backend(other).unwrap();
        let words = "step: the stream belongs to another layer or backend; make a new one with layer.stream(..)";
        assert_error(gru.step(&x, &mut stream), "RuntimeError", words);
        gru.set_backend(backend).unwrap();
        assert_same_bits(&stream.state().unwrap(), &saved, "the state after errors");
        assert_ne!(gru.step(&x, &mut stream).unwrap(), &expected);

        let vs = VarStore::new(Device::Cpu);
        let mut larger = GruConfig::new(3, 41).num_layers(2).build(vs.root()).unwrap();
        larger.set_backend(backend).unwrap();
        let mut of_larger: Stream<Tensor> = larger.stream(5, None).unwrap();
        assert!(gru.step(&x, &mut of_larger).is_err(), "{backend}: a stream of another layer");
    }
}
