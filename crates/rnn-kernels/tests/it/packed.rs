//! Packed batches: their lengths, and that each sequence is computed as if it were alone.

use rnn_kernels::{Batch, CellKind, Config, Serial};

use crate::accuracy::{CELLS, instruction_sets, run, run_batch};
use crate::problem::{Problem, Random};

/// Different lengths in decreasing order: with ties, without ties, and many random ones.
pub fn ragged(random: &mut Random) -> [Vec<usize>; 4] {
    let mut lengths = |batch: usize, max: f32| {
        let mut lengths: Vec<usize> =
            (0..batch).map(|_| 1 + ((random.next() + 1.0) / 2.0 * max).min(max - 1.0) as usize).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths
    };
    [vec![4, 4, 2, 2, 1], vec![7, 1], lengths(20, 15.0), lengths(90, 6.0)]
}

/// Batch sizes that are all equal describe the same batch as its number of steps and sequences.
#[test]
fn a_packed_batch_of_equal_lengths_gives_the_bits_of_a_padded_one() {
    for cell in CELLS {
        let config = Config {
            cell,
            input_size: 2,
            hidden_size: 3,
            num_layers: 2,
            bias: true,
            bidirectional: true,
            proj_size: 0,
        };
        let problem = Problem::draw(config, &[3; 5], true, 3);
        for set in instruction_sets() {
            let packed = run_batch(&problem, Batch::Packed(&[5; 3]), set, &Serial);
            assert!(packed == run(&problem, set, &Serial), "{cell:?}, {set:?}");
        }
    }
}

/// Each sequence of a packed batch gives the bits that it gives alone. So does each of a padded batch, if the network is wide
/// enough: 32 units with every instruction set.
#[test]
fn a_sequence_does_not_depend_on_the_others() {
    let (narrow, wide, batch) = if cfg!(miri) { (8, 9, 5) } else { (32, 34, 16) };
    for cell in CELLS {
        assert_second_sequence_is_the_same_alone(cell, wide, &[4, 2, 2, 1]);
        assert_second_sequence_is_the_same_alone(cell, narrow, &vec![2; batch]);
    }
}

fn assert_second_sequence_is_the_same_alone(cell: CellKind, hidden_size: usize, lengths: &[usize]) {
    let config =
        Config { cell, input_size: 2, hidden_size, num_layers: 1, bias: true, bidirectional: true, proj_size: 0 };
    let problem = Problem::draw(config, lengths, false, 4);
    let alone = Problem { lengths: vec![2], ..Problem::draw(config, &[2], false, 5) };
    let rows = |numbers: &[f32], size: usize, rows: &[usize]| {
        rows.iter().flat_map(|row| numbers[row * size..][..size].to_vec()).collect::<Vec<_>>()
    };
    let (steps, states) = ([problem.row(0, 1), problem.row(1, 1)], [1, lengths.len() + 1]);
    let alone = Problem {
        parameters: problem.parameters.clone(),
        x: rows(&problem.x, 2, &steps),
        h_0: rows(&problem.h_0, hidden_size, &states),
        c_0: rows(&problem.c_0, hidden_size, &states),
        d_output: rows(&problem.d_output, 2 * hidden_size, &steps),
        d_h_n: rows(&problem.d_h_n, hidden_size, &states),
        d_c_n: rows(&problem.d_c_n, hidden_size, &states),
        ..alone
    };
    for set in instruction_sets() {
        let (batch, alone) = (run(&problem, set, &Serial), run(&alone, set, &Serial));
        let same = |batch: &[f64], alone: &[f64], size: usize, rows: &[usize]| {
            let batch = rows.iter().flat_map(|row| &batch[row * size..][..size]);
            assert!(batch.eq(alone), "{cell:?}, {set:?}");
        };
        same(&batch.output, &alone.output, 2 * hidden_size, &steps);
        same(&batch.h_n, &alone.h_n, hidden_size, &states);
        same(&batch.d_x, &alone.d_x, 2, &steps);
        same(&batch.d_h_0, &alone.d_h_0, hidden_size, &states);
    }
}
