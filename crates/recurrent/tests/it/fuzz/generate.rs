//! Generates random calls, many of them with mistakes. They are the same in every run.

use super::calls::{Call, Draw, Packing};
use crate::support::cell::{CELLS, CellSpec};
use crate::support::layer::{MODES, Spec};
use crate::support::random::Random;

const DTYPES: [&str; 4] = ["float32", "float64", "float16", "bfloat16"];
const OTHER_DTYPES: [&str; 4] = ["float32", "float64", "bfloat16", "int64"];

/// A call of any function.
pub fn call(random: &mut Random) -> Call {
    match random.range(0, 22) {
        0..8 => forward(random),
        8..10 => load_state_dict(random),
        20.. => cell(random),
        10..12 => pack_padded(random),
        12 => Call::PadPacked {
            sequences: sequences(random),
            enforce_sorted: random.once_in(3),
            batch_first: random.once_in(2),
            padding_value: random.pick(&[0.0, -1.5, 7.0]),
            total_length: random.pick(&[None, Some(-1), Some(0), Some(3), Some(5), Some(9)]),
        },
        13 => pad_sequence(random),
        14 | 15 => unpad_sequence(random),
        16 => Call::PackSequence { sequences: sequences(random), enforce_sorted: random.once_in(3) },
        17 => Call::UnpackSequence { sequences: sequences(random), enforce_sorted: random.once_in(3) },
        _ => invert_permutation(random),
    }
}

/// The options of a layer, with a mistake in one of five.
fn spec(random: &mut Random) -> Spec {
    let (class, nonlinearity) = random.pick(&MODES);
    let lstm = class == "LSTM";
    let mut spec = Spec {
        dtype: random.pick(&DTYPES),
        num_layers: random.range(1, 3),
        bias: random.once_in(2),
        batch_first: random.once_in(2),
        bidirectional: random.once_in(2),
        dropout: random.pick(&[0.0, 0.0, 0.5, 1.0]),
        nonlinearity,
        proj_size: if lstm { random.pick(&[None, Some(0), Some(1), Some(2)]) } else { None },
        ..Spec::new(class, random.range(1, 4), random.range(3, 5))
    };
    if random.once_in(5) {
        match random.range(0, 6) {
            0 => spec.dropout = random.pick(&[-0.1, 1.1, 2.0]),
            1 => spec.input_size = random.range(-1, 0),
            2 => spec.hidden_size = random.range(-1, 0),
            3 => spec.num_layers = random.range(-1, 0),
            4 if lstm => spec.proj_size = Some(random.pick(&[-1, 5, 6])),
            5 if !lstm => spec.nonlinearity = nonlinearity.map(|_| "gelu"),
            _ => spec.dtype = random.pick(&["int64", "int32", "bool", "complex64"]),
        }
    }
    spec
}

/// A shape. With probability 1/10 one dimension is missing, surplus or of another size.
fn shape(random: &mut Random, right: &[i64]) -> Vec<i64> {
    let mut shape = right.to_vec();
    if random.once_in(10) {
        let at = random.range(0, shape.len() as i64 - 1) as usize;
        match random.range(0, 3) {
            0 => drop(shape.remove(at)),
            1 => shape.insert(at, random.range(0, 3)),
            2 => shape.clear(),
            _ => shape[at] = random.range(0, 7),
        }
    }
    shape
}

fn forward(random: &mut Random) -> Call {
    let spec = spec(random);
    let (steps, batch) = (random.range(1, 5), random.range(1, 4));
    let packing = random.once_in(3).then(|| packing(random, steps, batch));
    let batch_first = packing.as_ref().map_or(spec.batch_first, |packing| packing.batch_first);
    let unbatched = packing.is_none() && random.once_in(3);
    let dims = match (unbatched, batch_first) {
        (true, _) => vec![steps, spec.input_size.max(1)],
        (_, true) => vec![batch, steps, spec.input_size.max(1)],
        (_, false) => vec![steps, batch, spec.input_size.max(1)],
    };
    let input = Draw { shape: shape(random, &dims), dtype: random.mostly(spec.dtype, 12, &OTHER_DTYPES) };
    let input = Draw {
        dtype: if input.dtype == "bool" || input.dtype == "complex64" { "float32" } else { input.dtype },
        ..input
    };
    let hx = random.once_in(2).then(|| {
        let rows = spec.rows().max(1);
        let batch = random.mostly(batch, 8, &[batch + 1]);
        // torch does not check the state of a packed LSTM, and a wrong rank crashes the Python process.
        let any_shape = spec.class != "LSTM" || packing.is_none();
        let mut state = |size: i64| {
            let right = if unbatched { vec![rows, size.max(1)] } else { vec![rows, batch, size.max(1)] };
            let shape = if any_shape { shape(random, &right) } else { right };
            Draw { shape, dtype: random.mostly(input.dtype, 15, &OTHER_DTYPES) }
        };
        spec.state_sizes().into_iter().map(&mut state).collect()
    });
    Call::Forward { train: random.once_in(2), spec, input, packing, hx }
}

/// Lengths for `batch` sequences of at most `steps` steps; sometimes too many, too few or too long.
fn packing(random: &mut Random, steps: i64, batch: i64) -> Packing {
    let enforce_sorted = random.once_in(2);
    let count = random.mostly(batch, 8, &[0, batch - 1, batch + 1]);
    let mut lengths: Vec<i64> = (0..count).map(|_| random.range(1, steps)).collect();
    if let Some(length) = lengths.first_mut().filter(|_| random.once_in(8)) {
        *length = random.pick(&[-1, 0, steps + 1]);
    }
    if enforce_sorted && !random.once_in(6) {
        lengths.sort_by(|a, b| b.cmp(a));
    }
    let lengths_as = random.pick(&["list", "list", "int64", "int32", "float32"]);
    Packing { lengths, lengths_as, batch_first: random.once_in(2), enforce_sorted }
}

fn cell(random: &mut Random) -> Call {
    let (class, nonlinearity) = random.pick(&CELLS);
    let mut spec = CellSpec {
        dtype: random.mostly("float32", 3, &["float64", "float16", "bfloat16", "int64"]),
        bias: random.once_in(2),
        nonlinearity,
        ..CellSpec::new(class, random.range(0, 4), random.range(0, 5))
    };
    if random.once_in(15) {
        spec.hidden_size = -1;
    }
    let batch = random.range(0, 4);
    let unbatched = random.once_in(3);
    let right = |size: i64| if unbatched { vec![size.max(0)] } else { vec![batch, size.max(0)] };
    let input = Draw {
        shape: shape(random, &right(spec.input_size)),
        dtype: random.mostly(if spec.dtype == "int64" { "float32" } else { spec.dtype }, 12, &OTHER_DTYPES),
    };
    let hx = random.once_in(2).then(|| {
        let mut state = |_| Draw {
            shape: shape(random, &right(spec.hidden_size)),
            dtype: random.mostly(input.dtype, 15, &OTHER_DTYPES),
        };
        (0..spec.states()).map(&mut state).collect()
    });
    Call::Cell { spec, input, hx }
}

fn load_state_dict(random: &mut Random) -> Call {
    let spec = Spec {
        num_layers: 1,
        bidirectional: false,
        proj_size: None,
        ..Spec::new(random.pick(&["RNN", "LSTM", "GRU"]), 2, 3)
    };
    let gates = match spec.class {
        "RNN" => 3,
        "LSTM" => 12,
        _ => 9,
    };
    let shapes: [(&str, &[i64]); 4] = [
        ("weight_ih_l0", &[gates, 2]),
        ("weight_hh_l0", &[gates, 3]),
        ("bias_ih_l0", &[gates]),
        ("bias_hh_l0", &[gates]),
    ];
    let mut entries = Vec::new();
    for (name, right) in shapes {
        if !random.once_in(8) {
            entries.push((name.to_owned(), Draw { shape: shape(random, right), dtype: random.pick(&OTHER_DTYPES) }));
        }
    }
    for name in ["weight_ih_l1", "rnn.bias_ih_l0", "h"] {
        if random.once_in(8) {
            entries.push((name.to_owned(), Draw { shape: vec![1], dtype: "float32" }));
        }
    }
    Call::LoadStateDict { spec, entries, strict: random.once_in(2) }
}

fn pack_padded(random: &mut Random) -> Call {
    let (steps, batch) = (random.range(1, 5), random.range(1, 4));
    let packing = packing(random, steps, batch);
    let mut dims = if packing.batch_first { vec![batch, steps] } else { vec![steps, batch] };
    dims.extend((0..random.range(0, 2)).map(|_| random.range(0, 3)));
    Call::PackPadded { input: Draw { shape: shape(random, &dims), dtype: random.pick(&OTHER_DTYPES) }, packing }
}

/// Sequences that mostly have the same trailing dimensions.
fn sequences(random: &mut Random) -> Vec<Draw> {
    let trailing: Vec<i64> = (0..random.range(0, 2)).map(|_| random.range(1, 3)).collect();
    let dtype = random.pick(&OTHER_DTYPES);
    let mut lengths: Vec<i64> = (0..random.range(1, 5)).map(|_| random.range(1, 5)).collect();
    if random.once_in(2) {
        lengths.sort_by(|a, b| b.cmp(a));
    }
    if random.once_in(15) {
        lengths.clear();
    }
    if let Some(length) = lengths.last_mut().filter(|_| random.once_in(8)) {
        *length = 0;
    }
    lengths.iter().map(|length| Draw { shape: shape(random, &[&[*length], &trailing[..]].concat()), dtype }).collect()
}

fn pad_sequence(random: &mut Random) -> Call {
    let sequences = sequences(random);
    // With two mistakes, Python and Rust may report another one first: Rust parses the padding side first.
    let sides = if sequences.is_empty() { &["right", "left"][..] } else { &["right", "left", "top"] };
    Call::PadSequence {
        batch_first: random.once_in(2),
        padding_value: random.pick(&[0.0, -1.5, 7.0]),
        padding_side: random.pick(sides),
        sequences,
    }
}

fn unpad_sequence(random: &mut Random) -> Call {
    let (steps, batch, batch_first) = (random.range(0, 4), random.range(0, 4), random.once_in(2));
    let count = random.mostly(batch, 6, &[0, batch + 1, batch + 2]);
    let lengths = (0..count).map(|_| random.range(-1, steps + 2)).collect();
    let mut dims = if batch_first { vec![batch, steps] } else { vec![steps, batch] };
    dims.extend((0..random.range(0, 2)).map(|_| random.range(1, 3)));
    Call::UnpadSequence {
        padded: Draw { shape: shape(random, &dims), dtype: random.pick(&OTHER_DTYPES) },
        lengths,
        batch_first,
    }
}

fn invert_permutation(random: &mut Random) -> Call {
    let count = random.range(0, 5) as usize;
    let mut permutation = random.permutation(count);
    if let Some(index) = permutation.first_mut().filter(|_| random.once_in(4)) {
        *index = random.range(-2, 5);
    }
    Call::InvertPermutation { permutation, dtype: random.mostly("int64", 6, &["int32", "float32"]) }
}
