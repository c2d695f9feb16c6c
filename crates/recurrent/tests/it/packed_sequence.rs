//! From PyTorch's test/nn/test_packed_sequence.py, class PackedSequenceTest. test/cpp/api/nn_utils.cpp has the same cases.

use recurrent::{
    PackedSequence, PaddingSide, invert_permutation, pack_padded_sequence, pack_sequence, pad_packed_sequence,
    pad_sequence, unpack_sequence, unpad_sequence,
};
use tch::{Device, Kind, Tensor, kind::FLOAT_CPU};

use crate::support::layer::assert_error;
use crate::support::seeded;
use crate::support::tensors::{arange, assert_same_bits, ints, leaf};

const UNSORTED: &str = "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass \
                        `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement \
                        if you do not need ONNX exportability.";

fn tensor(elements: &[i64]) -> Tensor {
    Tensor::from_slice(elements)
}

fn assert_indices(packed: &PackedSequence, sorted: Option<&[i64]>, unsorted: Option<&[i64]>) {
    let found = (packed.sorted_indices.as_ref().map(ints), packed.unsorted_indices.as_ref().map(ints));
    assert_eq!(found, (sorted.map(<[i64]>::to_vec), unsorted.map(<[i64]>::to_vec)));
}

/// Five sequences of 6, 5, 4, 3 and 2 steps, sorted or not.
fn sequences(kind: Kind, sorted: bool) -> Vec<Tensor> {
    let order = if sorted { [6, 5, 4, 3, 2] } else { [3, 6, 2, 5, 4] };
    order.map(|steps| Tensor::randint(100, [steps, 3], (kind, Device::Cpu))).into()
}

#[test]
fn test_type_casts() {
    let _seeded = seeded(0);
    let kinds = [
        Kind::Double,
        Kind::Float,
        Kind::Half,
        Kind::BFloat16,
        Kind::Int64,
        Kind::Int,
        Kind::Int16,
        Kind::Int8,
        Kind::Uint8,
    ];
    for from in kinds {
        for sorted in [true, false] {
            let packed = pack_sequence(&sequences(from, sorted), sorted).unwrap();
            for to in kinds {
                let cast = packed.to_kind(to).unwrap();
                assert_same_bits(&cast.data, &packed.data.to_kind(to), &format!("{from:?} to {to:?}"));
                assert_eq!(cast.batch_sizes, packed.batch_sizes);
                assert_eq!(
                    (&cast.sorted_indices, &cast.unsorted_indices),
                    (&packed.sorted_indices, &packed.unsorted_indices)
                );
                let lengths = pad_packed_sequence(&cast, false, 0.0, None).unwrap().1;
                assert_eq!(ints(&lengths), if sorted { [6, 5, 4, 3, 2] } else { [3, 6, 2, 5, 4] });
            }
        }
    }
}

#[test]
fn test_wrong_order() {
    let (a, b) = (Tensor::ones([25, 300], FLOAT_CPU), Tensor::ones([22, 300], FLOAT_CPU));
    let padded = pad_sequence(&[&b, &a], false, 0.0, PaddingSide::Right).unwrap();
    assert_error(pack_padded_sequence(&padded, &[22, 25], false, true), "RuntimeError", UNSORTED);
}

#[test]
fn test_pad_sequence_with_tensor_sequences() {
    let sequences = tensor(&[7, 6, -7, -1]).reshape([2, 1, 2]);
    let padded = pad_sequence(&sequences.unbind(0), false, 0.0, PaddingSide::Right).unwrap();
    assert_eq!((padded.size(), ints(&padded)), (vec![1, 2, 2], vec![7, 6, -7, -1]));
}

#[test]
fn test_total_length() {
    let _seeded = seeded(0);
    for sorted in [true, false] {
        let packed = pack_sequence(&sequences(Kind::Float, sorted), sorted).unwrap();
        for total_length in [-1, 0, 5] {
            let text = format!(
                "Expected total_length to be at least the length of the longest sequence in input, but got \
                 total_length={total_length} and max sequence length being 6"
            );
            assert_error(pad_packed_sequence(&packed, false, 0.0, Some(total_length)), "ValueError", &text);
        }
        for batch_first in [true, false] {
            let (exact, lengths) = pad_packed_sequence(&packed, batch_first, 0.0, None).unwrap();
            let dim = if batch_first { 1 } else { 0 };
            for extra in [0, 1, 8] {
                let (longer, again) = pad_packed_sequence(&packed, batch_first, 0.0, Some(6 + extra)).unwrap();
                let mut shape = exact.size();
                shape[dim as usize] = extra;
                let expected = Tensor::cat(&[exact.shallow_clone(), Tensor::zeros(shape, FLOAT_CPU)], dim);
                assert_eq!((longer, &again), (expected, &lengths));
            }
        }
    }
}

#[test]
fn test_to() {
    let _seeded = seeded(0);
    for sorted in [true, false] {
        let packed = pack_sequence(&sequences(Kind::Int, sorted), sorted).unwrap();
        for same in [packed.to(Device::Cpu).unwrap(), packed.to_kind(Kind::Int).unwrap()] {
            assert_eq!(same.data.data_ptr(), packed.data.data_ptr());
        }
        let long = packed.to_kind(Kind::Int64).unwrap();
        assert_eq!((long.data.kind(), long.is_cuda()), (Kind::Int64, false));
        assert_eq!(long.batch_sizes.data_ptr(), packed.batch_sizes.data_ptr());
    }
}

#[test]
fn test_pad_sequence() {
    let (a, b, c) = (tensor(&[1, 2, 3]), tensor(&[4, 5]), tensor(&[6]));
    let pad = |batch_first, value, side| pad_sequence(&[&b, &a, &c], batch_first, value, side).unwrap();
    let (left, right) = (PaddingSide::Left, PaddingSide::Right);
    assert_eq!(pad(true, 0.0, right), Tensor::from_slice2(&[[4, 5, 0], [1, 2, 3], [6, 0, 0]]).to_kind(Kind::Int64));
    assert_eq!(pad(false, 0.0, right), pad(true, 0.0, right).transpose(0, 1));
    assert_eq!(pad(true, 1.0, right), Tensor::from_slice2(&[[4, 5, 1], [1, 2, 3], [6, 1, 1]]).to_kind(Kind::Int64));
    assert_eq!(pad(true, 0.0, left), Tensor::from_slice2(&[[0, 4, 5], [1, 2, 3], [0, 0, 6]]).to_kind(Kind::Int64));
    assert_error(
        "top".parse::<PaddingSide>(),
        "RuntimeError",
        "Expected padding_side to be one of left or right, but got top.",
    );
    assert_error(pad_sequence::<Tensor>(&[], false, 0.0, right), "RuntimeError", "received an empty list of sequences");

    // Lengths 1, 4, 9, .., 81 in any order, with up to four trailing dimensions.
    let _seeded = seeded(0);
    for dims in 0..4 {
        let trailing = [vec![5], vec![4; dims]].concat();
        let sequence = |i: i64| Tensor::rand([&[i * i], &trailing[..]].concat(), FLOAT_CPU);
        let sequences: Vec<Tensor> = [7, 2, 9, 1, 5, 8, 3, 6, 4].map(sequence).into();
        let by_batch = pad_sequence(&sequences, true, 0.0, right).unwrap();
        assert_eq!(by_batch.size()[..2], [9, 81]);
        for (i, sequence) in sequences.iter().enumerate() {
            let (steps, row) = (sequence.size()[0], by_batch.get(i as i64));
            assert_same_bits(&row.narrow(0, 0, steps), sequence, "the sequence");
            assert_eq!(row.narrow(0, steps, 81 - steps).abs().sum(Kind::Double).double_value(&[]), 0.0);
        }
        assert_eq!(pad_sequence(&sequences, false, 0.0, right).unwrap(), by_batch.transpose(0, 1));
    }
}

#[test]
fn test_unpad_sequence() {
    let _seeded = seeded(0);
    for batch_first in [true, false] {
        for sorted in [true, false] {
            let sequences = sequences(Kind::Float, sorted);
            let lengths: Vec<i64> = sequences.iter().map(|sequence| sequence.size()[0]).collect();
            let padded = pad_sequence(&sequences, batch_first, 0.0, PaddingSide::Right).unwrap();
            let (shape, live) = (padded.size(), leaf(&padded));
            for padded in [&padded, &live] {
                for (back, sequence) in unpad_sequence(padded, &lengths, batch_first).unwrap().iter().zip(&sequences) {
                    assert_same_bits(&back.detach(), sequence, "");
                }
                // torch transposes the caller's tensor, or fails on a leaf.
                assert_eq!(padded.size(), shape);
            }
        }
    }
}

#[test]
fn test_pack_sequence() {
    let (a, b, c) = (tensor(&[1, 2, 3]), tensor(&[4, 5]), tensor(&[6]));
    let expect = |packed: &PackedSequence| {
        assert_eq!((ints(&packed.data), ints(&packed.batch_sizes)), (vec![1, 4, 6, 2, 5, 3], vec![3, 2, 1]));
    };
    let enforced = pack_sequence(&[&a, &b, &c], true).unwrap();
    expect(&enforced);
    assert_indices(&enforced, None, None);
    let sorted = pack_sequence(&[&a, &b, &c], false).unwrap();
    expect(&sorted);
    assert_indices(&sorted, Some(&[0, 1, 2]), Some(&[0, 1, 2]));
    let unsorted = pack_sequence(&[&b, &c, &a], false).unwrap();
    expect(&unsorted);
    assert_indices(&unsorted, Some(&[2, 0, 1]), Some(&[1, 2, 0]));
    assert_error(pack_sequence(&[&b, &c, &a], true), "RuntimeError", UNSORTED);
    assert_error(pack_sequence::<Tensor>(&[], true), "RuntimeError", "received an empty list of sequences");
}

#[test]
fn test_unpack_sequence() {
    let _seeded = seeded(0);
    for sorted in [true, false] {
        for dims in [&[][..], &[4], &[4, 2]] {
            let sequence = |steps: i64| Tensor::rand([&[steps], dims].concat(), FLOAT_CPU);
            let sequences: Vec<Tensor> = if sorted { [5, 3, 3, 1] } else { [3, 1, 5, 3] }.map(sequence).into();
            let back = unpack_sequence(&pack_sequence(&sequences, sorted).unwrap()).unwrap();
            assert_eq!(back, sequences);
        }
    }
}

/// With data `100 * i + arange`: checks the values, the inverse, and that the gradient of the padding is zero.
#[test]
fn test_pack_padded_sequence() {
    let cases: [(&[i64], bool); 5] = [
        (&[10, 8, 4, 2, 2, 2, 1], true),
        (&[11, 10, 8, 6, 4, 3, 1], true),
        (&[11, 10, 8, 6, 4, 3, 1], false),
        (&[3, 11, 1, 8, 10, 4, 6], false),
        (&[1, 2, 1, 2], false),
    ];
    for (lengths, enforce_sorted) in cases {
        for batch_first in [true, false] {
            let (steps, batch) = (*lengths.iter().max().unwrap(), lengths.len() as i64);
            let row = |(i, length): (usize, &i64)| {
                let filled: Tensor = arange(&[*length, 1]) + 1 + 100.0 * i as f64;
                filled.constant_pad_nd([0, 0, 0, steps - length])
            };
            let by_batch = Tensor::stack(&lengths.iter().enumerate().map(row).collect::<Vec<_>>(), 0);
            let padded = leaf(&if batch_first { by_batch } else { by_batch.transpose(0, 1) });
            let packed = pack_padded_sequence(&padded, &lengths.to_vec(), batch_first, enforce_sorted).unwrap();
            assert_eq!(packed.data.size(), [lengths.iter().sum::<i64>(), 1]);
            assert_eq!(packed.sorted_indices.is_none(), enforce_sorted);

            let (back, back_lengths) = pad_packed_sequence(&packed, batch_first, 0.0, None).unwrap();
            assert_same_bits(&back.detach().contiguous(), &padded.detach().contiguous(), "the inverse");
            assert_eq!(ints(&back_lengths), lengths);

            let weight = Tensor::rand_like(&back.detach());
            (back * &weight).sum(Kind::Float).backward();
            let expected = weight * padded.detach().not_equal(0.0);
            assert_same_bits(&padded.grad().contiguous(), &expected.contiguous(), "the gradient");
            assert_eq!(padded.size(), if batch_first { [batch, steps, 1] } else { [steps, batch, 1] });
        }
    }
}

#[test]
fn test_pack_padded_sequence_errors() {
    let pack = |shape: &[i64], lengths: &[i64], enforce_sorted| {
        pack_padded_sequence(&Tensor::ones(shape, FLOAT_CPU), lengths, false, enforce_sorted)
    };
    let runtime = |packed, text: &str| assert_error(packed, "RuntimeError", text);
    runtime(pack(&[3, 3], &[1, 3, 2], true), UNSORTED);
    runtime(pack(&[0, 0], &[], true), "Cannot pack empty tensors.");
    let zero = "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0";
    runtime(pack(&[3, 3], &[3, 1, 0], true), zero);
    runtime(pack(&[3, 3], &[0, 2, 1], false), zero);
    runtime(
        pack(&[3, 3], &[3, 2], true),
        "Expected `len(lengths)` to be equal to batch_size, but got 2 (batch_size=3)",
    );

    // torch.ones(0, 1, 10), torch.tensor([11., 14., 14., 2.]), batch_first=True, enforce_sorted=False
    let float_lengths = Tensor::from_slice(&[11f32, 14.0, 14.0, 2.0]);
    let empty = Tensor::ones([0, 1, 10], FLOAT_CPU);
    assert!(pack_padded_sequence(&empty, &float_lengths, true, false).is_err());
}

/// torch accepts these and computes wrong results later.
#[test]
fn lengths_that_do_not_fit_the_batch_are_rejected() {
    let input = Tensor::ones([4, 3], FLOAT_CPU);
    for enforce_sorted in [true, false] {
        let text = "a sequence can not be longer than the padded input, but got length 5 for 4 steps";
        assert_error(pack_padded_sequence(&input, &[5, 2, 1], false, enforce_sorted), "RuntimeError", text);
    }
    let text = "Expected `len(lengths)` to be equal to batch_size, but got 2 (batch_size=3)";
    assert_error(pack_padded_sequence(&input, &[2, 1], false, false), "RuntimeError", text);
}

// invert_permutation(torch.tensor([2, 0, 1]))
#[test]
fn test_invert_permutation() {
    assert_eq!(ints(&invert_permutation(&tensor(&[2, 0, 1])).unwrap()), [1, 2, 0]);
    assert_eq!(ints(&invert_permutation(&tensor(&[])).unwrap()), [0i64; 0]);
}
