//! The message of every error that a caller can cause.

use ndarray::{Array1, Array2, Array3, Axis, array};
use rnn_runtime::{
    BatchNorm1d, Conv1d, Conv1dOptions, Embedding, Error, Gru, LayerNorm, Linear, Lstm, Options, Result, Rnn,
    StateDict, argmax, softmax,
};

use crate::reference::Network;
use crate::support::state_dict;

fn message<T>(result: Result<T>) -> String {
    result.map(drop).unwrap_err().to_string()
}

fn network(mode: &'static str, directions: usize) -> StateDict {
    Network::draw(mode, [3, 5, 2], 1, directions, true).state_dict()
}

fn zeros(tensors: &[(&str, &[usize])]) -> StateDict {
    state_dict(tensors.iter().map(|(name, shape)| (*name, shape.to_vec(), vec![0.0; shape.iter().product()])))
}

#[test]
fn shapes_of_input_and_state_have_torchs_messages() {
    let gru = Gru::from_state_dict(&network("gru", 1), Options::default()).unwrap();
    let lstm = Lstm::from_state_dict(&network("lstm-proj", 1), Options::default()).unwrap();
    let x = Array3::zeros((4, 2, 3));
    let state = |rows, batch, size| Array3::zeros((rows, batch, size));
    for (ours, torchs) in [
        (
            message(gru.forward(Array3::zeros((4, 2, 7)).view(), None)),
            "input.size(-1) must be equal to input_size. Expected 3, got 7",
        ),
        (message(gru.forward(x.view(), Some(&state(2, 7, 5)))), "Expected hidden size (1, 2, 5), got [2, 7, 5]"),
        (
            message(lstm.forward(x.view(), Some(&(state(1, 2, 5), state(1, 2, 5))))),
            "Expected hidden[0] size (1, 2, 2), got [1, 2, 5]",
        ),
        (
            message(lstm.forward(x.view(), Some(&(state(1, 2, 2), state(1, 2, 2))))),
            "Expected hidden[1] size (1, 2, 5), got [1, 2, 2]",
        ),
        (
            message(gru.forward(Array3::zeros((0, 2, 3)).view(), None)),
            "Expected sequence length to be larger than 0 in RNN",
        ),
        (
            message(gru.forward_lengths(x.view(), &[4, 1, 1], None)),
            "Expected `len(lengths)` to be equal to batch_size, but got 3 (batch_size=2)",
        ),
        (
            message(gru.forward_lengths(x.view(), &[4, 0], None)),
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: lengths[1]",
        ),
        (message(gru.forward_lengths(x.view(), &[1, 5], None)), "lengths[1] is 5, but the input has 4 steps"),
        (message(gru.forward_lengths(Array3::zeros((4, 0, 3)).view(), &[], None)), "Cannot pack empty tensors."),
        (
            message(gru.step(Array2::zeros((2, 7)).view(), &mut state(1, 2, 5))),
            "input.size(-1) must be equal to input_size. Expected 3, got 7",
        ),
        (
            message(gru.step(Array2::zeros((2, 3)).view(), &mut state(1, 3, 5))),
            "Expected hidden size (1, 2, 5), got [1, 3, 5]",
        ),
        (
            message(gru.step(Array1::zeros(3).view(), &mut Array2::zeros((2, 5)))),
            "Expected hidden size (1, 1, 5), got [2, 1, 5]",
        ),
    ] {
        assert_eq!(ours, torchs);
    }
    let both = Gru::from_state_dict(&network("gru", 2), Options::default()).unwrap();
    let mut state = both.zero_state(2).unwrap();
    assert_eq!(
        message(both.step(Array2::zeros((2, 3)).view(), &mut state)),
        "a bidirectional layer cannot run step by step, because its reverse direction starts at the end of the sequence; \
         use forward"
    );
}

#[test]
fn inputs_of_other_layers_are_checked() {
    let linear = Linear::from_state_dict(&zeros(&[("weight", &[2, 3])])).unwrap();
    let embedding = Embedding::from_state_dict(&zeros(&[("weight", &[4, 3])])).unwrap();
    let conv = Conv1d::from_state_dict(&zeros(&[("weight", &[2, 3, 4])]), Conv1dOptions::default()).unwrap();
    let norm = LayerNorm::from_state_dict(&zeros(&[("weight", &[2, 3])])).unwrap();
    let batch_norm = BatchNorm1d::from_state_dict(&zeros(&[("running_mean", &[3]), ("running_var", &[3])])).unwrap();
    let x = Array2::<f32>::zeros((5, 4));
    for (ours, expected) in [
        (message(linear.forward(x.view())), "Linear: expected an input of shape [.., 3], got [5, 4]"),
        (
            message(embedding.forward(array![0, 4].view())),
            "index out of range in self: 4 is not in 0..4, the rows of the embedding",
        ),
        (
            message(embedding.forward(array![-1i64].view())),
            "index out of range in self: -1 is not in 0..4, the rows of the embedding",
        ),
        (
            message(conv.forward(x.view())),
            "Conv1d: expected an input of shape [batch, 3, length] or [3, length], got [5, 4]",
        ),
        (
            message(conv.forward(Array2::zeros((3, 3)).view())),
            "Conv1d: expected an input of shape [.., 3, length] with a padded length above 3, got [3, 3]",
        ),
        (message(norm.forward(x.view())), "LayerNorm: expected an input of shape [.., 2, 3], got [5, 4]"),
        (
            message(batch_norm.forward(x.view())),
            "BatchNorm1d: expected an input of shape [batch, 3] or [batch, 3, length], got [5, 4]",
        ),
        (
            message(softmax(x.view(), Axis(2))),
            "dimension 2 is out of range: the array has 2 dimensions, counted from 0",
        ),
        (
            message(argmax(Array2::zeros((0, 2)).view(), Axis(0))),
            "argmax: expected dimension 0 to have at least one element",
        ),
    ] {
        assert_eq!(ours, expected);
    }
}

#[test]
fn settings_of_a_convolution_are_checked() {
    let weights = zeros(&[("weight", &[4, 3, 2])]);
    let build = |options: Conv1dOptions| message(Conv1d::from_state_dict(&weights, options));
    let options = Conv1dOptions::default;
    assert_eq!(build(options().stride(0)), "Conv1d: stride must be greater than zero");
    assert_eq!(build(options().dilation(0)), "Conv1d: dilation must be greater than zero");
    assert_eq!(build(options().groups(0)), "Conv1d: groups must be greater than zero");
    assert_eq!(build(options().groups(3)), "Conv1d: out_channels must be divisible by groups, got 4 and 3");
    assert_eq!(
        build(options().padding_same().stride(2)),
        "Conv1d: padding='same' is not supported for strided convolutions, got stride 2"
    );
}

#[test]
fn one_error_lists_every_weight_that_does_not_fit() {
    let weights = zeros(&[
        ("enc.gru.weight_ih_l0", &[15, 3]),
        ("enc.gru.weight_hh_l0", &[15, 5]),
        ("enc.gru.bias_ih_l0", &[14]),
        ("enc.gru.weight_ih_l1", &[15, 6]),
        ("enc.fc.weight", &[2, 5]),
    ]);
    assert_eq!(
        message(Gru::from_state_dict(&weights.prefix("enc.gru"), Options::default())),
        "GRU at \"enc.gru\": 6 tensors of the file cannot be used
  enc.gru.bias_ih_l0: expected the shape [15], found [14]
  enc.gru.bias_hh_l0: missing, expected the shape [15]
  enc.gru.weight_ih_l1: expected the shape [15, 5], found [15, 6]
  enc.gru.weight_hh_l1: missing, expected the shape [15, 5]
  enc.gru.bias_ih_l1: missing, expected the shape [15]
  enc.gru.bias_hh_l1: missing, expected the shape [15]
The names there are weight_ih_l0, weight_hh_l0, bias_ih_l0, weight_ih_l1"
    );
    let error = Gru::from_state_dict(&weights.prefix("enc.gru"), Options::default()).unwrap_err();
    let Error::Weights(error) = error else { unreachable!() };
    assert_eq!((error.count(), error.faults()[0].name.as_str()), (6, "enc.gru.bias_ih_l0"));
}

#[test]
fn a_missing_weight_that_is_elsewhere_in_the_file_is_found() {
    let weights = zeros(&[("model.module.fc.weight", &[2, 5]), ("epoch", &[1])]);
    assert_eq!(
        message(Linear::from_state_dict(&weights.prefix("fc"))),
        "Linear at \"fc\": 1 tensor of the file cannot be used
  fc.weight: missing, expected 2 dimensions
The file has these names after \"model.module.\"; call .prefix(\"model.module\") first.
The names in the file are model.module.fc.weight, epoch"
    );
    assert!(Linear::from_state_dict(&weights.prefix("model.module").prefix("fc")).is_ok());
    assert_eq!(
        message(Linear::from_state_dict(&zeros(&[]))),
        "Linear: 1 tensor of the file cannot be used\n  weight: missing, expected 2 dimensions\nThe file has no tensors."
    );
}

#[test]
fn the_weights_of_another_kind_of_layer_are_named() {
    let fault = |message: String| message.lines().nth(1).unwrap().trim_start().to_owned();
    let lstm = network("lstm", 1);
    let gru = network("gru", 1);
    let rnn = network("rnn-tanh", 1);
    for (found, expected) in [
        (
            message(Gru::from_state_dict(&lstm, Options::default())),
            "weight_hh_l0: expected the shape [3 * hidden_size, hidden_size], found [20, 5], the shape of an LSTM with \
             hidden_size 5",
        ),
        (
            message(Rnn::from_state_dict(&gru, Options::default())),
            "weight_hh_l0: expected the shape [hidden_size, hidden_size], found [15, 5], the shape of a GRU with \
             hidden_size 5",
        ),
        (
            message(Lstm::from_state_dict(&rnn, Options::default())),
            "weight_hh_l0: expected the shape [4 * hidden_size, hidden_size], found [5, 5], the shape of an RNN with \
             hidden_size 5",
        ),
    ] {
        assert_eq!(fault(found), expected);
    }
    let odd = zeros(&[("weight_ih_l0", &[7, 3]), ("weight_hh_l0", &[7, 5])]);
    let found = fault(message(Gru::from_state_dict(&odd, Options::default())));
    assert!(found.ends_with("found [7, 5], the shape of no recurrent layer"), "{found}");
}

#[test]
fn a_long_message_is_shortened_and_safe_to_print() {
    let names: Vec<String> = (0..1000).map(|i| format!("\u{1b}[2J{}{i}", "long".repeat(50))).collect();
    let weights = state_dict(names.iter().map(|name| (name, vec![1], vec![0.0])));
    let text = message(Gru::from_state_dict(&weights, Options::default()));
    assert!(text.ends_with(", and 980 more"), "{text}");
    assert!(text.len() < 4000 && !text.contains('\u{1b}'), "{text}");
    let gru = zeros(&[("weight_ih_l0", &[3, 1]), ("weight_hh_l0", &[3, 1]), ("bias_ih_l99", &[3])]);
    let text = message(Gru::from_state_dict(&gru, Options::default()));
    assert!(text.contains("397 tensors") && text.contains("\n  and 377 more\n"), "{text}");
}
