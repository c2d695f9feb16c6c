//! In burn, on its CPU backend flex; its GRU has a single layer.

use std::error::Error;

use burn::module::Module;
use burn::nn::gru::{Gru, GruConfig};
use burn::nn::loss::CrossEntropyLoss;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Int, Tensor};
use peers::step::{BATCH, CLASSES, HIDDEN, LENGTH, LR, PIXELS, serve};

#[derive(Module, Debug)]
struct Model {
    first: Gru,
    second: Gru,
    fc: Linear,
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex().autodiff();
    let mut model = Model {
        first: GruConfig::new(PIXELS, HIDDEN, true).init(&device),
        second: GruConfig::new(HIDDEN, HIDDEN, true).init(&device),
        fc: LinearConfig::new(HIDDEN, CLASSES).init(&device),
    };
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let criterion = CrossEntropyLoss::new(None, &device);
    let x = Tensor::<3>::random([BATCH, LENGTH, PIXELS], Distribution::Normal(0.0, 1.0), &device);
    let targets = Tensor::<1, Int>::arange(0..BATCH as i64, &device).remainder_scalar(CLASSES as i64);

    serve(|| {
        let output = model.second.forward(model.first.forward(x.clone(), None), None);
        let last = output.narrow(1, LENGTH - 1, 1).squeeze_dim(1);
        let loss = criterion.forward(model.fc.forward(last), targets.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(LR, model.clone(), gradients);
        Ok(loss.into_scalar::<f32>())
    })
}
