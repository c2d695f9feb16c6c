//! Compares the kernels with the equations in f64, for every instruction set of this CPU, or only for the one that the
//! environment variable `RNN_KERNELS` names.
//!
//! Miri executes a program 1000 times slower. So under Miri:
//!
//! - only the portable instruction set exists,
//! - a small problem for each path replaces the combinations of all sizes ([`problems`]),
//! - the thresholds in `src/tuning.rs` are lower, so that these problems use several threads, teams, shards and chunks,
//! - a second backward pass of the same tape is left out, and tests of large problems are ignored.

use rnn_kernels::{
    Batch, CellKind, Config, Input, InputGradients, InstructionSet, Network, Output, OutputGradients, Sequence, Serial,
    ThreadPool,
};

use crate::packed::ragged;
use crate::problem::{Problem, Random, Solution};
use crate::reference::Number;

pub const CELLS: [CellKind; 4] = [CellKind::RnnTanh, CellKind::RnnRelu, CellKind::Lstm, CellKind::Gru];

/// The instruction sets to test.
pub fn instruction_sets() -> Vec<InstructionSet> {
    match std::env::var_os("RNN_KERNELS") {
        Some(name) if !name.is_empty() => vec![InstructionSet::chosen().unwrap()],
        _ => InstructionSet::available().collect(),
    }
}

/// A pool that starts a thread for each task. Without threads (WebAssembly) it runs the same tasks one after the other.
pub struct Threads(pub usize);

impl ThreadPool for Threads {
    fn threads(&self) -> usize {
        self.0
    }

    fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        if cfg!(target_family = "wasm") {
            return (0..tasks).for_each(task);
        }
        std::thread::scope(|scope| {
            for i in 0..tasks {
                scope.spawn(move || task(i));
            }
        });
    }
}

/// Solves a problem with the kernels.
pub fn run(problem: &Problem, set: InstructionSet, pool: &dyn ThreadPool) -> Solution {
    run_batch(problem, problem.batch(&problem.batch_sizes()), set, pool)
}

/// Solves a problem with the kernels, which get this description of the batch.
pub fn run_batch(problem: &Problem, batch: Batch<'_>, set: InstructionSet, pool: &dyn ThreadPool) -> Solution {
    let (config, sequences) = (problem.config, problem.lengths.len());
    let network = Network::with_instruction_set(config, set).unwrap();
    let parameters: Vec<&[f32]> = problem.parameters.iter().map(Vec::as_slice).collect();
    let dropout: Vec<&[f32]> = problem.dropout.iter().map(Vec::as_slice).collect();
    let lstm = config.cell.has_c();
    let mut output = vec![f32::NAN; problem.d_output.len()];
    let unset = || (vec![f32::NAN; problem.h_0.len()], vec![if lstm { f32::NAN } else { 0.0 }; problem.c_0.len()]);
    let (mut h_n, mut c_n) = unset();
    let input = Input {
        batch,
        x: Sequence::contiguous(&problem.x, sequences, config.input_size),
        h_0: Some(&problem.h_0),
        c_0: lstm.then_some(&problem.c_0),
        dropout: &dropout,
    };
    let weights = network.pack(&parameters, batch, pool).unwrap();
    let out = Output { output: &mut output, h_n: &mut h_n, c_n: lstm.then_some(&mut c_n) };
    let tape = network.forward_with_tape(&weights, &input, out, pool).unwrap();

    let (mut h_n2, mut c_n2) = unset();
    let mut output2 = vec![f32::NAN; output.len()];
    let out = Output { output: &mut output2, h_n: &mut h_n2, c_n: lstm.then_some(&mut c_n2) };
    network.forward(&weights, &input, out, pool).unwrap();
    assert_eq!(
        (&output, &h_n, &c_n),
        (&output2, &h_n2, &c_n2),
        "inference and training give different numbers: {config:?}"
    );

    let given = OutputGradients {
        output: Some(Sequence::contiguous(&problem.d_output, sequences, config.output_size())),
        h_n: Some(&problem.d_h_n),
        c_n: lstm.then_some(&problem.d_c_n),
    };
    let backward = || {
        let mut d_x = vec![f32::NAN; problem.x.len()];
        let (mut d_h_0, mut d_c_0) = (vec![f32::NAN; problem.h_0.len()], vec![0.0; problem.c_0.len()]);
        let mut d_parameters: Vec<Vec<f32>> = problem.parameters.iter().map(|p| vec![f32::NAN; p.len()]).collect();
        let wanted = InputGradients {
            x: Some(&mut d_x),
            h_0: Some(&mut d_h_0),
            c_0: lstm.then_some(&mut d_c_0),
            parameters: d_parameters.iter_mut().map(|d| Some(d.as_mut_slice())).collect(),
        };
        network.backward(&tape, &parameters, &given, wanted, pool).unwrap();
        (d_x, d_h_0, d_c_0, d_parameters)
    };
    let first = backward();
    assert!(cfg!(miri) || first == backward(), "the second backward pass of a tape gives other numbers: {config:?}");
    let (d_x, d_h_0, d_c_0, d_parameters) = first;
    let wide = |slice: &[f32]| slice.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    Solution {
        output: wide(&output),
        h_n: wide(&h_n),
        c_n: wide(&c_n),
        d_x: wide(&d_x),
        d_h_0: wide(&d_h_0),
        d_c_0: wide(&d_c_0),
        d_parameters: d_parameters.iter().map(|d| wide(d)).collect(),
    }
}

/// The largest accepted error of a kernel, as a multiple of the error of the same equations in f32 with sums in order.
/// Both are errors against the equations in f64.
///
/// Measured with AVX-512, AVX2 and portable: in addition to 16 ULP the largest factor needed is 0.5. The median of the
/// ratio of the two errors is 1.0.
const FACTOR: f64 = 4.0;

/// Accepted in addition, in units in the last place of the largest number: in small problems the equations in f32 may
/// be exact by chance.
const ULPS: f64 = 16.0;

/// Checks the errors of three groups of numbers: values, gradients of sequences and states, gradients of parameters.
/// Returns the largest factor that was needed.
fn check(problem: &Problem, got: &Solution, truth: &Solution, single: &Solution<f32>, set: InstructionSet) -> f64 {
    fn kinds<N: Number>(problem: &Problem, s: &Solution<N>) -> [Vec<Vec<f64>>; 3] {
        let c = problem.config.cell.has_c();
        let wide = |numbers: &Vec<N>| numbers.iter().map(|x| (*x).into()).collect();
        let kind = |h: [&Vec<N>; 2], of_c: &Vec<N>| h.into_iter().chain(c.then_some(of_c)).map(wide).collect();
        [
            kind([&s.output, &s.h_n], &s.c_n),
            kind([&s.d_x, &s.d_h_0], &s.d_c_0),
            s.d_parameters.iter().map(wide).collect(),
        ]
    }
    let mut needed = 0.0_f64;
    let names = ["values", "gradients of x and states", "gradients of parameters"];
    let three = kinds(problem, truth).into_iter().zip(kinds(problem, single)).zip(kinds(problem, got));
    for (name, ((truth, single), got)) in names.into_iter().zip(three) {
        let largest = truth.iter().flatten().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        let rounding = ULPS * f64::from(f32::EPSILON) * largest;
        let [single, got] = [single, got].map(|f32| error(&f32, &truth));
        assert!(
            got <= FACTOR * single + rounding,
            "{name}: the error is {got:e}; the equations in f32 have {single:e}; the largest number is {largest:e}: \
             {set:?}, {:?}, lengths {:?}\n  CPU: {}",
            problem.config,
            problem.lengths,
            cpu()
        );
        if got > rounding {
            needed = needed.max((got - rounding) / single);
        }
    }
    needed
}

/// The largest difference, or infinity if there is a NaN.
fn error(numbers: &[Vec<f64>], truth: &[Vec<f64>]) -> f64 {
    let sizes = |vectors: &[Vec<f64>]| vectors.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(numbers), sizes(truth));
    let differences = numbers.iter().flatten().zip(truth.iter().flatten()).map(|(x, y)| (x - y).abs());
    differences.fold(0.0, |largest, x| if x.is_nan() { f64::INFINITY } else { largest.max(x) })
}

/// The name of the CPU, as Linux reports it.
fn cpu() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    cpus.lines().find(|line| line.starts_with("model name")).unwrap_or("unknown").to_owned()
}

/// Everything but the gradients of the parameters, whose last bits depend on the number of threads.
fn without_parameters(solution: &Solution) -> Solution {
    Solution { d_parameters: vec![], ..solution.clone() }
}

/// Configurations with the lengths of the sequences, in decreasing order.
fn problems() -> Vec<(Config, Vec<usize>)> {
    let config = |cell, [input_size, hidden_size, num_layers]: [usize; 3], bidirectional, bias| Config {
        cell,
        input_size,
        hidden_size,
        num_layers,
        bias,
        bidirectional,
        proj_size: 0,
    };
    let projected = |config, proj_size| Config { proj_size, ..config };
    if cfg!(miri) {
        return vec![
            (config(CellKind::RnnTanh, [1, 4, 2], true, true), vec![3; 3]), // sample-major; d output in place; in chunks
            (config(CellKind::RnnRelu, [5, 3, 2], true, false), vec![2; 5]), // feature-major
            (config(CellKind::Lstm, [1, 9, 1], false, true), vec![2]),      // a team of threads
            (config(CellKind::Lstm, [5, 3, 1], false, true), vec![3; 3]),   // sample-major; weight gradients at the end
            (config(CellKind::Lstm, [5, 3, 1], false, true), vec![2; 5]),   // feature-major; products in depth blocks
            (config(CellKind::Gru, [1, 3, 1], false, true), vec![3; 3]),
            (config(CellKind::Gru, [1, 3, 1], false, true), vec![2; 5]),
            (config(CellKind::RnnTanh, [1, 3, 2], true, true), vec![3, 2, 2, 1]), // ragged, in chunks
            (config(CellKind::Lstm, [5, 3, 1], true, true), vec![4, 2, 1, 1, 1]), // ragged, at the end
            (config(CellKind::Lstm, [1, 9, 1], true, true), vec![2, 1]),          // ragged, a team of threads
            (config(CellKind::Gru, [1, 3, 1], true, true), vec![3, 1]),
            (projected(config(CellKind::Lstm, [1, 3, 2], true, true), 2), vec![3, 2, 2]), // in chunks
            (projected(config(CellKind::Lstm, [2, 9, 1], true, false), 5), vec![2; 3]),   // at the end
            (projected(config(CellKind::Lstm, [1, 17, 1], false, true), 9), vec![2, 1]),  // a team of threads
        ];
    }
    let mut problems = Vec::new();
    for cell in CELLS {
        for hidden_size in [1, 5, 16, 33, 63, 64, 65] {
            let batches = [(1, 1), (1, 7), (3, 4), (37, 3), (100, 2), (70, 9)].map(|(batch, steps)| vec![steps; batch]);
            let random = &mut Random(hidden_size as u64 + 7);
            for lengths in batches.into_iter().chain(ragged(random)) {
                for (num_layers, bidirectional, bias) in [(1, false, true), (2, true, false), (3, false, true)] {
                    let input_size = [1, 5, 17, 64][problems.len() % 4];
                    let config = config(cell, [input_size, hidden_size, num_layers], bidirectional, bias);
                    problems.push((config, lengths.clone()));
                    if cell == CellKind::Lstm && hidden_size > 1 {
                        let proj_size = [1, hidden_size / 2, hidden_size - 1][problems.len() % 3];
                        problems.push((projected(config, proj_size), lengths.clone()));
                    }
                }
            }
        }
    }
    problems
}

#[test]
fn every_cell_and_size_is_as_accurate_as_the_equations_in_f32() {
    let mut worst = 0.0_f64;
    for (i, (config, lengths)) in problems().into_iter().enumerate() {
        let problem = Problem::random(config, &lengths, config.num_layers > 1, i as u64 + 1);
        let (truth, single) = (problem.solve::<f64>(), problem.solve::<f32>());
        for set in instruction_sets() {
            let threads = run(&problem, set, &Threads(2));
            worst = worst.max(check(&problem, &threads, &truth, &single, set));
            let alone = run(&problem, set, &Serial);
            check(&problem, &alone, &truth, &single, set);
            let same = without_parameters(&threads) == without_parameters(&alone);
            assert!(same, "threads change bits: {config:?}, {set:?}");
        }
    }
    println!("errors up to {worst:.2} times those of the equations in f32");
}

/// Both round after the product and after the sum of a multiply-add.
#[test]
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
fn simd128_gives_the_bits_of_the_portable_set() {
    for (cell, hidden_size) in CELLS.into_iter().flat_map(|cell| [(cell, 5), (cell, 65)]) {
        let config =
            Config { cell, input_size: 3, hidden_size, num_layers: 2, bias: true, bidirectional: true, proj_size: 0 };
        let problem = Problem::draw(config, &[4; 6], false, 1);
        let [simd, portable] =
            ["simd128", "portable"].map(|name| run(&problem, InstructionSet::named(name).unwrap(), &Serial));
        assert!(simd == portable, "{cell:?}, {hidden_size}");
    }
}

/// A few sequences on a wide network: two threads share the directions of the forward pass, more threads the columns of
/// each step.
#[test]
#[cfg_attr(miri, ignore = "large problems take hours in Miri")]
fn a_team_of_threads_gives_the_same_bits_as_one_thread() {
    let projected = [(CellKind::Lstm, 150, 1), (CellKind::Lstm, 150, 5)];
    for (cell, proj_size, batch) in CELLS.into_iter().flat_map(|cell| [(cell, 0, 1), (cell, 0, 5)]).chain(projected) {
        let config =
            Config { cell, input_size: 3, hidden_size: 330, num_layers: 1, bias: true, bidirectional: true, proj_size };
        let problem = Problem::random(config, &vec![5; batch], false, 1);
        let (truth, single) = (problem.solve::<f64>(), problem.solve::<f32>());
        for set in instruction_sets() {
            let alone = run(&problem, set, &Serial);
            check(&problem, &alone, &truth, &single, set);
            for count in [2, 5] {
                let threads = run(&problem, set, &Threads(count));
                check(&problem, &threads, &truth, &single, set);
                let same = without_parameters(&alone) == without_parameters(&threads);
                assert!(same, "{cell:?}, {count} threads, {set:?}");
            }
        }
    }
}

/// A narrow network (feature-major) with many steps: the sums of the weight gradients are computed in several groups.
#[test]
#[cfg_attr(miri, ignore = "large problems take hours in Miri")]
fn long_sequences_are_as_accurate_as_the_equations_in_f32() {
    for cell in CELLS {
        let config = Config {
            cell,
            input_size: 17,
            hidden_size: 7,
            num_layers: 1,
            bias: true,
            bidirectional: true,
            proj_size: 0,
        };
        let problem = Problem::random(config, &[50; 70], false, 2);
        let (truth, single) = (problem.solve::<f64>(), problem.solve::<f32>());
        for set in instruction_sets() {
            let alone = run(&problem, set, &Serial);
            check(&problem, &alone, &truth, &single, set);
            assert!(alone == run(&problem, set, &Threads(2)), "two threads change bits: {cell:?}, {set:?}");
        }
    }
}

/// sigmoid and tanh over their whole range, as the cells use them: an RNN with one unit and an input weight of one.
#[test]
#[cfg_attr(miri, ignore = "large problems take hours in Miri")]
fn sigmoid_and_tanh_are_accurate_for_every_argument() {
    let config = |cell| Config {
        cell,
        input_size: 1,
        hidden_size: 1,
        num_layers: 1,
        bias: false,
        bidirectional: false,
        proj_size: 0,
    };
    let xs: Vec<f32> = (-40_000..40_000).map(|i| i as f32 / 400.0).chain([1e-30, -1e-6, 1e4, -1e4]).collect();
    for set in instruction_sets() {
        let output = |cell: CellKind, weight_ih: &[f32]| {
            let zeros = vec![0.0; weight_ih.len()];
            let network = Network::with_instruction_set(config(cell), set).unwrap();
            let batch = Batch::Padded { steps: 1, sequences: xs.len() };
            let weights = network.pack(&[weight_ih, &zeros], batch, &Serial).unwrap();
            let (mut output, mut h_n) = (vec![0.0; xs.len()], vec![0.0; xs.len()]);
            let ones = vec![1.0; xs.len()];
            let x = Sequence::contiguous(&xs, xs.len(), 1);
            let input = Input { batch, x, h_0: Some(&ones), c_0: None, dropout: &[] };
            let results = Output { output: &mut output, h_n: &mut h_n, c_n: None };
            network.forward(&weights, &input, results, &Serial).unwrap();
            output
        };
        // A GRU with h = 1 and n = 0 returns z.
        let sigmoid = output(CellKind::Gru, &[0.0, 1.0, 0.0]);
        let tanh = output(CellKind::RnnTanh, &[1.0]);
        for ((x, sigmoid), tanh) in xs.iter().zip(sigmoid).zip(tanh) {
            let x = f64::from(*x);
            // 4e-7: 3.4 * 2^-23. 1e-38: subnormal results may be zero.
            let near = |got: f32, exact: f64| (f64::from(got) - exact).abs() <= 4e-7 * exact.abs() + 1e-38;
            assert!(near(sigmoid, 1.0 / (1.0 + (-x).exp())), "{set:?}: sigmoid({x}) = {sigmoid}");
            assert!(near(tanh, x.tanh()), "{set:?}: tanh({x}) = {tanh}");
        }
    }
}
