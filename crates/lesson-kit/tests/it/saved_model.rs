//! The sizes of a model come from the shapes in its file, so they are checked before the model is built.

use lesson_kit::{Defaults, Lesson, RecurrentSizes, SavedModel};
use tch::Tensor;
use tch::kind::FLOAT_CPU;
use torch_ext::StateDict;

const LESSON: Lesson = Lesson {
    name: "toy",
    version: "0",
    defaults: Defaults { epochs: 1, lr: 0.1, hidden_size: 1, num_layers: 1, batch_size: None },
    pictures: &[],
    texts: &[],
};

/// A saved model with `gru.weight_hh_l{k}` of these shapes.
fn saved(shapes: &[&[i64]]) -> SavedModel {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    let named = |(k, shape): (usize, &&[i64])| (format!("gru.weight_hh_l{k}"), Tensor::zeros(*shape, FLOAT_CPU));
    shapes.iter().enumerate().map(named).collect::<StateDict>().save(&path).unwrap();
    SavedModel::read(&path, &LESSON).unwrap()
}

/// The error of [`SavedModel::recurrent_sizes`], after the path.
fn error(shapes: &[&[i64]], gates: &[i64]) -> String {
    let error = saved(shapes).recurrent_sizes("gru", gates).unwrap_err().to_string();
    error.split_once("model.pt is not a model of toy: it ").unwrap_or_else(|| panic!("{error}")).1.to_owned()
}

#[test]
fn the_sizes_come_from_the_shapes() {
    let sizes = |shapes: &[&[i64]], gates: &[i64]| saved(shapes).recurrent_sizes("gru", gates).unwrap();
    assert_eq!(sizes(&[&[12, 4], &[12, 4]], &[3]), RecurrentSizes { gates: 3, hidden_size: 4, num_layers: 2 });
    assert_eq!(sizes(&[&[16, 4]], &[1, 3, 4]), RecurrentSizes { gates: 4, hidden_size: 4, num_layers: 1 });
}

#[test]
fn shapes_that_no_recurrent_layer_has_are_an_error() {
    assert_eq!(error(&[], &[3]), "has no gru.weight_hh_l0");
    // An empty tensor takes no space in the file, and a model of this size 4.8 GB.
    assert_eq!(error(&[&[0, 20_000]], &[3]), "has gru.weight_hh_l0 of shape [0, 20000]; expected (3 * hidden, hidden)");
    for shape in [&[][..], &[0], &[12], &[0, 0], &[12, 4, 1], &[16, 4], &[12, 0]] {
        let error = error(&[shape], &[3]);
        assert!(error.starts_with(&format!("has gru.weight_hh_l0 of shape {shape:?}; expected")), "{error}");
    }
    assert!(
        error(&[&[8, 4]], &[1, 3, 4])
            .ends_with("expected (1 * hidden, hidden) or (3 * hidden, hidden) or (4 * hidden, hidden)")
    );
    assert_eq!(
        error(&[&[12, 4], &[15, 5]], &[3]),
        "has gru.weight_hh_l1 of shape [15, 5]; expected [12, 4], as in layer 0"
    );
    let layers = vec![&[3, 1][..]; 300];
    assert_eq!(error(&layers, &[3]), "has 300 layers; expected at most 256");
}

#[test]
fn the_shape_of_a_parameter_is_checked_by_name() {
    let saved = saved(&[&[12, 4]]);
    saved.check_shape("gru.weight_hh_l0", &[12, 4]).unwrap();
    let error = saved.check_shape("gru.weight_hh_l0", &[12, 5]).unwrap_err().to_string();
    assert!(error.ends_with("it has gru.weight_hh_l0 of shape [12, 4]; expected [12, 5]"), "{error}");
    assert!(saved.check_shape("fc.weight", &[1]).unwrap_err().to_string().ends_with("it has no fc.weight"));
}
