//! The training of this lesson in float64: the reference for the accuracy of f32 losses.

use std::path::PathBuf;

use lesson_kit::Defaults;
use mnist_gru::LESSON;
use mnist_gru::data::{Mnist, TensorDataset};
use mnist_gru::model::MnistNn;
use tch::nn::VarStore;
use tch::{Device, Kind, Reduction, Tensor};
use test_support::{seeded, workspace};
use torch_ext::data::ShuffledBatches;
use torch_ext::nn::cross_entropy;
use torch_ext::optim::{Adam, AdamOptions};

/// The data and options of a training.
pub struct Training {
    /// The folder of the digits.
    pub data: PathBuf,
    pub hidden_size: i64,
    pub num_layers: i64,
    pub lr: f64,
}

impl Training {
    /// The lesson's defaults, on the real MNIST.
    pub fn of_mnist() -> Training {
        let Defaults { hidden_size, num_layers, lr, .. } = LESSON.defaults;
        Training { data: workspace().join("data/mnist"), hidden_size, num_layers, lr }
    }

    /// The losses of the first `count` batches of the first epoch, in the lesson's order.
    pub fn first_losses(&self, count: usize) -> Vec<f64> {
        let size = LESSON.defaults.batch_size.unwrap();
        self.losses(|digits| ShuffledBatches::new(digits, size).unwrap().epoch().unwrap().take(count).collect())
    }

    /// The losses of the first `count` batches of each epoch, in the order of a process group.
    pub fn losses_of_a_group(&self, size: i64, count: usize, epochs: u64) -> Vec<f64> {
        let of_epoch = |digits, epoch| {
            let order = torch_ext::rng::seeded_randperm(digits, epoch).unwrap();
            order.split(size, 0).into_iter().take(count)
        };
        self.losses(|digits| (0..epochs).flat_map(|epoch| of_epoch(digits, epoch)).collect())
    }

    /// The losses of the batches, from the lesson's initial f32 weights with seed 0. `batches` computes the indices of
    /// all batches from the number of digits.
    fn losses(&self, batches: impl FnOnce(i64) -> Vec<Tensor>) -> Vec<f64> {
        let data = TensorDataset::new(&Mnist::read(&self.data).unwrap().train, Device::Cpu).unwrap();
        let _guard = seeded(0);
        tch::set_num_threads(1); // tests run in parallel
        let mut vs = VarStore::new(Device::Cpu);
        let model = MnistNn::new(&vs.root(), self.hidden_size, self.num_layers).unwrap();
        vs.double();
        let parameters = model.named_parameters();
        let parameter = |name: &str| &parameters.iter().find(|(known, _)| known == name).unwrap().1;
        let options = AdamOptions { lr: self.lr, ..AdamOptions::default() };
        let mut optimizer = Adam::new(parameters.iter().map(|(_, tensor)| tensor), options).unwrap();
        let step = |indices: Tensor| {
            let (inputs, targets) = data.batch(&indices).unwrap();
            // The initial state is f32 in `forward`, and has the kind of the input in `trace`.
            let out = model.trace(&inputs.to_kind(Kind::Double)).unwrap().output.select(1, -1);
            let scores = out.linear(parameter("fc.weight"), Some(parameter("fc.bias")));
            let loss = cross_entropy(&scores, &targets, Reduction::Mean).unwrap();
            optimizer.zero_grad().unwrap();
            loss.backward();
            optimizer.step().unwrap();
            assert_eq!(loss.kind(), Kind::Double);
            loss.double_value(&[])
        };
        batches(data.len()).into_iter().map(step).collect()
    }
}
