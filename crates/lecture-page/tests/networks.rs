//! The networks of the page, with small random weights. scripts/test-lecture-page.sh compares the trained ones with the lessons.

#![allow(clippy::unwrap_used)] // clippy.toml allows it only in test functions, not in their helpers

use fastrand::Rng;
use lecture_page::boundary::{message_len, text_load, text_run};
use lecture_page::data::{CLASSES, COLUMNS, SEQ_LENGTH, SIDE};
use lecture_page::digit::MnistNn;
use lecture_page::language::LanguageModel;
use lecture_page::stock::{ForgetGate, Row, Scaler, StockRnn};
use lecture_page::text::TextRnn;
use rnn_runtime::pt_file::{Tensor, Value, save};
use rnn_runtime::{Linear, StateDict};

/// A model file with random weights of these shapes.
fn model(shapes: &[(&str, &[usize])]) -> Vec<u8> {
    let mut random = Rng::with_seed(1);
    let mut tensor = |shape: &[usize]| {
        let numbers: Vec<f32> = (0..shape.iter().product()).map(|_| 2.0 * random.f32() - 1.0).collect();
        Tensor::from_slice(&numbers, shape).unwrap()
    };
    let tensors: Vec<_> = shapes.iter().map(|(name, shape)| (*name, tensor(shape))).collect();
    let mut file = Vec::new();
    save(&mut file, &Value::state_dict(tensors)).unwrap();
    file
}

/// The weights of a layer with `gates` gates, and those of the linear map `W`, `b`.
fn recurrent(gates: usize, input: usize, hidden: usize, output: usize) -> Vec<u8> {
    model(&[
        ("W", &[hidden, output]),
        ("b", &[output]),
        ("rnn.weight_ih_l0", &[gates * hidden, input]),
        ("rnn.weight_hh_l0", &[gates * hidden, hidden]),
        ("rnn.bias_ih_l0", &[gates * hidden]),
        ("rnn.bias_hh_l0", &[gates * hidden]),
    ])
}

#[test]
fn the_rnn_computes_the_equation_of_the_slides() {
    let text = TextRnn::from_bytes(&recurrent(1, 4, 3, 4)).unwrap();
    let steps = text.run(&[2, 0]).unwrap();
    let parameter = |name: &str| text.parameter(&format!("rnn.{name}_l0")).unwrap();
    let (w_ih, w_hh) = (parameter("weight_ih"), parameter("weight_hh"));
    let (b_ih, b_hh) = (parameter("bias_ih"), parameter("bias_hh"));
    let mut h = [0.0f32; 3];
    for (step, word) in steps.iter().zip([2, 0]) {
        let a: [f32; 3] = std::array::from_fn(|j| {
            let from_h: f32 = (0..3).map(|k| w_hh[j * 3 + k] * h[k]).sum();
            w_ih[j * 4 + word] + b_ih[j] + from_h + b_hh[j]
        });
        h = a.map(f32::tanh);
        for j in 0..3 {
            assert!((step.a[j] - a[j]).abs() < 1e-5 && (step.h[j] - h[j]).abs() < 1e-5, "{step:?} {a:?} {h:?}");
        }
        assert!((step.next.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    assert!(text.run(&[4]).is_err() && text.run(&[]).is_err());
}

fn prices() -> (Scaler, Vec<Row>) {
    let mut random = Rng::with_seed(2);
    let days: Vec<Row> = (0..20).map(|_| std::array::from_fn(|_| 400.0 + 400.0 * random.f64())).collect();
    (Scaler { min: [400.0; COLUMNS], max: [800.0; COLUMNS] }, days)
}

#[test]
fn a_fixed_forget_gate_keeps_nothing_or_everything() {
    let stock = StockRnn::from_bytes(&recurrent(4, COLUMNS, 6, 1)).unwrap();
    let (scaler, days) = prices();
    let window = &days[3..3 + SEQ_LENGTH];
    for (forget, kept) in [(ForgetGate::Closed, 0.0), (ForgetGate::Open, 1.0)] {
        let [i, f, g, _, c, _] = stock.week(&scaler, window, forget).unwrap().gates;
        assert!(f.iter().all(|&f| f == kept));
        for at in 6..c.len() {
            assert!((c[at] - (kept * c[at - 6] + i[at] * g[at])).abs() < 1e-6);
        }
    }
}

#[test]
fn a_window_step_by_step_gives_the_forecast_of_all_windows() {
    let stock = StockRnn::from_bytes(&recurrent(4, COLUMNS, 6, 1)).unwrap();
    let (scaler, days) = prices();
    let all = stock.predict(&scaler, &days).unwrap();
    assert_eq!(all.len(), days.len() + 1 - SEQ_LENGTH);
    for (first, close) in all.iter().enumerate() {
        let week = stock.week(&scaler, &days[first..first + SEQ_LENGTH], ForgetGate::Trained).unwrap();
        assert!((week.close - close).abs() < 1e-3, "{} {close}", week.close);
    }
    let effect = stock.sensitivity(&scaler, &days[..SEQ_LENGTH], 10.0).unwrap();
    assert!(effect.len() == SEQ_LENGTH && effect.iter().all(|change| *change != 0.0));
}

#[test]
fn the_answer_after_each_row_is_the_linear_map_of_the_state() {
    let gates = 3 * 7;
    let file = model(&[
        ("gru.weight_ih_l0", &[gates, SIDE]),
        ("gru.weight_hh_l0", &[gates, 7]),
        ("gru.bias_ih_l0", &[gates]),
        ("gru.bias_hh_l0", &[gates]),
        ("gru.weight_ih_l1", &[gates, 7]),
        ("gru.weight_hh_l1", &[gates, 7]),
        ("gru.bias_ih_l1", &[gates]),
        ("gru.bias_hh_l1", &[gates]),
        ("fc.weight", &[CLASSES, 7]),
        ("fc.bias", &[CLASSES]),
    ]);
    let digit = MnistNn::from_bytes(&file).unwrap();
    assert_eq!(digit.sizes(), [2, 7]);
    let pixels: Vec<u8> = (0..SIDE * SIDE).map(|i| (i * 7 % 256) as u8).collect();
    let reading = digit.read(&pixels).unwrap();
    let fc = Linear::from_state_dict(&StateDict::from_bytes(&file).unwrap().prefix("fc")).unwrap();
    let [_, _, _, h] = &reading.gates[1];
    for (h, shown) in h.chunks(7).zip(reading.probabilities.chunks(CLASSES)) {
        let scores = fc.forward(rnn_runtime::ndarray::ArrayView1::from(h)).unwrap();
        let expected = lecture_page::data::softmax(scores.iter().copied().map(f64::from));
        assert!(expected.iter().zip(shown).all(|(one, other)| (one - other).abs() < 1e-5));
    }
    assert!(digit.read(&pixels[1..]).is_err());
}

#[test]
fn words_are_drawn_from_the_most_likely_ones_and_never_unk() {
    let file = model(&[
        ("embedding.weight", &[9, 5]),
        ("rnn.weight_ih_l0", &[20, 5]),
        ("rnn.weight_hh_l0", &[20, 5]),
        ("rnn.bias_ih_l0", &[20]),
        ("rnn.bias_hh_l0", &[20]),
        ("decoder.weight", &[9, 5]),
        ("decoder.bias", &[9]),
    ]);
    let language = LanguageModel::from_bytes(&file).unwrap();
    let shares = language.probabilities(&[3, 8]).unwrap();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let all = language.choices(&[3, 8], 1.0, None).unwrap();
    assert!(all.len() == 8 && all.iter().all(|next| next.number != 0));
    assert!(all.is_sorted_by(|one, other| one.probability >= other.probability));
    for next in &all {
        let without_unk = shares[next.number] / (1.0 - shares[0]);
        assert!((next.probability - without_unk).abs() < 1e-6);
    }
    let three = language.choices(&[3, 8], 1e-4, Some(3)).unwrap();
    assert!(three.len() == 3 && three[0].number == all[0].number && three[0].probability > 0.99);
    assert!(language.probabilities(&[9]).is_err());
}

#[test]
fn a_failed_call_leaves_a_message() {
    assert_eq!(text_run(), 1); // nothing is loaded
    assert!(message_len() > 0);
    assert_eq!(text_load(), 1); // the input is empty
}
