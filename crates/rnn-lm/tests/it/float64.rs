//! The training of this lesson in float64, by which the f32 losses are judged.

use std::path::Path;

use lesson_kit::cross_entropy;
use rnn_lm::corpus::{Corpus, batchify, pieces};
use rnn_lm::model::{Cell, LanguageModel, Sizes, State};
use rnn_lm::tokens::Unit;
use tch::nn::VarStore;
use tch::{Device, Kind, Reduction, Tensor};
use torch_ext::optim::{Adam, AdamOptions, clip_grad_norm_};

use crate::support::seeded;

/// The losses of the first pieces of a corpus after seed 0, from the f32 weights that the lesson starts with. The options are
/// those of [`train`](crate::support::train), and the lesson's defaults.
pub fn first_losses(corpus: &Path, cell: Cell, layers: i64, count: usize) -> Vec<f64> {
    let corpus = Corpus::read(corpus, Unit::Word).unwrap();
    let vocabulary = corpus.vocabulary(5).unwrap();
    let columns = batchify(&vocabulary.encode(corpus.train()), 4, Device::Cpu).unwrap();
    let _turn = seeded(0);
    let mut vs = VarStore::new(Device::Cpu);
    let sizes = Sizes { words: vocabulary.len() as i64, hidden: 16, layers };
    let model = LanguageModel::new(&vs.root(), cell, sizes, 0.2).unwrap();
    vs.double();
    let parameters = model.named_parameters();
    let tensors = || parameters.iter().map(|(_, tensor)| tensor);
    let mut optimizer = Adam::new(tensors(), AdamOptions { lr: 0.02, ..AdamOptions::default() }).unwrap();
    let mut state: Option<State> = None;
    let step = |(words, targets): (Tensor, Tensor)| {
        let (scores, after) = model.forward(&words, state.as_ref()).unwrap();
        state = Some(after.detach());
        let loss = cross_entropy(&scores, &targets, Reduction::Mean).unwrap();
        optimizer.zero_grad().unwrap();
        loss.backward();
        let _norm = clip_grad_norm_(tensors(), 0.25, 2.0).unwrap();
        optimizer.step().unwrap();
        assert_eq!(loss.kind(), Kind::Double);
        loss.double_value(&[])
    };
    pieces(&columns, 10).unwrap().into_iter().take(count).map(step).collect()
}
