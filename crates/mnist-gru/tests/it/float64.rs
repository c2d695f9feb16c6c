//! The training of this lesson in float64, by which the f32 losses are judged.

use lesson_kit::cross_entropy;
use lesson_kit::loader::ShuffledBatches;
use mnist_gru::LESSON;
use mnist_gru::data::{Mnist, TensorDataset};
use mnist_gru::model::MnistNn;
use python_torch::workspace;
use tch::nn::VarStore;
use tch::{Device, Kind, Reduction, Tensor};
use torch_ext::optim::{Adam, AdamOptions};

use crate::support::seeded;

/// The losses of the first batches of MNIST, from the f32 weights that the lesson starts with.
pub fn first_losses(seed: i64, count: usize) -> Vec<f64> {
    let defaults = &LESSON.defaults;
    let digits = Mnist::read(&workspace().join("data/mnist")).unwrap().train;
    let data = TensorDataset::new(&digits, Device::Cpu).unwrap();
    let loader = ShuffledBatches::new(data.len(), defaults.batch_size.unwrap()).unwrap().limit(Some(count));
    let _turn = seeded(seed);
    let mut vs = VarStore::new(Device::Cpu);
    let model = MnistNn::new(&vs.root(), defaults.hidden_size, defaults.num_layers).unwrap();
    vs.double();
    let parameters = model.named_parameters();
    let parameter = |name: &str| &parameters.iter().find(|(known, _)| known == name).unwrap().1;
    let options = AdamOptions { lr: defaults.lr, ..AdamOptions::default() };
    let mut optimizer = Adam::new(parameters.iter().map(|(_, tensor)| tensor), options).unwrap();
    let step = |indices: Tensor| {
        let (inputs, targets) = data.batch(&indices).unwrap();
        // `forward` makes its first state in f32, `trace` in the kind of the input.
        let out = model.trace(&inputs.to_kind(Kind::Double)).unwrap().output.select(1, -1);
        let scores = out.linear(parameter("fc.weight"), Some(parameter("fc.bias")));
        let loss = cross_entropy(&scores, &targets, Reduction::Mean).unwrap();
        optimizer.zero_grad().unwrap();
        loss.backward();
        optimizer.step().unwrap();
        assert_eq!(loss.kind(), Kind::Double);
        loss.double_value(&[])
    };
    loader.epoch().unwrap().map(step).collect()
}
