//! The streaming step gives the bits of a forward pass.

use rnn_kernels::{Batch, Config, Error, Input, InstructionSet, Network, Output, Sequence, Serial, Stepper};

use crate::accuracy::{CELLS, instruction_sets};
use crate::problem::{Problem, Random};

/// Runs the whole sequences of a problem. Returns the output, h_n and c_n.
fn forward(network: &Network, problem: &Problem, slices: &[&[f32]]) -> [Vec<f32>; 3] {
    let sizes = problem.batch_sizes();
    let batch = problem.batch(&sizes);
    let weights = network.pack(slices, batch, &Serial).unwrap();
    let mut results = [problem.d_output.clone(), problem.h_0.clone(), problem.c_0.clone()];
    let [output, h_n, c_n] = &mut results;
    let input = Input {
        batch,
        x: Sequence::contiguous(&problem.x, batch.sequences(), problem.config.input_size),
        h_0: Some(&problem.h_0),
        c_0: Some(&problem.c_0),
        dropout: &[],
    };
    network.forward(&weights, &input, Output { output, h_n, c_n: Some(c_n) }, &Serial).unwrap();
    results
}

/// Runs a problem step by step.
fn step_by_step(stepper: &mut Stepper, network: &Network, problem: &Problem, slices: &[&[f32]]) -> [Vec<f32>; 3] {
    let (config, sequences) = (problem.config, problem.lengths.len());
    let weights = network.pack(slices, Batch::Padded { steps: 1, sequences }, &Serial).unwrap();
    let [mut output, mut h, mut c] = [problem.d_output.clone(), problem.h_0.clone(), problem.c_0.clone()];
    let steps = problem.x.chunks(sequences * config.input_size);
    for (x, output) in steps.zip(output.chunks_mut(sequences * config.output_size())) {
        stepper.step(&weights, x, &mut h, Some(&mut c), output).unwrap();
    }
    [output, h, c]
}

#[test]
fn steps_give_the_bits_of_the_whole_sequence() {
    let random = &mut Random(5);
    let batches: &[usize] = if cfg!(miri) { &[1, 5] } else { &[1, 3, 16, 70, 130] };
    let sizes: &[usize] = if cfg!(miri) { &[3] } else { &[1, 5, 16, 33, 64, 130] };
    for (cell, hidden_size, sequences) in
        CELLS.iter().flat_map(|cell| sizes.iter().flat_map(move |size| batches.iter().map(move |b| (*cell, *size, *b))))
    {
        let num_layers = 1 + usize::from(random.next() > 0.0);
        let projected = cell == CELLS[2] && hidden_size > 1 && random.next() > 0.0;
        let proj_size = if projected { hidden_size / 2 } else { 0 };
        let config =
            Config { cell, input_size: 6, hidden_size, num_layers, bias: true, bidirectional: false, proj_size };
        let problem = Problem::draw(config, &vec![if cfg!(miri) { 2 } else { 4 }; sequences], false, 7);
        let slices: Vec<&[f32]> = problem.parameters.iter().map(Vec::as_slice).collect();
        for set in instruction_sets() {
            let network = Network::with_instruction_set(config, set).unwrap();
            let mut stepper = network.stepper(sequences).unwrap();
            let sequence = forward(&network, &problem, &slices);
            for _ in 0..if cfg!(miri) { 1 } else { 2 } {
                let steps = step_by_step(&mut stepper, &network, &problem, &slices);
                assert!(steps == sequence, "{config:?}, {sequences} sequences, {set:?}");
            }
        }
    }
}

#[test]
fn wrong_arguments_of_a_step_are_rejected() {
    let lstm = Config {
        cell: CELLS[2],
        input_size: 2,
        hidden_size: 3,
        num_layers: 2,
        bias: false,
        bidirectional: false,
        proj_size: 0,
    };
    let set = InstructionSet::named("portable").unwrap();
    let network = Network::with_instruction_set(lstm, set).unwrap();
    let parameters: Vec<Vec<f32>> = lstm.parameter_shapes().iter().map(|(m, n)| vec![0.1; m * n]).collect();
    let slices: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
    let weights = network.pack(&slices, Batch::Padded { steps: 1, sequences: 2 }, &Serial).unwrap();
    let mut stepper = network.stepper(2).unwrap();
    assert_eq!(stepper.sequences(), 2);
    let mut step = |x: usize, h: usize, c: Option<usize>, output: usize| {
        let (mut h, mut c, mut output) = (vec![0.0; h], c.map(|length| vec![0.0; length]), vec![0.0; output]);
        stepper.step(&weights, &vec![0.0; x], &mut h, c.as_deref_mut(), &mut output)
    };
    let length = |what, expected, got| Err(Error::Length { what, expected, got });
    assert_eq!(step(4, 12, Some(12), 6), Ok(()));
    assert_eq!(step(5, 12, Some(12), 6), length("x", 4, 5));
    assert_eq!(step(4, 11, Some(12), 6), length("h", 12, 11));
    assert_eq!(step(4, 12, Some(13), 6), length("c", 12, 13));
    assert_eq!(step(4, 12, None, 6), length("c", 12, 0));
    assert_eq!(step(4, 12, Some(12), 7), length("output", 6, 7));

    let many = network.pack(&slices, Batch::Padded { steps: 1, sequences: 16 }, &Serial).unwrap();
    let (mut h, mut c) = ([0.0; 12], [0.0; 12]);
    let error = stepper.step(&many, &[0.0; 4], &mut h, Some(&mut c), &mut [0.0; 6]);
    assert_eq!(error, Err(Error::WeightsMismatch)); // packed for the other memory layout

    assert_eq!(network.stepper(0).err(), Some(Error::ZeroSize { name: "the batch size" }));
    for sequences in [usize::MAX, usize::MAX / 32] {
        assert!(matches!(network.stepper(sequences), Err(Error::OutOfMemory { .. })), "{sequences}");
    }
    let bidirectional = Network::with_instruction_set(Config { bidirectional: true, ..lstm }, set).unwrap();
    let error = bidirectional.stepper(1).err().unwrap();
    assert_eq!(
        error.to_string(),
        "a bidirectional network cannot run step by step, because its reverse direction starts at the last step: run \
         forward over the whole sequence"
    );
}
