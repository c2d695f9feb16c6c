//! Benchmarks on one thread: the networks of the lessons, forward and backward; streaming steps; and the matrix
//! products, compared with other libraries. Run them with `cargo bench -p rnn-kernels`. `scripts/bench.sh` compares the
//! networks with PyTorch.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rnn_kernels::bench_gemm::PackedRight;
use rnn_kernels::{
    Batch, CellKind, Config, Input, InputGradients, InstructionSet, Network, Output, OutputGradients, Sequence, Serial,
};

/// Name, configuration, number of steps and batch size.
fn networks() -> [(&'static str, Config, usize, usize); 4] {
    let config = |cell, input_size, hidden_size, num_layers| Config {
        cell,
        input_size,
        hidden_size,
        num_layers,
        bias: true,
        bidirectional: false,
        proj_size: 0,
    };
    [
        ("text-rnn", config(CellKind::RnnTanh, 9, 5, 1), 2, 6),
        ("stock-lstm", config(CellKind::Lstm, 5, 10, 1), 7, 507),
        ("mnist-gru", config(CellKind::Gru, 28, 128, 2), 28, 100),
        ("mnist-gru, batch 1", config(CellKind::Gru, 28, 128, 2), 28, 1),
    ]
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919) % 1000) as f32 / 5000.0 - 0.1).collect()
}

fn steps(criterion: &mut Criterion) {
    for (name, config, steps, batch) in networks() {
        let mut group = criterion.benchmark_group(name);
        let parameters: Vec<_> = config.parameter_shapes().iter().map(|(m, n)| numbers(m * n)).collect();
        let parameters: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
        let x = numbers(steps * batch * config.input_size);
        let outputs = steps * batch * config.output_size();
        let d_output = numbers(outputs);
        let (mut output, mut h_n) = (vec![0.0; outputs], vec![0.0; config.state_rows() * batch * config.hidden_size]);
        let mut c_n = h_n.clone();
        let mut gradients: Vec<Vec<f32>> = parameters.iter().map(|p| p.to_vec()).collect();
        let x = Sequence::contiguous(&x, batch, config.input_size);
        let shape = Batch::Padded { steps, sequences: batch };
        let input = Input { batch: shape, x, h_0: None, c_0: None, dropout: &[] };
        for set in InstructionSet::available() {
            let network = Network::with_instruction_set(config, set).unwrap();
            let weights = network.pack(&parameters, shape, &Serial).unwrap();
            group.bench_function(BenchmarkId::new("forward", set.name()), |bencher| {
                bencher.iter(|| {
                    let results = Output { output: &mut output, h_n: &mut h_n, c_n: Some(&mut c_n) };
                    network.forward(&weights, &input, results, &Serial).unwrap();
                });
            });
            group.bench_function(BenchmarkId::new("training step", set.name()), |bencher| {
                bencher.iter(|| {
                    let weights = network.pack(&parameters, shape, &Serial).unwrap();
                    let results = Output { output: &mut output, h_n: &mut h_n, c_n: Some(&mut c_n) };
                    let tape = network.forward_with_tape(&weights, &input, results, &Serial).unwrap();
                    let d_output = Sequence::contiguous(&d_output, batch, config.output_size());
                    let given = OutputGradients { output: Some(d_output), ..OutputGradients::default() };
                    let wanted = InputGradients {
                        parameters: gradients.iter_mut().map(|g| Some(g.as_mut_slice())).collect(),
                        ..InputGradients::default()
                    };
                    network.backward(&tape, &parameters, &given, wanted, &Serial).unwrap();
                });
            });
        }
        group.finish();
    }
}

/// The matrix products of one step of mnist-gru, forward and backward, and of all steps together.
fn products(criterion: &mut Criterion) {
    for (rows, columns, depth) in [(100, 384, 128), (50, 384, 128), (100, 128, 384), (2800, 384, 128)] {
        let mut group = criterion.benchmark_group(format!("{rows} x {columns} x {depth}"));
        group.throughput(Throughput::Elements(2 * (rows * columns * depth) as u64)); // floating-point operations
        let (a, b) = (numbers(rows * depth), numbers(depth * columns));
        let mut c = vec![0.0; rows * columns];
        for set in InstructionSet::available() {
            let right = PackedRight::pack(set, &b, depth, columns).unwrap();
            group.bench_function(set.name(), |bencher| bencher.iter(|| right.multiply(&a, &mut c).unwrap()));
        }
        let (m, n, k) = (rows as isize, columns as isize, depth as isize);
        group.bench_function("matrixmultiply", |bencher| {
            bencher.iter(|| {
                // SAFETY: the slices have the sizes and strides that are passed.
                unsafe {
                    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                    matrixmultiply::sgemm(rows, depth, columns, 1.0, a, k, 1, b, n, 1, 0.0, c, n, 1);
                }
            });
        });
        group.bench_function("gemm", |bencher| {
            bencher.iter(|| {
                let parallelism = gemm::Parallelism::None;
                // SAFETY: as above.
                unsafe {
                    let (a, b, c) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
                    let (rows, columns, depth) = (m as usize, n as usize, k as usize);
                    gemm::gemm(
                        rows,
                        columns,
                        depth,
                        c,
                        1,
                        n,
                        false,
                        a,
                        1,
                        k,
                        b,
                        1,
                        n,
                        0.0,
                        1.0,
                        false,
                        false,
                        false,
                        parallelism,
                    );
                }
            });
        });
        group.finish();
    }
}

/// Streaming: one time step of one sequence.
fn streaming(criterion: &mut Criterion) {
    let config = |cell, input_size, hidden_size, num_layers| Config {
        cell,
        input_size,
        hidden_size,
        num_layers,
        bias: true,
        bidirectional: false,
        proj_size: 0,
    };
    for (name, config) in [
        ("RNN(8, 16)", config(CellKind::RnnTanh, 8, 16, 1)),
        ("GRU(28, 128)", config(CellKind::Gru, 28, 128, 1)),
        ("GRU(128, 128)", config(CellKind::Gru, 128, 128, 1)),
        ("LSTM(256, 256), 2 layers", config(CellKind::Lstm, 256, 256, 2)),
    ] {
        let mut group = criterion.benchmark_group(format!("step, {name}"));
        let parameters: Vec<_> = config.parameter_shapes().iter().map(|(m, n)| numbers(m * n)).collect();
        let bytes = parameters.iter().map(|parameter| size_of_val(parameter.as_slice()) as u64).sum();
        group.throughput(Throughput::Bytes(bytes)); // of the weights
        let parameters: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
        let x = numbers(config.input_size);
        let (mut h, mut output) = (vec![0.0; config.num_layers * config.hidden_size], vec![0.0; config.hidden_size]);
        let mut c = h.clone();
        for set in InstructionSet::available() {
            let network = Network::with_instruction_set(config, set).unwrap();
            let weights = network.pack(&parameters, Batch::Padded { steps: 1, sequences: 1 }, &Serial).unwrap();
            let mut stepper = network.stepper(1).unwrap();
            group.bench_function(set.name(), |bencher| {
                bencher.iter(|| stepper.step(&weights, &x, &mut h, Some(&mut c), &mut output).unwrap());
            });
        }
        group.finish();
    }
}

criterion_group!(benches, steps, streaming, products);
criterion_main!(benches);
