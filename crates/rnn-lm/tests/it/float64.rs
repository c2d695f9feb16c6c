//! The training of this lesson in float64: the reference for the accuracy of f32 losses.

use std::path::Path;

use recurrent::AnyState;
use rnn_lm::commands::eval::columns;
use rnn_lm::data::{Corpus, Vocabulary, batchify, pieces};
use rnn_lm::model::{LanguageModel, LayerKind, Sizes};
use rnn_lm::tokens::Unit;
use tch::nn::VarStore;
use tch::{Device, Kind, Reduction, Tensor};
use test_support::seeded;
use torch_ext::nn::cross_entropy;
use torch_ext::optim::{Adam, AdamOptions, clip_grad_norm_};

/// The options of a training. The hidden size is 16, pieces have 10 steps, the learning rate is 0.02, and the other
/// options have the lesson's defaults.
pub struct Training {
    pub cell: LayerKind,
    pub layers: i64,
    pub dropout: f64,
    pub batch_size: i64,
}

impl Training {
    /// The losses of the first `count` pieces of the first epoch.
    pub fn first_losses(&self, corpus: &Path, count: usize) -> Vec<f64> {
        self.run(corpus, |run| run.epoch(0.02, count))
    }

    /// For each epoch: loss, training perplexity, validation perplexity and test perplexity.
    pub fn epochs(&self, corpus: &Path, count: i32) -> Vec<[f64; 4]> {
        self.run(corpus, |run| {
            let epoch = |number| {
                let losses = run.epoch(0.02 * 0.7f64.powi(number), usize::MAX);
                // All pieces but the last have 10 steps.
                let steps = run.train.size()[0] - 1;
                let last = steps - 10 * (losses.len() as i64 - 1);
                let sum: f64 = losses.iter().map(|loss| 10.0 * loss).sum();
                let loss = (sum - (10 - last) as f64 * losses.last().unwrap()) / steps as f64;
                let parts = [run.corpus.valid(), run.corpus.test()];
                let parts = parts.map(|part| columns(part, "part", &run.vocabulary, Device::Cpu).unwrap());
                let [valid, test] = parts.map(|columns| run.mean_loss(&columns));
                [loss, loss.exp(), valid.exp(), test.exp()]
            };
            (0..count).map(epoch).collect()
        })
    }

    fn run<T>(&self, corpus: &Path, what: impl FnOnce(&mut TrainingState) -> T) -> T {
        let corpus = Corpus::read(corpus, Unit::Word).unwrap();
        let vocabulary = corpus.vocabulary(5).unwrap();
        let train = batchify(&vocabulary.encode_part(corpus.train()), self.batch_size, Device::Cpu).unwrap();
        let _guard = seeded(0);
        tch::set_num_threads(1); // tests run in parallel
        let mut vs = VarStore::new(Device::Cpu);
        let sizes = Sizes { words: vocabulary.len() as i64, hidden: 16, layers: self.layers };
        let model = LanguageModel::new(&vs.root(), self.cell, sizes, self.dropout).unwrap();
        vs.double();
        let parameters: Vec<Tensor> = model.named_parameters().into_iter().map(|(_, tensor)| tensor).collect();
        let optimizer = Adam::new(&parameters, AdamOptions::default()).unwrap();
        what(&mut TrainingState { corpus, vocabulary, train, model, parameters, optimizer })
    }
}

/// A training in progress.
struct TrainingState {
    corpus: Corpus,
    vocabulary: Vocabulary,
    train: Tensor,
    model: LanguageModel,
    parameters: Vec<Tensor>,
    optimizer: Adam,
}

impl TrainingState {
    /// Trains on the first `count` pieces. Returns their losses.
    fn epoch(&mut self, lr: f64, count: usize) -> Vec<f64> {
        self.model.train();
        self.optimizer.param_groups_mut()[0].options.lr = lr;
        let mut state: Option<AnyState> = None;
        let step = |(words, targets): (Tensor, Tensor)| {
            let (scores, after) = self.model.forward(&words, state.as_ref()).unwrap();
            state = Some(after.detach());
            let loss = cross_entropy(&scores, &targets, Reduction::Mean).unwrap();
            self.optimizer.zero_grad().unwrap();
            loss.backward();
            let _norm = clip_grad_norm_(&self.parameters, 0.25, 2.0).unwrap();
            self.optimizer.step().unwrap();
            assert_eq!(loss.kind(), Kind::Double);
            loss.double_value(&[])
        };
        pieces(&self.train, 10).unwrap().into_iter().take(count).map(step).collect()
    }

    /// The mean loss over a part of the corpus, as columns.
    fn mean_loss(&mut self, columns: &Tensor) -> f64 {
        self.model.eval();
        let (words, targets) = pieces(columns, columns.size()[0]).unwrap().remove(0);
        let (scores, _) = tch::no_grad(|| self.model.forward(&words, None).unwrap());
        cross_entropy(&scores, &targets, Reduction::Mean).unwrap().double_value(&[])
    }
}
