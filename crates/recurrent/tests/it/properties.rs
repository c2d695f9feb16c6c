//! Properties of all batches, tested with random ones. The random numbers are the same in every run.

use recurrent::{
    PaddingSide, invert_permutation, pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence,
    unpack_sequence, unpad_sequence,
};
use tch::{Kind, Tensor};

use crate::support::layer::{Layer, MODES, Spec};
use crate::support::random::Random;
use crate::support::tensors::{assert_close, assert_same_bits, ints, uniform};
use crate::support::{F64_ROUNDING, seeded};

const CASES: u64 = 100;

/// Runs `property` on sequences of random lengths and trailing dimensions, in random order.
fn for_all_batches(property: impl Fn(&mut Random, &[Tensor])) {
    let _seeded = seeded(0);
    for case in 0..CASES {
        let mut random = Random::new(case);
        let trailing: Vec<i64> = (0..random.range(0, 2)).map(|_| random.range(1, 3)).collect();
        let kind = random.pick(&[Kind::Float, Kind::Double, Kind::Half]);
        let sequence = |length: i64| uniform(&[&[length], &trailing[..]].concat(), kind);
        let sequences: Vec<Tensor> = random.lengths(7, 6).into_iter().map(sequence).collect();
        property(&mut random, &sequences);
    }
}

fn lengths(sequences: &[Tensor]) -> Vec<i64> {
    sequences.iter().map(|sequence| sequence.size()[0]).collect()
}

fn assert_all_same(ours: &[Tensor], expected: &[Tensor]) {
    assert_eq!(lengths(ours), lengths(expected));
    for (ours, expected) in ours.iter().zip(expected) {
        assert_same_bits(ours, expected, &format!("lengths {:?}", lengths(&[expected.shallow_clone()])));
    }
}

#[test]
fn unpack_sequence_inverts_pack_sequence() {
    for_all_batches(|_, sequences| {
        let packed = pack_sequence(sequences, false).unwrap();
        assert_all_same(&unpack_sequence(&packed).unwrap(), sequences);
        let mut sorted = lengths(sequences);
        sorted.sort_by(|a, b| b.cmp(a));
        // Step t exists in the sequences that are longer than t.
        let at = |t: i64| sorted.iter().filter(|length| **length > t).count() as i64;
        assert_eq!(ints(&packed.batch_sizes), (0..sorted[0]).map(at).collect::<Vec<_>>());
    });
}

#[test]
fn unpad_sequence_inverts_pad_sequence() {
    for_all_batches(|random, sequences| {
        let batch_first = random.once_in(2);
        let padded = pad_sequence(sequences, batch_first, -7.0, PaddingSide::Right).unwrap();
        assert_all_same(&unpad_sequence(&padded, &lengths(sequences), batch_first).unwrap(), sequences);
        let left = pad_sequence(sequences, true, -7.0, PaddingSide::Left).unwrap();
        let longest = left.size()[1];
        for (i, sequence) in sequences.iter().enumerate() {
            let steps = sequence.size()[0];
            assert_same_bits(&left.get(i as i64).narrow(0, longest - steps, steps), sequence, "from the left");
        }
    });
}

#[test]
fn pad_packed_sequence_inverts_pack_padded_sequence() {
    for_all_batches(|random, sequences| {
        let batch_first = random.once_in(2);
        let padded = pad_sequence(sequences, batch_first, 0.5, PaddingSide::Right).unwrap();
        let packed = pack_padded_sequence(&padded, &lengths(sequences), batch_first, false).unwrap();
        let (back, back_lengths) = pad_packed_sequence(&packed, batch_first, 0.5, None).unwrap();
        assert_same_bits(&back.contiguous(), &padded.contiguous(), "padded");
        assert_eq!(ints(&back_lengths), lengths(sequences));
    });
}

#[test]
fn invert_permutation_gives_the_inverse() {
    let mut random = Random::new(0);
    for _ in 0..CASES {
        let count = random.range(0, 9) as usize;
        let permutation = Tensor::from_slice(&random.permutation(count));
        let inverse = invert_permutation(&permutation).unwrap();
        assert_eq!(ints(&permutation.index_select(0, &inverse)), (0..count as i64).collect::<Vec<_>>());
        assert_same_bits(&invert_permutation(&inverse).unwrap(), &permutation, "the inverse of the inverse");
    }
}

/// Runs `property` on random layers with sequences for them, in f64.
fn for_all_layers(property: impl Fn(&mut Random, &Spec, &Layer, &[Tensor])) {
    let _seeded = seeded(0);
    for case in 0..CASES {
        let mut random = Random::new(case);
        let (class, nonlinearity) = random.pick(&MODES);
        let base = Spec { dtype: "float64", nonlinearity, ..Spec::new(class, random.range(1, 4), random.range(3, 5)) };
        let spec = Spec {
            num_layers: random.range(1, 3),
            bias: random.once_in(2),
            bidirectional: random.once_in(2),
            proj_size: if class == "LSTM" { random.pick(&[None, Some(2)]) } else { None },
            ..base
        };
        let (_vs, layer) = spec.build().unwrap();
        let sequence = |length: i64| uniform(&[length, spec.input_size], Kind::Double);
        let sequences: Vec<Tensor> = random.lengths(6, 6).into_iter().map(sequence).collect();
        property(&mut random, &spec, &layer, &sequences);
    }
}

fn states(spec: &Spec, batch: usize) -> Vec<Tensor> {
    let state = |size| uniform(&[spec.rows(), batch as i64, size], Kind::Double);
    spec.state_sizes().into_iter().map(state).collect()
}

/// The results of a packed batch in the caller's order: the output of each sequence, and the states.
fn run_packed(layer: &Layer, sequences: &[Tensor], hx: &[Tensor]) -> (Vec<Tensor>, Vec<Tensor>) {
    let packed = pack_sequence(sequences, false).unwrap();
    let (output, state) = layer.forward_packed(&packed, Some(hx)).unwrap();
    (unpack_sequence(&output).unwrap(), state)
}

#[test]
fn a_packed_batch_equals_separate_runs() {
    for_all_layers(|_, spec, layer, sequences| {
        let hx = states(spec, sequences.len());
        let (outputs, state) = run_packed(layer, sequences, &hx);
        for (i, sequence) in sequences.iter().enumerate() {
            let own = |tensor: &Tensor| tensor.select(1, i as i64);
            let alone = layer.forward(sequence, Some(&hx.iter().map(own).collect::<Vec<_>>())).unwrap();
            assert_close(&outputs[i], &alone[0], F64_ROUNDING, &format!("{spec:?}"));
            for (state, alone) in state.iter().zip(&alone[1..]) {
                assert_close(&own(state), alone, F64_ROUNDING, &format!("{spec:?}"));
            }
        }
    });
}

#[test]
fn the_order_of_the_sequences_does_not_matter() {
    for_all_layers(|random, spec, layer, sequences| {
        let hx = states(spec, sequences.len());
        let (outputs, state) = run_packed(layer, sequences, &hx);
        let order = random.permutation(sequences.len());
        let index = Tensor::from_slice(&order);
        let shuffled: Vec<Tensor> = order.iter().map(|i| sequences[*i as usize].shallow_clone()).collect();
        let shuffled_hx: Vec<Tensor> = hx.iter().map(|state| state.index_select(1, &index)).collect();
        let (shuffled_outputs, shuffled_state) = run_packed(layer, &shuffled, &shuffled_hx);
        for (place, i) in order.iter().enumerate() {
            assert_close(&shuffled_outputs[place], &outputs[*i as usize], F64_ROUNDING, &format!("{spec:?}"));
        }
        for (shuffled, state) in shuffled_state.iter().zip(&state) {
            assert_close(shuffled, &state.index_select(1, &index), F64_ROUNDING, &format!("{spec:?}"));
        }
    });
}

/// Only for one direction.
#[test]
fn two_halves_with_a_carried_state_equal_the_whole_sequence() {
    for_all_layers(|_, spec, layer, sequences| {
        for sequence in sequences.iter().filter(|sequence| !spec.bidirectional && sequence.size()[0] > 1) {
            let steps = sequence.size()[0];
            let whole = layer.forward(sequence, None).unwrap();
            let first = layer.forward(&sequence.narrow(0, 0, steps / 2), None).unwrap();
            let second = layer.forward(&sequence.narrow(0, steps / 2, steps - steps / 2), Some(&first[1..])).unwrap();
            let output = Tensor::cat(&[&first[0], &second[0]], 0);
            for (ours, whole) in std::iter::once(&output).chain(&second[1..]).zip(&whole) {
                assert_close(ours, whole, F64_ROUNDING, &format!("{spec:?}"));
            }
        }
    });
}
