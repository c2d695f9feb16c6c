//! Invalid input: it causes an error, never a panic or an abort of the process.

use recurrent::{
    Error, GruConfig, Lengths, LstmState, PackedSequence, PaddingSide, PythonKind, Result, Rnn, invert_permutation,
    pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence, unpack_sequence, unpad_sequence,
};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor, kind::FLOAT_CPU};

use crate::support::cell::{CELLS, CellSpec};
use crate::support::layer::{Layer, MODES, Spec};
use crate::support::random::Random;
use crate::support::seeded;
use crate::support::tensors::ints;
use crate::trace::trace;

/// Four sequences of 3, 2, 2 and 1 steps with 3 features.
fn packed() -> PackedSequence {
    let sequences = [3, 2, 2, 1].map(|steps| Tensor::ones([steps, 3], FLOAT_CPU));
    pack_sequence(&sequences, false).unwrap()
}

/// A layer of each kind with 3 inputs and 5 features.
fn layers() -> Vec<(VarStore, Layer)> {
    MODES
        .iter()
        .map(|(class, nonlinearity)| Spec { nonlinearity: *nonlinearity, ..Spec::new(class, 3, 5) }.build().unwrap())
        .collect()
}

#[test]
fn an_undefined_tensor_is_an_error() {
    let _seeded = seeded(0);
    let (undefined, x) = (Tensor::new(), Tensor::ones([2, 4, 3], FLOAT_CPU));
    let undefined_packed = || PackedSequence { data: Tensor::new(), ..packed() };
    for (_vs, layer) in layers() {
        let hx = [Tensor::new(), Tensor::new()];
        assert!(layer.forward(&undefined, None).is_err());
        assert!(layer.forward(&x, Some(&hx)).is_err());
        assert!(trace(&layer, &undefined, None).is_err());
        assert!(trace(&layer, &x, Some(&hx)).is_err());
        assert!(layer.forward_packed(&packed(), Some(&hx)).is_err());
        assert!(layer.forward_packed(&undefined_packed(), None).is_err());
    }
    assert!(pack_padded_sequence(&undefined, &[1], false, true).is_err());
    assert!(pack_padded_sequence(&x, &undefined, false, true).is_err());
    assert!(pad_packed_sequence(&undefined_packed(), false, 0.0, None).is_err());
    assert!(pad_sequence(&[&undefined], false, 0.0, PaddingSide::Right).is_err());
    assert!(unpad_sequence(&undefined, &[1], false).is_err());
    assert!(unpad_sequence(&x, &undefined, false).is_err());
    assert!(pack_sequence(&[&undefined], true).is_err());
    assert!(unpack_sequence(&undefined_packed()).is_err());
    for (class, nonlinearity) in CELLS {
        let (_vs, cell) = CellSpec { nonlinearity, ..CellSpec::new(class, 3, 5) }.build().unwrap();
        assert!(cell.forward(&undefined, None).is_err());
        assert!(cell.forward(&x.get(0), Some(&[Tensor::new(), Tensor::new()])).is_err());
    }
    assert!(invert_permutation(&undefined).is_err());
    assert!(PackedSequence::new(Tensor::new(), Tensor::new(), None, None).is_err());
}

/// torch checks none of these. With some libtorch computes wrong results, with others it aborts the process.
#[test]
fn wrong_batch_sizes_are_rejected_by_every_function() {
    let _seeded = seeded(0);
    let sizes = |sizes: &[i64]| Tensor::from_slice(sizes);
    let wrong: [(Tensor, &str); 9] = [
        (sizes(&[]), "batch_sizes can not be empty"),
        (sizes(&[4, 3, 0, 1]), "batch_sizes have to be greater than 0, but got 0"),
        (sizes(&[9, -1]), "batch_sizes have to be greater than 0, but got -1"),
        (sizes(&[4, 1, 3]), "batch_sizes can not grow from one step to the next, but got 3 after 1"),
        (sizes(&[4, 3]), "batch_sizes have to add up to the rows of data, but got 7 for 8 rows"),
        (sizes(&[4, 3, 2]), "batch_sizes have to add up to the rows of data, but got 9 for 8 rows"),
        (sizes(&[8]), "batch_sizes begin with 8 sequences, but sorted_indices are of shape [4]"),
        (
            sizes(&[4, 3, 1]).to_kind(Kind::Int),
            "batch_sizes have to be a 1-D torch.int64 tensor, but got a 1-D torch.int32 one",
        ),
        (
            sizes(&[4, 4]).reshape([2, 1]),
            "batch_sizes have to be a 1-D torch.int64 tensor, but got a 2-D torch.int64 one",
        ),
    ];
    for (batch_sizes, text) in wrong {
        let wrong = PackedSequence { batch_sizes, ..packed() };
        let PackedSequence { data, batch_sizes, sorted_indices, .. } = wrong.shallow_clone();
        let texts = |outcome: Result<()>| assert_eq!(outcome.unwrap_err().to_string(), text);
        texts(PackedSequence::new(data, batch_sizes, sorted_indices, None).map(drop));
        texts(pad_packed_sequence(&wrong, false, 0.0, None).map(drop));
        texts(unpack_sequence(&wrong).map(drop));
        for (_vs, layer) in layers() {
            texts(layer.forward_packed(&wrong, None).map(drop));
        }
    }
}

#[test]
fn out_of_range_indices_of_a_packed_sequence_are_an_error() {
    let _seeded = seeded(0);
    for indices in [&[0, 1, 2, 4][..], &[0, 1, 2, -1], &[0, 1], &[i64::MAX, 1, 2, 3]] {
        let wrong = || Some(Tensor::from_slice(indices));
        let sorted = PackedSequence { sorted_indices: wrong(), unsorted_indices: wrong(), ..packed() };
        assert!(pad_packed_sequence(&sorted, true, 0.0, None).is_err(), "{indices:?}");
        let PackedSequence { data, batch_sizes, .. } = packed();
        assert!(PackedSequence::new(data, batch_sizes, wrong(), None).is_err(), "{indices:?}");
        for (_vs, layer) in layers() {
            assert!(layer.forward_packed(&sorted, None).is_err(), "{indices:?}");
        }
    }
}

#[test]
fn no_lengths_cause_a_panic() {
    let input = Tensor::ones([3, 2, 1], FLOAT_CPU);
    let lengths = [
        Tensor::from_slice(&[f32::NAN, 1.0]),
        Tensor::from_slice(&[f64::INFINITY, 1.0]),
        Tensor::from_slice(&[i64::MAX, i64::MIN]),
        Tensor::from_slice(&[true, true]),
        Tensor::from(2i64),
        Tensor::ones([2, 1], (Kind::Int64, Device::Cpu)),
        Tensor::ones([0, 2], (Kind::Int64, Device::Cpu)),
        Tensor::ones([2], (Kind::ComplexFloat, Device::Cpu)),
    ];
    for lengths in &lengths {
        for flags in 0..4 {
            let [batch_first, enforce_sorted] = [1, 2].map(|bit| flags & bit != 0);
            let _: Result<_> = pack_padded_sequence(&input, lengths, batch_first, enforce_sorted);
            let _: Result<_> = unpad_sequence(&input, lengths, batch_first);
        }
    }
    assert!(pack_padded_sequence(&input, &[i64::MAX, 1], false, false).is_err());
    assert!(unpad_sequence(&input, &[], true).is_err());
    assert_eq!(unpad_sequence(&input, Lengths::Slice(&[9, -9]), false).unwrap()[0].size(), [3, 1]);
}

/// libtorch's recurrent operations do not support sparse tensors.
#[test]
fn a_sparse_tensor_causes_no_panic() {
    let _seeded = seeded(0);
    let sparse = |shape: &[i64]| Tensor::ones(shape, FLOAT_CPU).to_sparse_sparse_dim(shape.len() as i64);
    let x = sparse(&[3, 2, 3]);
    for (_vs, layer) in layers() {
        let _: Result<_> = layer.forward(&x, None);
        let _: Result<_> = layer.forward_packed(&PackedSequence { data: sparse(&[8, 3]), ..packed() }, None);
    }
    let _: Result<_> = pack_padded_sequence(&x, &[3, 1], false, false);
    let _: Result<_> = pad_packed_sequence(&PackedSequence { data: sparse(&[8, 3]), ..packed() }, false, 0.0, None);
    let _: Result<_> = pad_sequence(&[&x, &x], false, 0.0, PaddingSide::Right);
    let _: Result<_> = unpad_sequence(&x, &[3, 1], false);
    let _: Result<_> = invert_permutation(&sparse(&[3]).to_kind(Kind::Int64));
}

#[test]
fn sizes_larger_than_the_memory_are_an_error() {
    for (input_size, hidden_size) in [(i64::MAX, 1), (1, i64::MAX), (i64::MAX, i64::MAX), (1 << 40, 1 << 20)] {
        let vs = VarStore::new(Device::Cpu);
        let error = GruConfig::new(input_size, hidden_size).build(vs.root()).unwrap_err();
        assert!(matches!(error, Error::Torch(_)), "{error:?}");
        assert!(!error.to_string().contains('\n'), "{error}");
        assert!(vs.variables().is_empty());
    }
    assert!(pad_packed_sequence(&packed(), false, 0.0, Some(i64::MAX)).is_err());
}

/// States of any shape and dtype. (Some of them crash Python, which does not check the state of a packed LSTM.)
#[test]
fn no_state_causes_a_panic() {
    let _seeded = seeded(0);
    let mut random = Random::new(0);
    let layers = layers();
    for _ in 0..100 {
        let mut tensor = || {
            let shape: Vec<i64> = (0..random.range(0, 4)).map(|_| random.pick(&[0, 1, 3, 4, 5])).collect();
            Tensor::zeros(shape, (random.pick(&[Kind::Float, Kind::Float, Kind::Int64, Kind::Bool]), Device::Cpu))
        };
        let (x, hx) = (tensor(), [tensor(), tensor()]);
        for (_vs, layer) in &layers {
            let _: Result<_> = layer.forward(&x, Some(&hx));
            let _: Result<_> = trace(layer, &x, Some(&hx));
            let _: Result<_> = layer.forward_packed(&packed(), Some(&hx));
            let _: Result<_> = layer.forward_packed(&PackedSequence { data: x.shallow_clone(), ..packed() }, None);
        }
    }
}

#[test]
fn python_kind_is_the_class_of_pythons_exception() {
    let _seeded = seeded(0);
    let vs = VarStore::new(Device::Cpu);
    let rnn = Rnn::new(vs.root(), 3, 5).unwrap();
    let kind = |error: Error| error.python_kind();
    assert_eq!(kind(rnn.forward(&Tensor::ones([3], FLOAT_CPU), None).unwrap_err()), PythonKind::ValueError);
    assert_eq!(kind(rnn.forward(&Tensor::ones([2, 4], FLOAT_CPU), None).unwrap_err()), PythonKind::RuntimeError);
    assert_eq!(kind(invert_permutation(&Tensor::new()).unwrap_err()), PythonKind::TypeError);
    let one_dimension = pack_padded_sequence(&Tensor::ones([3], FLOAT_CPU), &[1], false, false).unwrap_err();
    assert_eq!(kind(one_dimension), PythonKind::IndexError);
    let error: Box<dyn std::error::Error + Send + Sync> = Box::new(Error::NotPositive { name: "input_size", value: 0 });
    assert_eq!(error.to_string(), "input_size must be greater than zero");
}

#[test]
fn detach_and_shallow_clone_share_memory() {
    let _seeded = seeded(0);
    let state = LstmState::from((
        Tensor::ones([1, 2, 3], FLOAT_CPU).set_requires_grad(true),
        Tensor::zeros([1, 2, 3], FLOAT_CPU),
    ));
    let (clone, detached) = (state.shallow_clone(), state.detach());
    assert_eq!((clone.h.data_ptr(), detached.h.data_ptr()), (state.h.data_ptr(), state.h.data_ptr()));
    assert!(clone.h.requires_grad() && !detached.h.requires_grad());
    assert_eq!(ints(&detached.c.to_kind(Kind::Int64)), [0; 6]);
}
