//! Packed sequences: the fused backend's numbers equal the exact backend's up to rounding.

use recurrent::{Backend, PackedSequence, Recurrent, pack_sequence};
use tch::{Kind, Tensor};

use super::Problem;
use crate::each;
use crate::support::layer::{Layer, MODES, Spec, in_float64};
use crate::support::tensors::{assert_same_bits, leaf, same_bits, uniform};
use crate::support::{JUDGE, seeded};

/// Lengths with ties, all equal, of one sequence, of one step, and a random batch; not sorted.
fn batches() -> Vec<Vec<i64>> {
    let random = (0..70).map(|i: i64| 1 + (i * 37 + 11) % 23);
    vec![vec![3, 5, 3, 1, 5], vec![4; 3], vec![4; 20], vec![7], vec![1], vec![1, 1, 6], random.collect()]
}

/// Combines all kinds, numbers of layers, directions, biases, sizes, states and batches.
#[test]
fn results_and_gradients_are_as_accurate_as_libtorchs() {
    let _guard = seeded(0);
    let mut worst = (0.0, String::new());
    let mut count = 0;
    for (class, nonlinearity) in MODES {
        for hidden_size in [1, 5, 64, 65] {
            for lengths in batches() {
                for options in 0..8 {
                    let [bidirectional, bias, with_state] = [1, 2, 4].map(|bit| options & bit == 0);
                    count += 1;
                    // The largest batch runs with a quarter of the options.
                    if lengths.len() > 50 && count % 4 != 0 {
                        continue;
                    }
                    let spec = Spec {
                        nonlinearity,
                        bidirectional,
                        bias,
                        batch_first: count % 2 == 0,
                        num_layers: 1 + count % 3,
                        ..Spec::new(class, [1, 7, 28][count as usize % 3], hidden_size)
                    };
                    tch::manual_seed(count);
                    let (_vs, mut layer) = spec.build().unwrap();
                    let mut problem = Problem::random_packed(&spec, &lengths, with_state);
                    let case = format!("{spec:?}, lengths {lengths:?}, state {with_state}");
                    let needed = problem.assert_fused_is_accurate(&spec, &mut layer, &case);
                    if needed > worst.0 {
                        worst = (needed, case);
                    }
                }
            }
        }
    }
    println!("{count} combinations, errors up to {:.2} times libtorch's: {}", worst.0, worst.1);
}

/// Also checks that the generator's state afterwards is the same.
#[test]
fn dropout_draws_the_same_numbers() {
    let _guard = seeded(2);
    for (class, nonlinearity) in MODES {
        for (dropout, hidden_size, bidirectional) in [(0.3, 20, true), (0.5, 65, false), (1.0, 64, false)] {
            let spec = Spec { nonlinearity, num_layers: 3, dropout, bidirectional, ..Spec::new(class, 6, hidden_size) };
            let (_vs, mut layer) = spec.build().unwrap();
            let mut problem = Problem::random_packed(&spec, &[4, 9, 2, 2, 9, 1], true);
            let mut double = in_float64(&spec, &layer);
            let run = |problem: &Problem, layer: &Layer| {
                tch::manual_seed(8);
                (problem.run(layer), uniform(&[4], Kind::Float))
            };
            let (truth, after_truth) = run(&problem.double(), &double);
            let (exact, after_exact) = run(&problem, &layer);
            layer.set_backend(Backend::Fused).unwrap();
            let (fused, after_fused) = run(&problem, &layer);
            assert!(same_bits(&after_exact, &after_fused), "{spec:?}: the generator's state differs");
            assert!(same_bits(&after_exact, &after_truth), "{spec:?}: float64 draws other numbers");
            if nonlinearity == Some("relu") {
                // Sums close to zero are not excluded here, so the gradients cannot be compared.
                JUDGE.assert(&format!("{spec:?}"), &truth.values, &exact.values, &fused.values);
            } else {
                fused.assert_accurate(&exact, &truth, &format!("{spec:?}"));
            }
            layer.eval();
            double.eval();
            problem.move_away_from_kinks(&spec, &double);
            let fused = problem.run(&layer);
            layer.set_backend(Backend::Exact).unwrap();
            let (exact, truth) = (problem.run(&layer), problem.double().run(&double));
            fused.assert_accurate(&exact, &truth, &format!("{spec:?}: in evaluation"));
        }
    }
}

/// The output has the input's batch sizes and indices. Sequence by sequence it equals the result of the sequence alone.
#[test]
fn order_and_indices_are_those_of_the_input() {
    let _guard = seeded(3);
    let spec = Spec { bidirectional: true, ..Spec::new("LSTM", 5, 40) };
    let (_vs, mut layer) = spec.build().unwrap();
    layer.set_backend(Backend::Fused).unwrap();
    let sequences = [2, 5, 1, 5].map(|length| uniform(&[length, 1, 5], Kind::Float));
    let hx = [uniform(&[2, 4, 40], Kind::Float), uniform(&[2, 4, 40], Kind::Float)];
    let packed = pack_sequence(&sequences.each_ref().map(|sequence| sequence.squeeze_dim(1)), false).unwrap();
    let (output, state) = layer.forward_packed(&packed, Some(&hx)).unwrap();
    assert_same_bits(&output.batch_sizes, &packed.batch_sizes, "batch_sizes");
    for (ours, given) in
        [(&output.sorted_indices, &packed.sorted_indices), (&output.unsorted_indices, &packed.unsorted_indices)]
    {
        assert_same_bits(ours.as_ref().unwrap(), given.as_ref().unwrap(), "indices");
    }
    let outputs = recurrent::unpack_sequence(&output).unwrap();
    for (i, sequence) in sequences.iter().enumerate() {
        let hx = hx.each_ref().map(|state| state.narrow(1, i as i64, 1));
        let alone = layer.forward(sequence, Some(&hx)).unwrap();
        assert_same_bits(&outputs[i], &alone[0].squeeze_dim(1), "output");
        for (ours, alone) in state.iter().zip(&alone[1..]) {
            assert_same_bits(&ours.narrow(1, i as i64, 1), alone, "state");
        }
    }
}

/// Views with gaps, and losses that use only one result.
#[test]
fn data_with_any_strides() {
    let _guard = seeded(4);
    let spec = Spec { num_layers: 2, ..Spec::new("LSTM", 6, 17) };
    let (_vs, mut layer) = spec.build().unwrap();
    let double = in_float64(&spec, &layer);
    let big = uniform(&[16, 8], Kind::Float);
    let inputs =
        [big.narrow(1, 1, 6), big.narrow(1, 0, 6).slice(0, 0, 16, 2), big.narrow(1, 0, 1).expand([16, 6], false)];
    let losses: [fn(&[Tensor]) -> Tensor; 3] =
        [|y| y[0].square().sum(y[0].kind()), |y| y[1].square().sum(y[0].kind()), |y| y[2].sum(y[0].kind())];
    for (i, input) in inputs.iter().enumerate() {
        for batch_sizes in [[4, 2, 1, 1], [2; 4]] {
            let rows = input.narrow(0, 0, batch_sizes.iter().sum());
            for (j, loss) in losses.iter().enumerate() {
                let run = |layer: &Layer, input: &Tensor| {
                    let x = leaf(input);
                    let data = (&x * 1.0).as_strided(input.size(), x.stride(), None);
                    let packed = PackedSequence::new(data, Tensor::from_slice(&batch_sizes), None, None).unwrap();
                    let (output, state) = layer.forward_packed(&packed, None).unwrap();
                    let results: Vec<Tensor> = std::iter::once(output.data).chain(state).collect();
                    loss(&results).backward();
                    vec![x.grad()]
                };
                let (truth, exact) = (run(&double, &rows.to_kind(Kind::Double)), run(&layer, &rows));
                layer.set_backend(Backend::Fused).unwrap();
                let fused = run(&layer, &rows);
                layer.set_backend(Backend::Exact).unwrap();
                JUDGE.assert(&format!("input {i}, loss {j}"), &truth, &exact, &fused);
            }
        }
    }
}

/// Errors are those of the exact backend, and no packed batch causes a warning.
#[test]
fn errors_and_warnings() {
    let _guard = seeded(5);
    let spec = Spec::new("GRU", 3, 4);
    let (_vs, mut layer) = spec.build().unwrap();
    let packed = pack_sequence(&[uniform(&[4, 3], Kind::Float), uniform(&[2, 3], Kind::Float)], true).unwrap();
    let mut grown = packed.shallow_clone();
    grown.batch_sizes = Tensor::from_slice(&[1i64, 2, 2, 1]);
    let wide = pack_sequence(&[uniform(&[4, 2], Kind::Float)], true).unwrap();
    let double = packed.to_kind(Kind::Double).unwrap();
    let state = [uniform(&[1, 3, 4], Kind::Float)];
    let mut errors = |backend| {
        layer.set_backend(backend).unwrap();
        let error = |input, hx| layer.forward_packed(input, hx).unwrap_err().to_string();
        let errors = [error(&grown, None), error(&wide, None), error(&double, None), error(&packed, Some(&state))];
        layer.forward_packed(&packed, None).unwrap();
        (errors, each!(&layer, layer => Recurrent::warnings(layer)))
    };
    let (exact, fused) = (errors(Backend::Exact), errors(Backend::Fused));
    assert_eq!(exact.0, fused.0);
    assert_eq!(fused.1, torch_ext::fused_rnn::SLOW_BUILD.map(str::to_owned).into_iter().collect::<Vec<_>>());
}
