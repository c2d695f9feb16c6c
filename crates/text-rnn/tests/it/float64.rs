//! The training of this lesson in float64: the reference for the accuracy of f32 losses.

use tch::nn::VarStore;
use tch::{Device, Kind, Reduction, Tensor};
use test_support::seeded;
use text_rnn::LESSON;
use text_rnn::data::{SENTENCES, Vocabulary, make_batch};
use text_rnn::model::TextRnn;
use torch_ext::nn::cross_entropy;
use torch_ext::optim::{Adam, AdamOptions};

/// The losses of all epochs, from the lesson's initial f32 weights.
pub fn losses(seed: i64) -> Vec<f64> {
    let defaults = &LESSON.defaults;
    let _guard = seeded(seed);
    tch::set_num_threads(1); // tests run in parallel
    let vocabulary = Vocabulary::new(&SENTENCES);
    let batch = make_batch(&SENTENCES, &vocabulary, Device::Cpu).unwrap();
    let mut vs = VarStore::new(Device::Cpu);
    let model = TextRnn::new(&vs.root(), 9, defaults.hidden_size, defaults.num_layers).unwrap();
    vs.double();
    let parameters = model.named_parameters();
    let options = AdamOptions { lr: defaults.lr, ..AdamOptions::default() };
    let mut optimizer = Adam::new(parameters.iter().map(|(_, tensor)| tensor), options).unwrap();
    let (x, hidden): (Tensor, Tensor) = (batch.input.to_kind(Kind::Double), model.zero_hidden(6).unwrap());
    let hidden = hidden.to_kind(Kind::Double);
    let step = |_| {
        let loss = cross_entropy(&model.forward(&hidden, &x).unwrap(), &batch.target, Reduction::Mean).unwrap();
        optimizer.zero_grad().unwrap();
        loss.backward();
        optimizer.step().unwrap();
        assert_eq!(loss.kind(), Kind::Double);
        loss.double_value(&[])
    };
    (0..defaults.epochs).map(step).collect()
}
