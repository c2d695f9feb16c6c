//! LSTM with projections (`proj_size`): the fused backend's numbers equal the exact backend's up to rounding.

use recurrent::Backend;
use tch::Kind;

use super::Problem;
use crate::support::layer::{Layer, Spec, in_float64};
use crate::support::seeded;
use crate::support::tensors::{same_bits, uniform};

/// Combines sizes, numbers of layers, directions, biases, states, batches and lengths.
#[test]
fn results_and_gradients_are_as_accurate_as_libtorchs() {
    let _guard = seeded(0);
    let (mut worst, mut count) = ((0.0, String::new()), 0);
    for (hidden_size, proj_size) in [(2, 1), (5, 3), (64, 16), (65, 17), (130, 64)] {
        for lengths in [&[1][..], &[7], &[4; 3], &[6; 40], &[3, 5, 3, 1, 5], &[1, 1, 6]] {
            for options in 0..16 {
                let [bidirectional, bias, with_state, packed] = [1, 2, 4, 8].map(|bit| options & bit == 0);
                count += 1;
                let spec = Spec {
                    bidirectional,
                    bias,
                    batch_first: count % 2 == 0,
                    num_layers: 1 + count % 3,
                    proj_size: Some(proj_size),
                    ..Spec::new("LSTM", [1, 7, 28][count as usize % 3], hidden_size)
                };
                tch::manual_seed(count);
                let (_vs, mut layer) = spec.build().unwrap();
                let (steps, batch) = (lengths[0], lengths.len() as i64);
                let mut problem = match packed {
                    true => Problem::random_packed(&spec, lengths, with_state),
                    false => Problem::random(&spec, steps, batch, with_state),
                };
                let case = format!("{spec:?}, lengths {lengths:?}, packed {packed}, state {with_state}");
                let needed = problem.assert_fused_is_accurate(&spec, &mut layer, &case);
                if needed > worst.0 {
                    worst = (needed, case);
                }
            }
        }
    }
    println!("{count} combinations, errors up to {:.2} times libtorch's: {}", worst.0, worst.1);
}

#[test]
fn dropout_draws_the_same_numbers() {
    let _guard = seeded(1);
    let spec =
        Spec { num_layers: 3, dropout: 0.4, bidirectional: true, proj_size: Some(7), ..Spec::new("LSTM", 6, 20) };
    let (_vs, mut layer) = spec.build().unwrap();
    let double = in_float64(&spec, &layer);
    for lengths in [&[5; 33][..], &[4, 9, 2, 2, 9, 1]] {
        let problem = Problem::random_packed(&spec, lengths, true);
        let run = |problem: &Problem, layer: &Layer| {
            tch::manual_seed(8);
            (problem.run(layer), uniform(&[4], Kind::Float))
        };
        let (truth, _) = run(&problem.double(), &double);
        let (exact, after_exact) = run(&problem, &layer);
        layer.set_backend(Backend::Fused).unwrap();
        let (fused, after_fused) = run(&problem, &layer);
        layer.set_backend(Backend::Exact).unwrap();
        assert!(same_bits(&after_exact, &after_fused), "the generator's state differs");
        fused.assert_accurate(&exact, &truth, &format!("{spec:?}, lengths {lengths:?}"));
    }
}
