//! Which word does a sentence begin with? A bidirectional LSTM reads sentences of different lengths.

use recurrent::tch::{self, Device, Kind, Reduction, Tensor, nn::VarStore};
use recurrent::torch_ext::nn::{Embedding, Linear, cross_entropy, named_parameters};
use recurrent::torch_ext::optim::{Adam, AdamOptions, clip_grad_norm_};
use recurrent::torch_ext::{autograd::backward, pt_file};
use recurrent::{Backend, Lstm, LstmConfig, StateDict, pack_padded_sequence};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const WORDS: i64 = 10;

struct Model {
    embedding: Embedding,
    lstm: Lstm,
    fc: Linear,
}

impl Model {
    fn new(vs: &VarStore) -> Result<Model> {
        let embedding = Embedding::new(vs.root() / "embedding", WORDS, 16)?;
        let lstm = LstmConfig::new(16, 32).num_layers(2).bidirectional(true).dropout(0.2).build(&(vs.root() / "lstm"))?;
        Ok(Model { embedding, lstm, fc: Linear::new(vs.root() / "fc", 64, WORDS)? })
    }

    /// `sentences`: (steps, batch), with `lengths` if they differ. Returns a score for each word: (batch, WORDS).
    fn forward(&self, sentences: &Tensor, lengths: Option<&[i64]>) -> Result<Tensor> {
        let x = self.embedding.forward(sentences)?;
        let state = match lengths {
            Some(lengths) => self.lstm.forward_packed(&pack_padded_sequence(&x, lengths, false, false)?, None)?.1,
            None => self.lstm.forward(&x, None)?.1,
        };
        let last = Tensor::cat(&[state.h.get(2), state.h.get(3)], 1); // both directions of the last layer
        Ok(self.fc.forward(&last)?)
    }
}

fn main() -> Result<()> {
    tch::manual_seed(0);
    let vs = VarStore::new(Device::Cpu);
    let model = Model::new(&vs)?;
    let mut adam = Adam::from_named(named_parameters(&vs), AdamOptions { lr: 0.01, ..AdamOptions::default() })?;
    for step in 1..=100 {
        let sentences = Tensor::randint(WORDS, [8, 32], (Kind::Int64, Device::Cpu));
        let lengths: Vec<i64> = Vec::try_from(Tensor::randint_low(1, 9, [32], (Kind::Int64, Device::Cpu)))?;
        let loss = cross_entropy(&model.forward(&sentences, Some(&lengths))?, &sentences.get(0), Reduction::Mean)?;
        adam.zero_grad()?;
        backward(&loss)?;
        let _norm = clip_grad_norm_(vs.trainable_variables(), 1.0, 2.0)?;
        adam.step()?;
        if step % 20 == 0 {
            println!("step {step}: loss {:.4}", loss.double_value(&[]));
        }
    }

    // As torch.save({"model": .., "optimizer": ..}, path) does. Python reads it with torch.load.
    let path = std::env::temp_dir().join("outside.pt");
    let checkpoint = [("model", StateDict::of(&vs).to_value()?), ("optimizer", adam.state_dict()?)];
    pt_file::save_file(&path, &pt_file::Value::dict(checkpoint))?;

    let vs = VarStore::new(Device::Cpu);
    let mut model = Model::new(&vs)?;
    let checkpoint = pt_file::load_file(&path)?;
    StateDict::from_value(checkpoint.get("model").ok_or("no model")?)?.load_into_var_store(&vs, true)?;
    let mut adam = Adam::from_named(named_parameters(&vs), AdamOptions::default())?;
    adam.load_state_dict(checkpoint.get("optimizer").ok_or("no optimizer")?)?; // lr 0.01, and all moments

    model.lstm.eval();
    model.lstm.set_backend(Backend::Fused)?; // faster on a CPU; the same numbers up to rounding
    let sentences = Tensor::from_slice2(&[[7i64, 3], [1, 3], [4, 9]]); // two sentences of three words
    let predicted: Vec<i64> = Vec::try_from(model.forward(&sentences, None)?.argmax(1, false))?;
    println!("the sentences begin with {predicted:?}");
    if predicted == [7, 3] { Ok(()) } else { Err("expected [7, 3]".into()) }
}
