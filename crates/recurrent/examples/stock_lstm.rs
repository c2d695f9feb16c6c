//! `notebooks-ref/stock_lstm.ipynb` as a Rust program, without its plots: an LSTM predicts the next closing price.
//! The code follows the notebook's cells in their order. Run it with `cargo run -p recurrent --example stock_lstm`.

use anyhow::Result;
use recurrent::{Lstm, LstmState};
use tch::{Device, Kind, Reduction, Tensor, kind::FLOAT_CPU, nn};
use torch_ext::autograd::backward;
use torch_ext::nn::{mse_loss, named_parameters};
use torch_ext::optim::{Adam, AdamOptions};

// Parameters
const SEED: i64 = 0;
const THREADS: i32 = 1;
const EPOCHS: usize = 500;
const LR: f64 = 0.01;
const HIDDEN_SIZE: i64 = 10;
const SEQ_LENGTH: i64 = 7;

// Model
struct StockRnn {
    rnn: Lstm,
    w: Tensor,
    b: Tensor,
}

impl StockRnn {
    fn new(path: &nn::Path<'_>, input_size: i64, n_hidden: i64, output_size: i64) -> Result<StockRnn> {
        let rnn = Lstm::new(path / "rnn", input_size, n_hidden)?;
        let w = path.f_randn_standard("W", &[n_hidden, output_size])?;
        let b = path.f_randn_standard("b", &[output_size])?;
        Ok(StockRnn { rnn, w, b })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let zeros = || Tensor::zeros([1, x.size()[0], HIDDEN_SIZE], FLOAT_CPU);
        let hidden_and_cell = LstmState { h: zeros(), c: zeros() };
        let x = x.transpose(0, 1); // (7, windows, 5): days first
        let (outputs, _hidden) = self.rnn.forward(&x, Some(&hidden_and_cell))?; // (7, windows, 10): the state after each day
        Ok(outputs.get(-1).mm(&self.w) + &self.b) // (windows, 1)
    }
}

fn main() -> Result<()> {
    train(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/goog.csv"), EPOCHS).map(drop)
}

/// Runs the notebook with the prices in the file `path`. Returns the loss of each epoch.
pub fn train(path: &str, epochs: usize) -> Result<Vec<f32>> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(path)?;
    let rows = reader.deserialize().map(|row| row.map(|(_date, row): (String, [f64; 5])| row));
    let prices = Tensor::from_slice2(&rows.collect::<csv::Result<Vec<_>>>()?).flip([0]); // oldest first
    let (min, max) = (prices.amin([0], false), prices.amax([0], false));
    let min_max_scaler = |data: &Tensor| (data - &min) / (&max - &min + 1e-7); // each column from 0 to 1
    let x = min_max_scaler(&prices).to_kind(Kind::Float); // (732, 5)
    let y = x.narrow(1, 4, 1); // (732, 1): the close

    // Windows of a week, and the close of the eighth day
    let windows = y.size()[0] - SEQ_LENGTH;
    let data_x = Tensor::stack(&(0..windows).map(|i| x.narrow(0, i, SEQ_LENGTH)).collect::<Vec<_>>(), 0);
    let data_y = y.narrow(0, SEQ_LENGTH, windows);
    let train_size = (windows as f64 * 0.7) as i64;
    let (train_x, train_y) = (data_x.narrow(0, 0, train_size), data_y.narrow(0, 0, train_size));
    let (test_x, test_y) = (data_x.slice(0, train_size, None, 1), data_y.slice(0, train_size, None, 1));
    for (name, x) in [("trainX", &train_x), ("trainY", &train_y), ("testX", &test_x), ("testY", &test_y)] {
        println!("SHAPE OF [{name}] is torch.Size({:?})", x.size());
    }
    tch::set_num_threads(THREADS);
    tch::manual_seed(SEED);
    let vs = nn::VarStore::new(Device::Cpu);
    let model = StockRnn::new(&vs.root(), 5, HIDDEN_SIZE, 1)?;
    model.rnn.named_parameters().for_each(|(name, weight)| println!("rnn.{name:12} {:?}", weight.size()));

    // Training
    let mut optimizer = Adam::from_named(named_parameters(&vs), AdamOptions { lr: LR, ..AdamOptions::default() })?;
    let mut losses = Vec::new(); // one of each epoch
    for epoch in 0..epochs {
        let output = model.forward(&train_x)?;
        let loss = mse_loss(&output, &train_y, Reduction::Mean)?;
        losses.push(f32::try_from(&loss)?);
        if (epoch + 1) % 100 == 0 {
            println!("Epoch: {:04} Loss = {:.6}", epoch + 1, losses[epoch]);
        }

        optimizer.zero_grad()?;
        backward(&loss)?;
        optimizer.step()?;
    }
    println!("OPTIMIZATION FINISHED");

    // Test
    let predict = tch::no_grad(|| model.forward(&test_x))?;
    let close = prices.select(1, 4);
    let dollars = f64::try_from(close.max() - close.min())? + 1e-7; // the value of a scaled 1
    for (name, forecast) in [("LSTM", &predict), ("yesterday's close", &test_x.select(1, -1).narrow(1, 4, 1))] {
        let mse = f64::try_from(mse_loss(forecast, &test_y, Reduction::Mean)?)?;
        println!("{name}: MSE {mse:.6}, RMSE {:.6}, RMSE in dollars {:.2}", mse.sqrt(), mse.sqrt() * dollars);
    }
    Ok(losses)
}
