//! In candle, whose GRU has a single layer.

use std::error::Error;

use candle_core::{DType, Device, IndexOp, Tensor};
use candle_nn::rnn::{GRUConfig, RNN, gru};
use candle_nn::{AdamW, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap, linear, loss};
use peers::step::{BATCH, CLASSES, HIDDEN, LENGTH, LR, PIXELS, serve};

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::Cpu;
    let vars = VarMap::new();
    let vb = VarBuilder::from_varmap(&vars, DType::F32, &device);
    let first = gru(PIXELS, HIDDEN, GRUConfig::default(), vb.pp("first"))?;
    let second = gru(HIDDEN, HIDDEN, GRUConfig::default(), vb.pp("second"))?;
    let fc = linear(HIDDEN, CLASSES, vb.pp("fc"))?;
    let adam = ParamsAdamW { lr: LR, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut optimizer = AdamW::new(vars.all_vars(), adam)?;
    let x = Tensor::randn(0f32, 1f32, (BATCH, LENGTH, PIXELS), &device)?;
    let targets = Tensor::from_iter((0..BATCH).map(|i| (i * 7 % CLASSES) as u32), &device)?;

    serve(|| {
        let (mut h1, mut h2) = (first.zero_state(BATCH)?, second.zero_state(BATCH)?);
        for t in 0..LENGTH {
            h1 = first.step(&x.i((.., t))?, &h1)?;
            h2 = second.step(h1.h(), &h2)?;
        }
        let loss = loss::cross_entropy(&fc.forward(h2.h())?, &targets)?;
        optimizer.backward_step(&loss)?;
        Ok(loss.to_scalar::<f32>()?)
    })
}
