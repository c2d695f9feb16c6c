//! From PyTorch's test/test_nn.py: dropout in training and evaluation mode.

use recurrent::{Nonlinearity, Rnn, RnnConfig};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};
use torch_ext::rng;

use crate::support::tensors::{assert_same_bits, values};
use crate::support::{alone, seeded};

const F64: (Kind, Device) = tch::kind::DOUBLE_CPU;

/// Two layers with ReLU and without biases.
fn relu(input_size: i64, hidden_size: i64, dropout: f64) -> (VarStore, Rnn) {
    let mut vs = VarStore::new(Device::Cpu);
    vs.set_kind(Kind::Double);
    let config = RnnConfig::new(input_size, hidden_size).num_layers(2).bias(false).dropout(dropout);
    let rnn = config.nonlinearity(Nonlinearity::Relu).build(vs.root()).unwrap();
    (vs, rnn)
}

fn set_mode(rnn: &mut Rnn, train: bool) {
    if train {
        rnn.train()
    } else {
        rnn.eval()
    }
    assert_eq!(rnn.is_training(), train);
}

/// With all weights 1, the first layer returns 10 everywhere. The second layer sums the inputs that dropout kept.
#[test]
fn test_RNN_dropout() {
    let _seeded = seeded(0);
    for p in [0.0, 0.276, 0.731, 1.0] {
        for train in [true, false] {
            let (_vs, mut rnn) = relu(10, 1000, p);
            set_mode(&mut rnn, train);
            let _guard = tch::no_grad_guard();
            for (_, parameter) in rnn.named_parameters() {
                let _ = parameter.shallow_clone().fill_(1.0);
            }
            let (output, h) =
                rnn.forward(&Tensor::ones([1, 1, 10], F64), Some(&Tensor::zeros([2, 1, 1000], F64))).unwrap();
            let output = values(&output);
            assert!(output.iter().all(|value| *value == output[0]), "p = {p}");
            if p == 0.0 || !train {
                assert_eq!(output[0], 10_000.0, "p = {p}");
            } else if p == 1.0 {
                assert_eq!(output[0], 0.0);
            } else {
                assert!((8_000.0..12_000.0).contains(&output[0]) && output[0] != 10_000.0, "p = {p}: {}", output[0]);
                let rest = (output[0] * (1.0 - p)).rem_euclid(10.0);
                assert!(rest.min(10.0 - rest) < 1e-2, "p = {p}: {}", output[0]);
            }
            assert!(values(&h.get(0)).iter().all(|value| *value == 10.0), "p = {p}");
            assert_eq!(values(&h.get(1)), output, "p = {p}");
        }
    }
}

/// Two passes differ if and only if dropout is on. Without dropout nothing is drawn from the generator.
#[test]
fn test_RNN_dropout_state() {
    let _seeded = seeded(0);
    for p in [0.0, 0.1234] {
        for train in [true, false] {
            let (_vs, mut rnn) = relu(100, 100, p);
            set_mode(&mut rnn, train);
            let (x, h) = (Tensor::rand([1, 1, 100], F64), Tensor::rand([2, 1, 100], F64));
            let before = rng::get_state().unwrap();
            let (first, _) = rnn.forward(&x, Some(&h)).unwrap();
            let drawn = rng::get_state().unwrap() != before;
            let (second, _) = rnn.forward(&x, Some(&h)).unwrap();

            // A copy with the same weights in the same mode gives the same result.
            let (_other_vs, mut copy) = relu(100, 100, p);
            copy.load_state_dict(&rnn.state_dict(), true).unwrap();
            set_mode(&mut copy, train);
            let (third, _) = copy.forward(&x, Some(&h)).unwrap();

            let off = p == 0.0 || !train;
            assert_eq!((first == second, first == third, drawn), (off, off, !off), "p = {p}, train = {train}");
        }
    }
}

/// A new dropout probability applies from the next pass.
#[test]
fn test_RNN_change_dropout() {
    let _seeded = seeded(0);
    for train in [true, false] {
        let (_vs, mut rnn) = relu(100, 100, 0.0);
        set_mode(&mut rnn, train);
        let x = Tensor::rand([3, 2, 100], F64);
        let mut previous: Option<Tensor> = None;
        for p in [0.0, 0.5, 0.0, 0.7, 0.2, 1.0, 0.2, 0.0] {
            rnn.set_dropout(p).unwrap();
            assert_eq!(rnn.dropout(), p);
            let (first, _) = rnn.forward(&x, None).unwrap();
            let (second, _) = rnn.forward(&x, None).unwrap();
            assert_eq!(first == second, p == 0.0 || p == 1.0 || !train, "p = {p}, train = {train}");
            if let Some(previous) = previous.filter(|_| !train) {
                assert_same_bits(&first, &previous, "evaluation mode ignores p");
            }
            previous = Some(first);
        }
    }
}

// In Python, `rnn.dropout = 2` raises a RuntimeError at the next pass. Here `set_dropout` returns the constructor's error.
#[test]
fn an_invalid_dropout_is_rejected_and_changes_nothing() {
    let _alone = alone();
    let (_vs, mut rnn) = relu(2, 3, 0.25);
    for p in [-0.5, 2.0, f64::NAN] {
        let text = rnn.set_dropout(p).unwrap_err().to_string();
        assert!(text.starts_with("dropout should be a number in range [0, 1]"), "{text}");
    }
    assert_eq!(rnn.dropout(), 0.25);
}
