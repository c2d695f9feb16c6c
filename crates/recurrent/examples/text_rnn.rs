//! `notebooks-ref/text_rnn.ipynb` as a Rust program, without its plots: an RNN predicts the last word of a sentence.
//! The code follows the notebook's cells in their order. Run it with `cargo run -p recurrent --example text_rnn`.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use recurrent::Rnn;
use tch::{Device, Kind, Reduction, Tensor, kind::FLOAT_CPU, nn};
use torch_ext::autograd::backward;
use torch_ext::nn::{cross_entropy, named_parameters};
use torch_ext::optim::{Adam, AdamOptions};

// Parameters
const SEED: i64 = 0;
const THREADS: i32 = 1;
const EPOCHS: usize = 500;
const LR: f64 = 0.01;
const HIDDEN_SIZE: i64 = 5;

// Model
struct TextRnn {
    rnn: Rnn,
    w: Tensor,
    b: Tensor,
}

impl TextRnn {
    fn new(path: &nn::Path<'_>, n_class: i64, n_hidden: i64) -> Result<TextRnn> {
        let rnn = Rnn::new(path / "rnn", n_class, n_hidden)?;
        let w = path.f_randn_standard("W", &[n_hidden, n_class])?;
        let b = path.f_randn_standard("b", &[n_class])?;
        Ok(TextRnn { rnn, w, b })
    }

    fn forward(&self, hidden: &Tensor, x: &Tensor) -> Result<Tensor> {
        let x = x.transpose(0, 1); // (2, 6, 9): steps, sentences, vocabulary
        let (outputs, _hidden) = self.rnn.forward(&x, Some(hidden))?; // (2, 6, 5): the state after each step
        Ok(outputs.get(-1).mm(&self.w) + &self.b) // (6, 9): a score for each word
    }
}

fn main() -> Result<()> {
    train(EPOCHS).map(drop)
}

/// Runs the notebook. Returns the loss of each epoch.
pub fn train(epochs: usize) -> Result<Vec<f32>> {
    // Word processing
    let sentences = ["i like dog", "i love coffe", "i hate milk", "you like cat", "you love milk", "you hate coffe"];
    let words = || sentences.iter().flat_map(|sentence| sentence.split(' '));
    let mut seen = HashSet::new();
    let word_list: Vec<&str> = words().filter(|word| seen.insert(*word)).collect(); // in order of first appearance
    let word_dict: BTreeMap<&str, i64> = word_list.iter().copied().zip(0..).collect();
    let n_class = word_list.len() as i64;
    println!("{n_class} words: {word_dict:?}");

    tch::set_num_threads(THREADS);
    tch::manual_seed(SEED);

    // One batch with all sentences
    let numbers: Vec<i64> = words().map(|word| word_dict[word]).collect();
    let numbers = Tensor::from_slice(&numbers).view([6, 3]);
    let input_batch = numbers.narrow(1, 0, 2).one_hot(n_class).to_kind(Kind::Float);
    let target_batch = numbers.select(1, 2);
    println!("input  {:?}\ntarget {:?}", input_batch.size(), target_batch.size());

    let vs = nn::VarStore::new(Device::Cpu);
    let model = TextRnn::new(&vs.root(), n_class, HIDDEN_SIZE)?;
    model.rnn.named_parameters().for_each(|(name, weight)| println!("rnn.{name:12} {:?}", weight.size()));

    // Training
    let mut optimizer = Adam::from_named(named_parameters(&vs), AdamOptions { lr: LR, ..AdamOptions::default() })?;
    let mut losses = Vec::new(); // one of each epoch
    for epoch in 0..epochs {
        let hidden = Tensor::zeros([1, 6, HIDDEN_SIZE], FLOAT_CPU);
        let output = model.forward(&hidden, &input_batch)?;
        let loss = cross_entropy(&output, &target_batch, Reduction::Mean)?;
        losses.push(f32::try_from(&loss)?);
        if (epoch + 1) % 100 == 0 {
            println!("Epoch: {:04} cost = {:.6}", epoch + 1, losses[epoch]);
        }

        optimizer.zero_grad()?;
        backward(&loss)?;
        optimizer.step()?;
    }
    println!("OPTIMIZATION FINISHED");

    // Test
    let hidden = Tensor::zeros([1, 6, HIDDEN_SIZE], FLOAT_CPU);
    let logits = tch::no_grad(|| model.forward(&hidden, &input_batch))?;
    let predicted = Vec::<i64>::try_from(logits.argmax(1, false))?;
    for (sentence, number) in sentences.iter().zip(predicted) {
        let input: Vec<&str> = sentence.split(' ').take(2).collect();
        println!("{} -> {}", input.join(" "), word_list[number as usize]);
    }
    let cross_entropy = f64::try_from(cross_entropy(&logits, &target_batch, Reduction::Mean)?)?;
    println!("perplexity = {:.4}", cross_entropy.exp());
    Ok(losses)
}
