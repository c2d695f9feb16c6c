//! From PyTorch's test/cpp/api/rnn.cpp.

use recurrent::{Gru, GruConfig, Lstm, LstmConfig, LstmState, Nonlinearity, RnnConfig};
use tch::nn::{self, Module, OptimizerConfig, VarStore};
use tch::{Device, Kind, Reduction, Tensor, kind::FLOAT_CPU};

use crate::support::layer::{Layer, Spec};
use crate::support::tensors::assert_same_bits;
use crate::support::{JUDGE, alone, seeded};

fn lstm(config: LstmConfig) -> (VarStore, Lstm) {
    let vs = VarStore::new(Device::Cpu);
    let lstm = config.build(vs.root()).unwrap();
    (vs, lstm)
}

/// Checks the shapes, and that a second pass from the first one's last state gives another state.
fn check_output_sizes(proj_size: i64) {
    let _seeded = seeded(0);
    let (_vs, lstm) = lstm(LstmConfig::new(128, 64).num_layers(3).dropout(0.2).proj_size(proj_size));
    let size = if proj_size > 0 { proj_size } else { 64 };
    let x = Tensor::randn([10, 16, 128], FLOAT_CPU);
    let check = |output: &Tensor, state: &LstmState| {
        assert_eq!(output.size(), [10, 16, size]);
        assert_eq!((state.h.size(), state.c.size()), (vec![3, 16, size], vec![3, 16, 64]));
    };
    let (output, state) = lstm.forward(&x, None).unwrap();
    check(&output, &state);
    let (next, next_state) = lstm.forward(&x, Some(&state)).unwrap();
    check(&next, &next_state);
    assert!((next_state.h - state.h).norm().double_value(&[]) > 1e-3);
}

#[test]
fn CheckOutputSizes() {
    check_output_sizes(0);
}

#[test]
fn CheckOutputSizesProj() {
    check_output_sizes(32);
}

/// ```python
/// lstm = torch.nn.LSTM(2, 2)
/// with torch.no_grad():
///     for p in lstm.parameters(): p.copy_((torch.arange(p.numel()) / p.numel()).view_as(p))
///     out, (h, c) = lstm(((24 - torch.arange(24.)) / 24).view(3, 4, 2))
/// ```
#[test]
fn CheckOutputValuesMatchPyTorch() {
    let _alone = alone();
    let (_vs, mut lstm) = lstm(LstmConfig::new(2, 2));
    let ramp = |count: i64| Tensor::arange(count, FLOAT_CPU);
    tch::no_grad(|| {
        for (_, parameter) in lstm.named_parameters() {
            let count = parameter.numel() as i64;
            parameter.shallow_clone().copy_(&(ramp(count) / count).view_as(parameter));
        }
    });
    let x = (Tensor::from(24f32) - ramp(24)).view([3, 4, 2]) / 24;
    let (output, LstmState { h, c }) = lstm.forward(&x, None).unwrap();
    let expected = [
        0.4391495, 0.5402356, 0.4329759, 0.5324319, 0.4260538, 0.5239493, 0.4182859, 0.5146853, 0.6821856, 0.8064461,
        0.6726359, 0.7967770, 0.6619915, 0.7860465, 0.6500812, 0.7740783, 0.7888782, 0.9002681, 0.7768925, 0.8905363,
        0.7634701, 0.8794104, 0.7483699, 0.8666328,
    ];
    let expected_c = [1.1646615, 1.6105977, 1.1424558, 1.5726039, 1.1187049, 1.5328615, 1.0931425, 1.4911131];
    let ours = [output, h, c];
    lstm.to_kind(Kind::Double).unwrap();
    let (output, LstmState { h, c }) = lstm.forward(&x.to_kind(Kind::Double), None).unwrap();
    let recorded =
        |numbers: &[f64], shape: &Tensor| Tensor::from_slice(numbers).reshape(shape.size()).to_kind(Kind::Float);
    let recorded = [recorded(&expected, &output), recorded(&expected[16..], &h), recorded(&expected_c, &c)];
    JUDGE.assert("LSTM", &[output, h, c], &recorded, &ours);
}

/// Trains a network to sum five random bits: Linear, tanh, two recurrent layers, Linear; Adam.
fn learns_to_sum(spec: Spec) {
    let _seeded = seeded(0);
    let vs = VarStore::new(Device::Cpu);
    let root = vs.root();
    let first = nn::linear(&root / "l1", 1, 32, Default::default());
    let layer: Layer = spec.build_on(&(&root / "rnn")).unwrap();
    let last = nn::linear(&root / "lo", spec.output_size(), 1, Default::default());
    let mut adam = nn::Adam::default().build(&vs, 1e-2).unwrap();
    let mut running_loss = 1.0;
    for _ in 0..1500 {
        let x = Tensor::rand([5, 16, 1], FLOAT_CPU).round();
        let label = x.sum_dim_intlist(0, false, Kind::Float);
        let output = &layer.forward(&first.forward(&x).tanh(), None).unwrap()[0];
        let loss = last.forward(&output.get(-1)).mse_loss(&label, Reduction::Mean);
        adam.backward_step(&loss);
        running_loss = 0.99 * running_loss + 0.01 * loss.double_value(&[]);
        if running_loss < 1e-2 {
            return;
        }
    }
    panic!("{spec:?} did not converge: {running_loss}");
}

#[test]
fn EndToEndLSTM() {
    learns_to_sum(Spec { num_layers: 2, ..Spec::new("LSTM", 32, 32) });
}

#[test]
fn EndToEndLSTMProj() {
    learns_to_sum(Spec { num_layers: 2, proj_size: Some(16), ..Spec::new("LSTM", 32, 32) });
}

#[test]
fn EndToEndGRU() {
    learns_to_sum(Spec { num_layers: 2, ..Spec::new("GRU", 32, 32) });
}

#[test]
fn EndToEndRNNRelu() {
    learns_to_sum(Spec { num_layers: 2, nonlinearity: Some("relu"), ..Spec::new("RNN", 32, 32) });
}

#[test]
fn EndToEndRNNTanh() {
    learns_to_sum(Spec { num_layers: 2, nonlinearity: Some("tanh"), ..Spec::new("RNN", 32, 32) });
}

/// The reverse direction is a layer of its own that reads the sequence from its end.
fn reverse_forward(class: &'static str) {
    let _seeded = seeded(0);
    let (_vs, both) = Spec { bidirectional: true, ..Spec::new(class, 1, 1) }.build().unwrap();
    let (_other_vs, reverse) = Spec::new(class, 1, 1).build().unwrap();
    tch::no_grad(|| {
        for (name, mut parameter) in reverse.named_parameters() {
            parameter.copy_(&both.parameter(&format!("{name}_reverse")));
        }
    });
    let x = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0]).reshape([5, 1, 1]);
    let ours = both.forward(&x, None).unwrap();
    let expected = reverse.forward(&x.flip([0]), None).unwrap();
    assert_same_bits(&ours[0].narrow(2, 1, 1).contiguous(), &expected[0].flip([0]), class);
    for (ours, expected) in ours.iter().zip(&expected).skip(1) {
        assert_same_bits(&ours.get(1), &expected.get(0), class);
    }
}

#[test]
fn BidirectionalGRUReverseForward() {
    reverse_forward("GRU");
}

#[test]
fn BidirectionalLSTMReverseForward() {
    reverse_forward("LSTM");
}

#[test]
fn BidirectionalRNNReverseForward() {
    reverse_forward("RNN");
}

/// On a CPU, `flatten_parameters` leaves the weights in place.
#[test]
fn BidirectionalFlattenParameters() {
    let _seeded = seeded(0);
    let vs = VarStore::new(Device::Cpu);
    let mut gru: Gru = GruConfig::new(100, 256).num_layers(2).bidirectional(true).build(vs.root()).unwrap();
    let addresses = |gru: &Gru| gru.named_parameters().map(|(_, weight)| weight.data_ptr()).collect::<Vec<_>>();
    let before = addresses(&gru);
    gru.flatten_parameters().unwrap();
    assert_eq!(addresses(&gru), before);
}

/// C++ prints another text than Python; ours is Python's.
#[test]
fn PrettyPrintRNNs() {
    let _alone = alone();
    let vs = VarStore::new(Device::Cpu);
    let root = vs.root();
    let lstm = LstmConfig::new(128, 64).num_layers(3).dropout(0.2).build(&root / "a").unwrap();
    let gru = GruConfig::new(128, 64).num_layers(3).dropout(0.5).build(&root / "b").unwrap();
    let rnn = RnnConfig::new(128, 64).num_layers(3).dropout(0.2).nonlinearity(Nonlinearity::Tanh);
    assert_eq!(lstm.to_string(), "LSTM(128, 64, num_layers=3, dropout=0.2)");
    assert_eq!(gru.to_string(), "GRU(128, 64, num_layers=3, dropout=0.5)");
    assert_eq!(rnn.build(&root / "c").unwrap().to_string(), "RNN(128, 64, num_layers=3, dropout=0.2)");
}
