//! Arguments that do not fit are rejected, with the wrong numbers in the error.

use rnn_kernels::{
    Batch, CellKind, Config, Error, Input, InputGradients, InstructionSet, Network, Output, OutputGradients, Sequence,
    Serial,
};

const CONFIG: Config = Config {
    cell: CellKind::Lstm,
    input_size: 2,
    hidden_size: 3,
    num_layers: 2,
    bias: true,
    bidirectional: false,
    proj_size: 0,
};

/// One sequence of one step. The weights that are packed for it are valid for any number of steps.
const ONE: Batch<'static> = Batch::Padded { steps: 1, sequences: 1 };

fn parameters(config: &Config) -> Vec<Vec<f32>> {
    config.parameter_shapes().iter().map(|(m, n)| vec![0.1; m * n]).collect()
}

#[test]
fn sizes_of_zero_are_rejected() {
    for (name, config) in [
        ("input_size", Config { input_size: 0, ..CONFIG }),
        ("hidden_size", Config { hidden_size: 0, ..CONFIG }),
        ("num_layers", Config { num_layers: 0, ..CONFIG }),
    ] {
        let error = Network::new(config).unwrap_err();
        assert_eq!(error, Error::ZeroSize { name });
        assert_eq!(error.to_string(), format!("{name} must be greater than zero"));
    }
}

#[test]
fn projections_that_torch_rejects_are_rejected() {
    let error = Network::new(Config { proj_size: 3, ..CONFIG }).unwrap_err();
    assert_eq!(error, Error::ProjectionSize { proj_size: 3, hidden_size: 3 });
    assert_eq!(error.to_string(), "proj_size must be less than hidden_size, which is 3, but is 3");
    let error = Network::new(Config { cell: CellKind::Gru, proj_size: 2, ..CONFIG }).unwrap_err();
    assert_eq!(error, Error::ProjectionOfCell { cell: CellKind::Gru });
    assert_eq!(error.to_string(), "proj_size must be 0 for Gru: only LSTM has a projection");
}

/// With a projection, h and c have different numbers of features, and weight_hr follows the biases.
#[test]
fn wrong_lengths_with_a_projection_are_rejected() {
    for (bias, weight_hr) in [(true, 4), (false, 2)] {
        let config = Config { num_layers: 1, proj_size: 2, bias, ..CONFIG };
        let network = Network::new(config).unwrap();
        let parameters = parameters(&config);
        let mut slices: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
        let weights = network.pack(&slices, ONE, &Serial).unwrap();
        let forward = |h_0: usize, c_0: usize| {
            let (h_0, c_0) = (vec![0.0; h_0], vec![0.0; c_0]);
            let x = Sequence::contiguous(&[0.0; 2], 1, 2);
            let input = Input { batch: ONE, x, h_0: Some(&h_0), c_0: Some(&c_0), dropout: &[] };
            let output = Output { output: &mut [0.0; 2], h_n: &mut [0.0; 2], c_n: Some(&mut [0.0; 3]) };
            network.forward(&weights, &input, output, &Serial)
        };
        assert_eq!(forward(2, 3), Ok(()));
        assert_eq!(forward(3, 3), Err(Error::Length { what: "h_0", expected: 2, got: 3 }));
        assert_eq!(forward(2, 2), Err(Error::Length { what: "c_0", expected: 3, got: 2 }));
        slices[weight_hr] = &[0.0; 7];
        let error = network.pack(&slices, ONE, &Serial).err();
        assert_eq!(error, Some(Error::Length { what: "weight_hr", expected: 6, got: 7 }));
    }
}

#[test]
fn sizes_that_overflow_are_rejected() {
    let quarter = usize::MAX / 4 + 1; // four gates of this size have zero rows modulo 2^64
    for config in [
        Config { hidden_size: quarter, ..CONFIG },
        Config { input_size: quarter, ..CONFIG },
        Config { num_layers: usize::MAX, ..CONFIG },
    ] {
        assert!(matches!(Network::new(config), Err(Error::OutOfMemory { .. })), "{config:?}");
    }
}

/// The output of so many steps has zero numbers modulo 2^64. A step stride of zero makes a short x valid.
#[test]
fn a_number_of_steps_that_overflows_is_rejected() {
    let config = Config { hidden_size: 4, num_layers: 1, ..CONFIG };
    let network = Network::new(config).unwrap();
    let parameters = parameters(&config);
    let slices: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
    let weights = network.pack(&slices, ONE, &Serial).unwrap();
    let x = Sequence { data: &[0.0; 2], step_stride: 0, batch_stride: 2 };
    let (mut h_n, mut c_n) = (vec![0.0; 4], vec![0.0; 4]);
    let batch = Batch::Padded { steps: usize::MAX / 4 + 1, sequences: 1 };
    let input = Input { batch, x, h_0: None, c_0: None, dropout: &[] };
    let output = Output { output: &mut [], h_n: &mut h_n, c_n: Some(&mut c_n) };
    let error = network.forward(&weights, &input, output, &Serial);
    assert_eq!(error, Err(Error::Length { what: "output", expected: usize::MAX, got: 0 }));
}

/// Only LSTM has c. For other cells the slices for c_n and d c_0 stay as they are.
#[test]
fn a_cell_without_c_ignores_the_arguments_for_c() {
    let config = Config { cell: CellKind::Gru, ..CONFIG };
    let network = Network::new(config).unwrap();
    let parameters = parameters(&config);
    let slices: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
    let weights = network.pack(&slices, ONE, &Serial).unwrap();
    let input =
        Input { batch: ONE, x: Sequence::contiguous(&[0.5; 2], 1, 2), h_0: None, c_0: Some(&[9.0; 6]), dropout: &[] };
    let (mut output, mut h_n, mut c_n, mut d_c_0) = ([0.0; 3], [0.0; 6], [7.0; 6], [7.0; 6]);
    let results = Output { output: &mut output, h_n: &mut h_n, c_n: Some(&mut c_n) };
    let tape = network.forward_with_tape(&weights, &input, results, &Serial).unwrap();
    let given = OutputGradients { h_n: Some(&[1.0; 6]), c_n: Some(&[1.0; 6]), ..OutputGradients::default() };
    let wanted = InputGradients { c_0: Some(&mut d_c_0), ..InputGradients::default() };
    network.backward(&tape, &slices, &given, wanted, &Serial).unwrap();
    assert_eq!((c_n, d_c_0), ([7.0; 6], [7.0; 6]));
}

#[test]
fn wrong_lengths_are_rejected() {
    let network = Network::new(CONFIG).unwrap();
    let parameters = parameters(&CONFIG);
    let mut slices: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
    let weights = network.pack(&slices, ONE, &Serial).unwrap();

    let forward = |x: &[f32], steps, h_0: usize, output: usize, c_n: Option<usize>, mask: Option<usize>| {
        let h_0 = vec![0.0; h_0];
        let mask = mask.map(|length| vec![1.0; length]);
        let masks: Vec<&[f32]> = mask.iter().map(Vec::as_slice).collect();
        let x = Sequence::contiguous(x, 1, 2);
        let input =
            Input { batch: Batch::Padded { steps, sequences: 1 }, x, h_0: Some(&h_0), c_0: None, dropout: &masks };
        let (mut output, mut h_n, mut c_n) = (vec![0.0; output], vec![0.0; 6], c_n.map(|length| vec![0.0; length]));
        network.forward(
            &weights,
            &input,
            Output { output: &mut output, h_n: &mut h_n, c_n: c_n.as_deref_mut() },
            &Serial,
        )
    };
    let x = [1.0; 8];
    let length = |what, expected, got| Err(Error::Length { what, expected, got });
    assert_eq!(forward(&x, 4, 6, 12, Some(6), None), Ok(()));
    assert_eq!(forward(&x, 4, 6, 12, Some(6), Some(12)), Ok(()));
    assert_eq!(forward(&x[..7], 4, 6, 12, Some(6), None), length("x", 8, 7));
    assert_eq!(forward(&x, 4, 5, 12, Some(6), None), length("h_0", 6, 5));
    assert_eq!(forward(&x, 4, 6, 13, Some(6), None), length("output", 12, 13));
    assert_eq!(forward(&x, 4, 6, 12, Some(7), None), length("c_n", 6, 7));
    assert_eq!(forward(&x, 4, 6, 12, None, None), length("c_n", 6, 0));
    assert_eq!(forward(&x, 4, 6, 12, Some(6), Some(11)), length("dropout", 12, 11));
    assert_eq!(forward(&x, 0, 6, 12, Some(6), None), Err(Error::ZeroSize { name: "the number of steps" }));

    slices[1] = &x;
    let error = network.pack(&slices, ONE, &Serial).err();
    assert_eq!(error, Some(Error::Length { what: "weight_hh", expected: 36, got: 8 }));
    slices.pop();
    let error = network.pack(&slices, ONE, &Serial).err();
    assert_eq!(error, Some(Error::ParameterCount { expected: 8, got: 7 }));
}

#[test]
fn strides_beyond_the_slice_are_rejected() {
    let network = Network::new(CONFIG).unwrap();
    let parameters = parameters(&CONFIG);
    let slices: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
    let weights = network.pack(&slices, ONE, &Serial).unwrap();
    let x = Sequence { data: &[0.0; 4], step_stride: usize::MAX / 2, batch_stride: 1 };
    let (mut output, mut h_n, mut c_n) = (vec![0.0; 9], vec![0.0; 6], vec![0.0; 6]);
    let input = Input { batch: Batch::Padded { steps: 3, sequences: 1 }, x, h_0: None, c_0: None, dropout: &[] };
    let output = Output { output: &mut output, h_n: &mut h_n, c_n: Some(&mut c_n) };
    assert!(matches!(network.forward(&weights, &input, output, &Serial), Err(Error::Length { what: "x", .. })));
}

#[test]
fn batch_sizes_that_are_no_lengths_are_rejected() {
    let network = Network::new(CONFIG).unwrap();
    let parameters = parameters(&CONFIG);
    let slices: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
    let forward = |batch_sizes: &[usize], rows: usize| {
        let batch = Batch::Packed(batch_sizes);
        let weights = network.pack(&slices, batch, &Serial)?;
        let x = vec![0.0; rows * 2];
        let (mut output, mut h_n, mut c_n) = (vec![0.0; rows * 3], vec![0.0; 12], vec![0.0; 12]);
        let x = Sequence::contiguous(&x, 2, 2);
        let output = Output { output: &mut output, h_n: &mut h_n, c_n: Some(&mut c_n) };
        network.forward(&weights, &Input { batch, x, h_0: None, c_0: None, dropout: &[] }, output, &Serial)
    };
    let length = |what, expected, got| Err(Error::Length { what, expected, got });
    let grows = Error::BatchSizes { step: 2, size: 2, previous: 1 };
    assert_eq!(grows.to_string(), "batch_sizes[2] must be from 1 to 1, the size before it, but is 2");
    assert_eq!(forward(&[2, 1, 1], 4), Ok(()));
    assert_eq!(forward(&[2, 2], 4), Ok(()));
    assert_eq!(forward(&[2, 1, 2], 5), Err(grows));
    assert_eq!(forward(&[2, 0], 2), Err(Error::BatchSizes { step: 1, size: 0, previous: 2 }));
    assert_eq!(forward(&[0], 0), Err(Error::ZeroSize { name: "the batch size" }));
    assert_eq!(forward(&[], 0), Err(Error::ZeroSize { name: "the number of steps" }));
    assert_eq!(forward(&[2, 1], 4), length("output", 9, 12));
    assert_eq!(forward(&[2, 2, 1], 4), length("output", 15, 12));
    let huge = usize::MAX / 2 + 1;
    assert_eq!(forward(&[huge, huge, 1], 4), length("c_n", usize::MAX, 12));
    assert_eq!(forward(&[huge, huge], 4), length("c_n", usize::MAX, 12));
}

#[test]
fn rows_beyond_the_slice_are_rejected() {
    let network = Network::new(CONFIG).unwrap();
    let parameters = parameters(&CONFIG);
    let slices: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
    let batch = Batch::Packed(&[2, 1]);
    let weights = network.pack(&slices, batch, &Serial).unwrap();
    let (mut output, mut h_n, mut c_n) = (vec![0.0; 9], vec![0.0; 12], vec![0.0; 12]);
    for (length, batch_stride, expected) in [(5, 2, 6), (6, 3, 8), (6, usize::MAX / 2, usize::MAX)] {
        let x = Sequence { data: &[0.0; 6][..length], step_stride: 0, batch_stride };
        let output = Output { output: &mut output, h_n: &mut h_n, c_n: Some(&mut c_n) };
        let input = Input { batch, x, h_0: None, c_0: None, dropout: &[] };
        let error = network.forward(&weights, &input, output, &Serial);
        assert_eq!(error, Err(Error::Length { what: "x", expected, got: length }));
    }
}

#[test]
fn weights_of_another_network_are_rejected() {
    let network = Network::new(CONFIG).unwrap();
    let other = Config { cell: CellKind::Gru, ..CONFIG };
    let parameters = parameters(&other);
    let slices: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
    let weights = Network::new(other).unwrap().pack(&slices, ONE, &Serial).unwrap();
    assert!(!weights.fits(&network, ONE));
    let (mut output, mut h_n, mut c_n) = (vec![0.0; 3], vec![0.0; 6], vec![0.0; 6]);
    let x = Sequence::contiguous(&[0.0; 2], 1, 2);
    let input = Input { batch: ONE, x, h_0: None, c_0: None, dropout: &[] };
    let output = Output { output: &mut output, h_n: &mut h_n, c_n: Some(&mut c_n) };
    assert_eq!(network.forward(&weights, &input, output, &Serial), Err(Error::WeightsMismatch));
}

#[test]
fn instruction_sets_are_found_by_name() {
    let names: Vec<_> = InstructionSet::available().map(InstructionSet::name).collect();
    assert_eq!(names.last(), Some(&"portable"));
    for name in &names {
        assert_eq!(InstructionSet::named(name).unwrap().name(), *name);
    }
    let error = InstructionSet::named("sse9").unwrap_err().to_string();
    assert_eq!(error, format!("RNN_KERNELS=sse9: this CPU offers {}", names.join(", ")));
}
