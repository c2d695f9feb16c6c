//! Packed input: test_variable_sequence of PyTorch's test_nn.py, and UsePackedSequenceAsInput of rnn.cpp.

use recurrent::{PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence};
use tch::{Kind, Tensor, kind::FLOAT_CPU};

use crate::support::layer::{Layer, Spec, in_float64};
use crate::support::tensors::{arange, ints, leaf, uniform, values};
use crate::support::{JUDGE, seeded};

/// A batch of sequences with these lengths. The loss is the sum of all results, weighted with `weights`.
struct Batch<'a> {
    lengths: &'a [i64],
    x: Tensor,
    hx: Option<Vec<Tensor>>,
    weights: Vec<Tensor>,
}

/// Padded output and state, and the gradients of input, state and parameters.
struct Results {
    forward: Vec<Tensor>,
    backward: Vec<Tensor>,
}

impl Batch<'_> {
    /// The same numbers in float64.
    fn double(&self) -> Self {
        let double = |tensor: &Tensor| tensor.to_kind(Kind::Double);
        Batch {
            lengths: self.lengths,
            x: leaf(&double(&self.x)),
            hx: self.hx.as_ref().map(|hx| hx.iter().map(|h| leaf(&double(h))).collect()),
            weights: self.weights.iter().map(double).collect(),
        }
    }

    fn new<'a>(spec: &Spec, lengths: &'a [i64], with_state: bool) -> Batch<'a> {
        let (steps, batch) = (*lengths.iter().max().unwrap(), lengths.len() as i64);
        let size = |last| [spec.rows(), batch, last];
        let states: Vec<Tensor> =
            spec.state_sizes().into_iter().map(|last| uniform(&size(last), Kind::Float)).collect();
        let output = [steps, batch, spec.directions() * spec.output_size()];
        let weights = std::iter::once(uniform(&output, Kind::Float)).chain(states.iter().map(Tensor::rand_like));
        Batch {
            lengths,
            x: leaf(&uniform(&[steps, batch, spec.input_size], Kind::Float)),
            weights: weights.collect(),
            hx: with_state.then(|| states.iter().map(leaf).collect()),
        }
    }

    /// Runs each sequence alone, pads the results with zeros and concatenates them.
    fn one_by_one(&self, layer: &Layer) -> Results {
        let steps = self.x.size()[0];
        let runs: Vec<Vec<Tensor>> = self
            .lengths
            .iter()
            .zip(0..)
            .map(|(length, i)| {
                let own = |tensor: &Tensor| tensor.narrow(1, i, 1);
                let hx: Option<Vec<Tensor>> = self.hx.as_ref().map(|hx| hx.iter().map(own).collect());
                let mut results = layer.forward(&own(&self.x).narrow(0, 0, *length), hx.as_deref()).unwrap();
                results[0] = results[0].constant_pad_nd([0, 0, 0, 0, 0, steps - length]);
                results
            })
            .collect();
        let joined = |k: usize| Tensor::cat(&runs.iter().map(|run| &run[k]).collect::<Vec<_>>(), 1);
        self.results((0..runs[0].len()).map(joined).collect(), layer)
    }

    fn packed(&self, layer: &Layer, enforce_sorted: bool) -> Results {
        let packed = pack_padded_sequence(&self.x, self.lengths, false, enforce_sorted).unwrap();
        let (output, mut results) = layer.forward_packed(&packed, self.hx.as_deref()).unwrap();
        let (padded, lengths) = pad_packed_sequence(&output, false, 0.0, None).unwrap();
        assert_eq!(ints(&lengths), self.lengths);
        results.insert(0, padded);
        self.results(results, layer)
    }

    fn results(&self, forward: Vec<Tensor>, layer: &Layer) -> Results {
        let loss = forward.iter().zip(&self.weights).map(|(result, weight)| (result * weight).sum(result.kind()));
        let parameters = layer.named_parameters().into_iter().map(|(_, parameter)| parameter);
        let leaves: Vec<Tensor> = std::iter::once(&self.x)
            .chain(self.hx.iter().flatten())
            .map(Tensor::shallow_clone)
            .chain(parameters)
            .collect();
        let loss = loss.reduce(|sum, term| sum + term).unwrap();
        Results { backward: Tensor::run_backward(&[loss], &leaves, false, false), forward }
    }
}

#[test]
fn test_variable_sequence() {
    let _seeded = seeded(0);
    let decreasing = [10, 10, 6, 2, 2, 1, 1];
    let cases: [(bool, &[i64]); 5] =
        [(true, &[5]), (false, &[5]), (true, &decreasing), (false, &decreasing), (false, &[2, 1, 3, 2, 10, 5, 3])];
    let layer = |class| Spec { num_layers: 2, bidirectional: true, ..Spec::new(class, 3, 4) };
    for spec in [layer("LSTM"), Spec { proj_size: Some(2), ..layer("LSTM") }, layer("GRU"), layer("RNN")] {
        for (enforce_sorted, lengths) in cases {
            for with_state in [false, true] {
                let (_vs, layer) = spec.build().unwrap();
                let batch = Batch::new(&spec, lengths, with_state);
                let (apart, packed) = (batch.one_by_one(&layer), batch.packed(&layer, enforce_sorted));
                let truth = batch.double().one_by_one(&in_float64(&spec, &layer));
                let what = format!("{spec:?}, lengths {lengths:?}");
                JUDGE.assert(&what, &truth.forward, &apart.forward, &packed.forward);
                JUDGE.assert(&format!("{what}: gradients"), &truth.backward, &apart.backward, &packed.backward);
            }
        }
    }
}

/// ```python
/// for layer in (torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN):
///     torch.manual_seed(0)
///     print(layer(2, 3)(pack_sequence([torch.ones(3, 2)]))[0].data[-1].tolist())
/// ```
#[test]
fn UsePackedSequenceAsInput() {
    let expected = [
        ("LSTM", [-0.44254270195961, -0.23143941164016724, 0.13860872387886047]),
        ("GRU", [-0.11381262540817261, 0.04842650517821312, 0.3110300302505493]),
        ("RNN", [-0.3876541256904602, -0.7309770584106445, 0.6806445717811584]),
    ];
    for (class, last) in expected {
        let _seeded = seeded(0);
        let (_vs, layer) = Spec::new(class, 2, 3).build().unwrap();
        let packed = pack_sequence(&[Tensor::ones([3, 2], FLOAT_CPU)], true).unwrap();
        let (output, state) = layer.forward_packed(&packed, None).unwrap();
        let x = Tensor::ones([3, 2], (Kind::Double, tch::Device::Cpu));
        let truth = in_float64(&Spec::new(class, 2, 3), &layer).forward(&x, None).unwrap()[0].get(-1);
        let recorded = Tensor::from_slice(&last).to_kind(Kind::Float);
        JUDGE.assert(class, &[truth], &[recorded], &[output.data.get(-1)]);
        assert_eq!(values(&state[0]), values(&output.data.get(-1)), "{class}");
        assert_eq!(ints(&output.batch_sizes), [1, 1, 1]);
    }
}

#[test]
fn batch_first_does_not_apply_to_packed_input() {
    for class in ["RNN", "LSTM", "GRU"] {
        let run = |batch_first| {
            let _seeded = seeded(1);
            let (_vs, layer) = Spec { batch_first, ..Spec::new(class, 3, 4) }.build().unwrap();
            let packed = pack_padded_sequence(&arange(&[4, 2, 3]), &[2, 4], false, false).unwrap();
            let (output, state) = layer.forward_packed(&packed, None).unwrap();
            (values(&output.data), values(&state[0]))
        };
        assert_eq!(run(true), run(false), "{class}");
    }
}

#[test]
fn the_output_has_the_inputs_batch_sizes_and_indices() {
    let _seeded = seeded(0);
    let (_vs, layer) = Spec::new("GRU", 3, 4).build().unwrap();
    let packed = pack_padded_sequence(&arange(&[4, 3, 3]), &[2, 4, 1], false, false).unwrap();
    let (output, _) = layer.forward_packed(&packed, None).unwrap();
    let shape = |packed: &PackedSequence| {
        let indices = [&packed.sorted_indices, &packed.unsorted_indices];
        (ints(&packed.batch_sizes), indices.map(|indices| indices.as_ref().map(ints)))
    };
    assert_eq!(shape(&output), shape(&packed));
    assert_eq!(output.data.size(), [7, 4]);
}
