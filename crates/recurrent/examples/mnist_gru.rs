//! `notebooks-ref/mnist_gru.ipynb` as a Rust program, without its plots: a GRU reads handwritten digits row by row.
//! The code follows the notebook's cells in their order. Run it with `cargo run -p recurrent --example mnist_gru`.

use anyhow::{Context, Result};
use recurrent::{Gru, GruConfig};
use tch::{Device, Kind, Reduction, Tensor, kind::FLOAT_CPU, nn};
use torch_ext::autograd::backward;
use torch_ext::data::{ShuffledBatches, sequential_batches};
use torch_ext::nn::{Linear, cross_entropy, named_parameters};
use torch_ext::optim::{Adam, AdamOptions};

// Data: pixels from 0 to 1, (digits, 28, 28), and the digits
fn mnist(folder: &str, name: &str) -> Result<(Tensor, Tensor)> {
    let read = |kind: &str, header: i64| {
        let path = format!("{folder}/{name}-{kind}-ubyte");
        let bytes = std::fs::read(&path).with_context(|| format!("{path} is missing: run scripts/fetch-data.sh"))?;
        anyhow::Ok(Tensor::from_slice(&bytes).slice(0, header, None, 1))
    };
    let pixels = read("images-idx3", 16)?.view([-1, 28, 28]);
    Ok((pixels.to_kind(Kind::Float) / 255.0, read("labels-idx1", 8)?.to_kind(Kind::Int64)))
}

// Parameters
const SEED: i64 = 0;
const THREADS: i32 = 1;
const EPOCHS: usize = 2;
const LR: f64 = 0.01;
const BATCH_SIZE: i64 = 100;
const HIDDEN_SIZE: i64 = 128;

// Model
struct MnistNn {
    gru: Gru,
    fc: Linear,
}

impl MnistNn {
    fn new(path: &nn::Path<'_>) -> Result<MnistNn> {
        let gru = GruConfig::new(28, HIDDEN_SIZE).num_layers(2).batch_first(true).build(path / "gru")?;
        Ok(MnistNn { gru, fc: Linear::new(path / "fc", HIDDEN_SIZE, 10)? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let h0 = Tensor::zeros([2, x.size()[0], HIDDEN_SIZE], FLOAT_CPU);
        let (out, _hidden) = self.gru.forward(x, Some(&h0))?; // (batch, 28, 128): the second layer's state after each row
        Ok(self.fc.forward(&out.select(1, -1))?) // (batch, 10): from the state after the last row
    }
}

fn main() -> Result<()> {
    train(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/mnist"), EPOCHS, None).map(drop)
}

/// Runs the notebook with the files in `folder` and at most `limit` batches per epoch. Returns the mean loss of each epoch.
pub fn train(folder: &str, epochs: usize, limit: Option<usize>) -> Result<Vec<f32>> {
    let (images, labels) = mnist(folder, "train")?;
    let (test_images, test_labels) = mnist(folder, "t10k")?;
    println!("{} training digits, {} test digits", labels.size()[0], test_labels.size()[0]);
    tch::set_num_threads(THREADS);
    tch::manual_seed(SEED);
    let train_loader = ShuffledBatches::new(labels.size()[0], BATCH_SIZE)?.limit(limit);
    let vs = nn::VarStore::new(Device::Cpu);
    let model = MnistNn::new(&vs.root())?;
    model.gru.named_parameters().for_each(|(name, weight)| println!("gru.{name:12} {:?}", weight.size()));

    // Training
    let mut optimizer = Adam::from_named(named_parameters(&vs), AdamOptions { lr: LR, ..AdamOptions::default() })?;
    let mut epoch_losses = Vec::new();
    for epoch in 0..epochs {
        let mut losses: Vec<f32> = Vec::new(); // one of each batch
        for indices in train_loader.epoch()? {
            let outputs = model.forward(&images.index_select(0, &indices))?;
            let loss = cross_entropy(&outputs, &labels.index_select(0, &indices), Reduction::Mean)?;
            losses.push(f32::try_from(&loss)?);
            optimizer.zero_grad()?;
            backward(&loss)?;
            optimizer.step()?;
        }
        epoch_losses.push(losses.iter().sum::<f32>() / losses.len() as f32);
        println!("Epoch: {epoch:04} Loss = {:.6}", epoch_losses[epoch]);
    }
    println!("OPTIMIZATION FINISHED");

    // Test
    let _no_grad = tch::no_grad_guard();
    let count = test_labels.size()[0];
    let (mut test_loss, mut confusion) = (0.0, Tensor::zeros([10, 10], tch::kind::INT64_CPU));
    for indices in sequential_batches(count, 1000, Device::Cpu)? {
        let targets = test_labels.index_select(0, &indices);
        let outputs = model.forward(&test_images.index_select(0, &indices))?;
        test_loss += f64::try_from(cross_entropy(&outputs, &targets, Reduction::Sum)?)?;
        confusion += (targets * 10 + outputs.argmax(1, false)).bincount::<Tensor>(None, 100).view([10, 10]);
    }
    println!("test loss = {:.6}", test_loss / count as f64);
    println!("test accuracy = {:.2} %", 100.0 * f64::try_from(confusion.trace())? / count as f64);
    for (digit, row) in Vec::<Vec<i64>>::try_from(confusion)?.iter().enumerate() {
        println!("{digit} {}", row.iter().map(|count| format!("{count:6}")).collect::<String>());
    }
    Ok(epoch_losses)
}
