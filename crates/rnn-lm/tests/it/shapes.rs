//! The model: shapes, parameter names, and wrong arguments.

use rnn_lm::model::{LanguageModel, LayerKind, Sizes};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};
use test_support::seeded;
use torch_ext::StateDict;

const SIZES: Sizes = Sizes { words: 9, hidden: 4, layers: 2 };

#[test]
fn forward_returns_scores_of_all_words_at_every_step() {
    let _guard = seeded(0);
    let words = Tensor::zeros([5, 3], (Kind::Int64, Device::Cpu));
    for cell in [LayerKind::Rnn, LayerKind::Lstm, LayerKind::Gru] {
        let vs = VarStore::new(Device::Cpu);
        let model = LanguageModel::new(&vs.root(), cell, SIZES, 0.5).unwrap();
        let (scores, state) = model.forward(&words, None).unwrap();
        assert_eq!(scores.size(), [15, 9], "{cell:?}");
        let (_, state) = model.forward(&words, Some(&state.detach())).unwrap();
        let _ = state.detach();
        let wrong = Tensor::full([5, 3], 9, (Kind::Int64, Device::Cpu));
        assert!(model.forward(&wrong, None).is_err(), "word number 9 is not in the vocabulary");
    }
}

#[test]
fn parameters_have_torchs_names_and_shapes() {
    let _guard = seeded(0);
    let vs = VarStore::new(Device::Cpu);
    let model = LanguageModel::new(&vs.root(), LayerKind::Lstm, Sizes { layers: 1, ..SIZES }, 0.0).unwrap();
    let named: Vec<_> = model.named_parameters().into_iter().map(|(name, tensor)| (name, tensor.size())).collect();
    let expected = [
        ("embedding.weight", vec![9, 4]),
        ("rnn.weight_ih_l0", vec![16, 4]),
        ("rnn.weight_hh_l0", vec![16, 4]),
        ("rnn.bias_ih_l0", vec![16]),
        ("rnn.bias_hh_l0", vec![16]),
        ("decoder.weight", vec![9, 4]),
        ("decoder.bias", vec![9]),
    ];
    assert_eq!(named, expected.map(|(name, shape)| (name.to_owned(), shape)));
    assert!(
        LanguageModel::new(&VarStore::new(Device::Cpu).root(), LayerKind::Rnn, Sizes { words: 0, ..SIZES }, 0.0)
            .is_err()
    );
}

#[test]
fn sizes_that_do_not_fit_the_weights_or_the_vocabulary_are_an_error() {
    let _guard = seeded(0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    let error = |name: &str, shape: &[i64]| {
        let vs = VarStore::new(Device::Cpu);
        let model = LanguageModel::new(&vs.root(), LayerKind::Gru, SIZES, 0.0).unwrap();
        let mut state_dict: StateDict = model.named_parameters().into_iter().collect();
        state_dict.insert(name, Tensor::zeros(shape, tch::kind::FLOAT_CPU));
        state_dict.save(&path).unwrap();
        let saved = lesson_kit::SavedModel::read(&path, &rnn_lm::LESSON).unwrap();
        LanguageModel::load(&saved, 9, Device::Cpu).unwrap_err().to_string()
    };
    for (name, shape, message) in [
        (
            "rnn.weight_hh_l0",
            [0, 20_000],
            "has rnn.weight_hh_l0 of shape [0, 20000]; expected (1 * hidden, hidden) or ",
        ),
        ("rnn.weight_hh_l1", [15, 5], "has rnn.weight_hh_l1 of shape [15, 5]; expected [12, 4], as in layer 0"),
        (
            "embedding.weight",
            [1_000_000_000, 0],
            "the model has 1000000000 words and its vocabulary has 9: they do not ",
        ),
        ("embedding.weight", [9, 5], "has embedding.weight of shape [9, 5]; expected [9, 4]"),
        ("decoder.weight", [0, 4], "has decoder.weight of shape [0, 4]; expected [9, 4]"),
    ] {
        let error = error(name, &shape);
        assert!(error.contains(message), "{error}");
    }
}
