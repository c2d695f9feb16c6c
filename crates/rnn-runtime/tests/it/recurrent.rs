//! RNN, LSTM and GRU compared with float64, and their options.

use ndarray::{Array2, Array3, Axis, Ix2, Ix3, s, stack};
use rnn_runtime::{Error, Gru, Lstm, Options, Rnn};

use crate::judge::assert_right;
use crate::layer::Layer;
use crate::reference::{Network, Row};
use crate::support::{Random, gathered, scattered};

const MODES: [&str; 5] = ["rnn-tanh", "rnn-relu", "gru", "lstm", "lstm-proj"];
const STEPS: usize = 5;
const LENGTHS: [usize; 19] = [2, 5, 1, 4, 3, 2, 5, 5, 1, 1, 4, 3, 2, 2, 5, 1, 3, 4, 2];
const BATCH: usize = LENGTHS.len();

/// Input and state, and the expected results for sequences of these lengths: (steps, batch, features).
struct Problem {
    x: Array3<f32>,
    state: Vec<Array3<f32>>,
    output: Array3<f64>,
    last: Vec<Array3<f64>>,
}

fn problem(network: &Network, lengths: &[usize]) -> Problem {
    let (batch, rows) = (lengths.len(), network.layers * network.directions);
    let mut random = Random(0xd134_2543_de82_ef95);
    let x = random.array(Ix3(STEPS, batch, network.input));
    let sizes =
        if network.mode.starts_with("lstm") { vec![network.h_size, network.hidden] } else { vec![network.h_size] };
    let state: Vec<_> = sizes.iter().map(|size| random.array(Ix3(rows, batch, *size))).collect();
    let mut output = Array3::zeros((STEPS, batch, network.h_size * network.directions));
    let mut last: Vec<Array3<f64>> = state.iter().map(|state| Array3::zeros(state.raw_dim())).collect();
    let wide = |row: ndarray::ArrayView1<'_, f32>| row.iter().map(|x| f64::from(*x)).collect::<Row>();
    for (n, &length) in lengths.iter().enumerate() {
        let steps: Vec<Row> = (0..length).map(|t| wide(x.slice(s![t, n, ..]))).collect();
        let state_row = |i: usize, row: usize| {
            state.get(i).map_or(Vec::new(), |state: &Array3<f32>| wide(state.slice(s![row, n, ..])))
        };
        let first = [0, 1].map(|i| (0..rows).map(|row| state_row(i, row)).collect());
        let (outputs, lasts) = network.run(&steps, &first);
        for (t, row) in outputs.iter().enumerate() {
            output.slice_mut(s![t, n, ..]).assign(&ndarray::aview1(row));
        }
        for (last, rows) in last.iter_mut().zip(&lasts) {
            for (r, row) in rows.iter().enumerate() {
                last.slice_mut(s![r, n, ..]).assign(&ndarray::aview1(row));
            }
        }
    }
    Problem { x, state, output, last }
}

fn flat(array: &Array3<f32>) -> Vec<f32> {
    array.iter().copied().collect()
}

/// Compares results, both in f32, with the expected ones.
fn assert_results(
    what: &str,
    problem: &Problem,
    ours: &(Array3<f32>, Vec<Array3<f32>>),
    other: &(Array3<f32>, Vec<Array3<f32>>),
) {
    let truth = |array: &Array3<f64>| array.iter().copied().collect::<Vec<f64>>();
    assert_eq!(ours.0.shape(), problem.output.shape(), "{what}");
    assert_right(what, &flat(&ours.0), &flat(&other.0), &truth(&problem.output));
    assert_eq!(ours.1.len(), problem.last.len());
    for ((ours, other), last) in ours.1.iter().zip(&other.1).zip(&problem.last) {
        assert_eq!(ours.shape(), last.shape(), "{what}");
        assert_right(what, &flat(ours), &flat(other), &truth(last));
    }
}

#[test]
fn all_networks_and_input_forms_equal_float64() {
    for mode in MODES {
        for sizes in [[3, 4, 2], [5, 40, 7]] {
            for (layers, directions, bias) in [(1, 1, true), (1, 2, false), (2, 2, true), (3, 1, true), (2, 1, false)] {
                let network = Network::draw(mode, sizes, layers, directions, bias);
                let what = format!("{mode} {sizes:?}, {layers} layers, {directions} directions, bias {bias}");
                let weights = network.state_dict();
                let layer = Layer::new(mode, &weights, Options::default()).unwrap();
                let batch_first = Layer::new(mode, &weights, Options::default().batch_first(true)).unwrap();
                let equal = problem(&network, &[STEPS; BATCH]);
                let (trace, _) = layer.trace(equal.x.view(), &equal.state).unwrap();

                let check = |form: &str, ours| assert_results(&format!("{what}: {form}"), &equal, &ours, &trace);
                check("batched", layer.forward(equal.x.view(), &equal.state).unwrap());
                let large = scattered(equal.x.view());
                check("scattered", layer.forward(gathered(&large), &equal.state).unwrap());
                let swapped = equal.x.view().permuted_axes([1, 0, 2]);
                let (output, state) = batch_first.forward(swapped, &equal.state).unwrap();
                check("batch_first", (output.permuted_axes([1, 0, 2]), state));
                let copy = swapped.as_standard_layout().into_owned();
                let (output, state) = batch_first.forward(copy.view(), &equal.state).unwrap();
                check("batch_first, contiguous", (output.permuted_axes([1, 0, 2]), state));
                if directions == 1 {
                    let mut state = equal.state.clone();
                    let steps: Vec<_> =
                        equal.x.outer_iter().map(|x| layer.step::<Ix3>(x, &mut state).unwrap()).collect();
                    let steps: Vec<_> = steps.iter().map(|step| step.view()).collect();
                    check("step", (stack(Axis(0), &steps).unwrap(), state));
                }

                let ragged = problem(&network, &LENGTHS);
                let ours = layer.forward_lengths(ragged.x.view(), &LENGTHS, &ragged.state).unwrap();
                assert_results(&format!("{what}: lengths"), &ragged, &ours, &ours);
                let swapped = ragged.x.view().permuted_axes([1, 0, 2]);
                let (output, state) = batch_first.forward_lengths(swapped, &LENGTHS, &ragged.state).unwrap();
                assert_eq!((output.permuted_axes([1, 0, 2]), state), ours, "{what}");
            }
        }
    }
}

#[test]
fn one_sequence_without_a_batch_equals_a_batch_of_one() {
    for mode in MODES {
        let network = Network::draw(mode, [3, 4, 2], 2, 1, true);
        let layer = Layer::new(mode, &network.state_dict(), Options::default().batch_first(true)).unwrap();
        let problem = problem(&network, &[STEPS]);
        let (x, state) =
            (problem.x.index_axis(Axis(1), 0), problem.state.iter().map(|s| s.index_axis(Axis(1), 0).to_owned()));
        let mut state: Vec<Array2<f32>> = state.collect();
        let (output, last) = layer.forward(x, &state).unwrap();
        let batch = layer.forward(problem.x.view().permuted_axes([1, 0, 2]), &problem.state).unwrap();
        assert_eq!(output, batch.0.index_axis(Axis(0), 0), "{mode}");
        for (last, batch) in last.iter().zip(&batch.1) {
            assert_eq!(last, batch.index_axis(Axis(1), 0), "{mode}");
        }
        let ((traced, _), gates) = layer.trace(x, &state).unwrap();
        assert!(traced.iter().zip(&output).all(|(a, b)| (a - b).abs() < 1e-5), "{mode}");
        assert!(gates.iter().all(|gate| gate.ndim() == 2));
        let y = layer.step::<Ix2>(x.row(0), &mut state).unwrap();
        assert!(y.iter().zip(output.row(0)).all(|(a, b)| (a - b).abs() < 1e-5), "{mode}");
    }
}

#[test]
fn no_state_is_zeros() {
    for mode in MODES {
        let network = Network::draw(mode, [3, 4, 2], 2, 2, true);
        let layer = Layer::new(mode, &network.state_dict(), Options::default()).unwrap();
        let problem = problem(&network, &LENGTHS);
        let zeros = layer.zero_state(BATCH).unwrap();
        let x = problem.x.view();
        assert_eq!(layer.forward(x, &[]).unwrap(), layer.forward(x, &zeros).unwrap(), "{mode}");
        assert_eq!(layer.trace(x, &[]).unwrap(), layer.trace(x, &zeros).unwrap(), "{mode}");
        let without = layer.forward_lengths(x, &LENGTHS, &[]).unwrap();
        assert_eq!(without, layer.forward_lengths(x, &LENGTHS, &zeros).unwrap(), "{mode}");
    }
}

#[test]
fn the_output_of_lengths_ends_with_the_longest_sequence_and_is_zero_after_each() {
    let network = Network::draw("gru", [3, 4, 0], 1, 1, true);
    let gru = Gru::from_state_dict(&network.state_dict(), Options::default()).unwrap();
    let x = Array3::ones((STEPS, 3, 3));
    let (output, h) = gru.forward_lengths(x.view(), &[1, 3, 2], None).unwrap();
    assert_eq!(output.shape(), [3, 3, 4]);
    for (n, length) in [1, 3, 2].into_iter().enumerate() {
        assert!(output.slice(s![length.., n, ..]).iter().all(|x| *x == 0.0));
        assert_eq!(output.slice(s![length - 1, n, ..]), h.slice(s![0, n, ..]));
    }
    assert!(matches!(gru.forward_lengths(x.view(), &[1, 3], None), Err(Error::LengthsCount { expected: 3, got: 2 })));
}

#[test]
fn names_of_a_cell_are_accepted() {
    for mode in ["rnn-tanh", "gru", "lstm"] {
        for bias in [true, false] {
            let network = Network::draw(mode, [3, 4, 0], 1, 1, bias);
            let mut cell = network.clone();
            cell.parameters = network.parameters.iter().map(|(name, p)| (name.replace("_l0", ""), p.clone())).collect();
            let options = Options::default;
            let layers = [&network, &cell].map(|network| Layer::new(mode, &network.state_dict(), options()).unwrap());
            let x = Random(1).array(Ix3(STEPS, 2, 3));
            let [layer, cell] = layers.map(|layer| layer.forward(x.view(), &[]).unwrap());
            assert_eq!(layer, cell, "{mode}");
        }
    }
}

#[test]
fn sizes_and_options_are_displayed_as_in_torch() {
    let network = Network::draw("lstm-proj", [3, 8, 5], 2, 2, false);
    let lstm = Lstm::from_state_dict(&network.state_dict(), Options::default().batch_first(true)).unwrap();
    let text = "LSTM(3, 8, proj_size=5, num_layers=2, bias=False, batch_first=True, bidirectional=True)";
    assert_eq!(lstm.to_string(), text);
    let sizes = [lstm.input_size(), lstm.hidden_size(), lstm.proj_size(), lstm.num_layers()];
    assert_eq!((sizes, lstm.bias(), lstm.bidirectional(), lstm.batch_first()), ([3, 8, 5, 2], false, true, true));
    let network = Network::draw("rnn-tanh", [3, 8, 0], 1, 1, true);
    let rnn = Rnn::from_state_dict(&network.state_dict(), Options::default()).unwrap();
    assert_eq!(format!("{rnn} {rnn:?}"), "RNN(3, 8) RNN(3, 8)");
}

#[test]
fn a_batch_without_sequences_has_results_without_sequences() {
    for mode in MODES {
        let network = Network::draw(mode, [3, 4, 2], 2, 1, true);
        let layer = Layer::new(mode, &network.state_dict(), Options::default()).unwrap();
        let x = Array3::zeros((STEPS, 0, 3));
        let (output, state) = layer.forward(x.view(), &[]).unwrap();
        assert_eq!((output.shape(), state[0].shape()), (&[STEPS, 0, network.h_size][..], &[2, 0, network.h_size][..]));
        assert_eq!(layer.trace(x.view(), &[]).unwrap().0, (output, state));
        let mut state = layer.zero_state(0).unwrap();
        assert_eq!(layer.step::<Ix3>(Array2::zeros((0, 3)).view(), &mut state).unwrap().shape(), [0, network.h_size]);
        assert!(matches!(layer.forward_lengths(x.view(), &[], &[]), Err(Error::NoSequences)));
    }
}

#[test]
fn a_stream_continues_from_the_state_of_forward_with_any_strides() {
    let network = Network::draw("lstm", [3, 4, 0], 2, 1, true);
    let lstm = Lstm::from_state_dict(&network.state_dict(), Options::default()).unwrap();
    let x = Random(5).array(Ix3(STEPS, 2, 3));
    let (whole, last) = lstm.forward(x.view(), None).unwrap();
    let (_, (h, c)) = lstm.forward(x.slice(s![..STEPS - 1, .., ..]), None).unwrap();
    let in_column_order = |state: &Array3<f32>| state.t().as_standard_layout().into_owned().reversed_axes();
    let mut state = (in_column_order(&h), in_column_order(&c));
    assert_eq!(state.0, h);
    let scattered_x =
        Array2::from_shape_fn(
            (4, 6),
            |(i, j)| if i % 2 == 0 && j % 2 == 0 { x[[STEPS - 1, i / 2, j / 2]] } else { f32::NAN },
        );
    let y = lstm.step(scattered_x.slice(s![..;2, ..;2]), &mut state).unwrap().to_owned();
    let near = |a: &f32, b: &f32| (a - b).abs() < 1e-6;
    assert!(y.iter().zip(whole.index_axis(Axis(0), STEPS - 1)).all(|(a, b)| near(a, b)));
    assert!(state.0.iter().zip(&last.0).chain(state.1.iter().zip(&last.1)).all(|(a, b)| near(a, b)));
}

#[test]
#[cfg_attr(target_family = "wasm", ignore = "no threads")]
fn several_threads_share_a_layer() {
    fn assert_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    let network = Network::draw("gru", [3, 40, 0], 2, 1, true);
    let gru = Gru::from_state_dict(&network.state_dict(), Options::default()).unwrap();
    assert_shared(&gru);
    let x = Random(7).array(Ix3(50, 1, 3));
    let stream = |gru: Gru| {
        let mut state = gru.zero_state(1).unwrap();
        x.outer_iter().map(|x| gru.step(x, &mut state).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let expected = stream(gru.clone());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| stream(gru.clone()))).collect();
        threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), expected));
    });
}

#[test]
#[cfg(feature = "rayon")]
fn rayon_computes_the_same_numbers() {
    let network = Network::draw("gru", [28, 128, 0], 2, 2, true);
    let serial = Gru::from_state_dict(&network.state_dict(), Options::default()).unwrap();
    let options = Options::default().thread_pool(rnn_runtime::Rayon);
    let parallel = Gru::from_state_dict(&network.state_dict(), options).unwrap();
    let x = Random(3).array(Ix3(28, 50, 28));
    assert_eq!(serial.forward(x.view(), None).unwrap(), parallel.forward(x.view(), None).unwrap());
}

#[test]
fn a_trace_has_every_gate_by_name() {
    let network = Network::draw("lstm", [3, 4, 0], 2, 2, true);
    let lstm = Lstm::from_state_dict(&network.state_dict(), Options::default()).unwrap();
    let x = Random(9).array(Ix3(STEPS, 2, 3));
    let trace = lstm.trace(x.view(), None).unwrap();
    assert_eq!(trace.names(), ["i", "f", "g", "o", "c", "h"]);
    let (h, c) = &trace.state;
    assert_eq!(trace.gate("h", 1, 0).unwrap().index_axis(Axis(0), STEPS - 1), h.index_axis(Axis(0), 2));
    assert_eq!(trace.gate("c", 0, 1).unwrap().index_axis(Axis(0), 0), c.index_axis(Axis(0), 1));
    assert_eq!(trace.gates(0, 0).unwrap().map(|(name, _)| name).collect::<Vec<_>>(), trace.names());
    let message = |error: Error| error.to_string();
    assert_eq!(
        message(trace.gate("z", 0, 0).unwrap_err()),
        "the trace has no gate 'z'; it has the gates i, f, g, o, c, h"
    );
    assert_eq!(
        message(trace.gate("h", 2, 0).unwrap_err()),
        "the trace has no layer 2 with direction 0; it has 2 layer(s) and 2 direction(s), counted from 0"
    );
}
