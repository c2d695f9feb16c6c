//! Calls of the public functions as data. This file runs them in Rust, run.py in Python.

use recurrent::{
    PackedSequence, PaddingSide, Result, StateDict, invert_permutation, pack_padded_sequence, pack_sequence,
    pad_packed_sequence, pad_sequence, unpack_sequence, unpad_sequence,
};
use serde::Serialize;
use tch::{Device, Kind, Tensor};

use crate::support::cell::CellSpec;
use crate::support::layer::Spec;
use crate::support::tensors::{kind, uniform};

/// A random tensor: U(-1, 1), or 0..5 for integers.
#[derive(Debug, Clone, Serialize)]
pub struct Draw {
    pub shape: Vec<i64>,
    pub dtype: &'static str,
}

impl Draw {
    fn draw(&self) -> Tensor {
        match kind(self.dtype) {
            Kind::Int64 | Kind::Int => Tensor::empty(&self.shape, (kind(self.dtype), Device::Cpu)).random_from_(0, 5),
            float => uniform(&self.shape, float),
        }
    }
}

/// The arguments of `pack_padded_sequence`.
#[derive(Debug, Clone, Serialize)]
pub struct Packing {
    pub lengths: Vec<i64>,
    /// `list`, or the dtype of a tensor.
    pub lengths_as: &'static str,
    pub batch_first: bool,
    pub enforce_sorted: bool,
}

/// One call of a public function. The number of the call is its seed. Weights and tensors are drawn in the order of the
/// fields.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "call")]
pub enum Call {
    Forward {
        spec: Spec,
        train: bool,
        input: Draw,
        packing: Option<Packing>,
        hx: Option<Vec<Draw>>,
    },
    /// The result includes the parameters.
    Cell {
        spec: CellSpec,
        input: Draw,
        hx: Option<Vec<Draw>>,
    },
    LoadStateDict {
        spec: Spec,
        entries: Vec<(String, Draw)>,
        strict: bool,
    },
    PackPadded {
        input: Draw,
        packing: Packing,
    },
    PadPacked {
        sequences: Vec<Draw>,
        enforce_sorted: bool,
        batch_first: bool,
        padding_value: f64,
        total_length: Option<i64>,
    },
    PadSequence {
        sequences: Vec<Draw>,
        batch_first: bool,
        padding_value: f64,
        padding_side: &'static str,
    },
    UnpadSequence {
        padded: Draw,
        lengths: Vec<i64>,
        batch_first: bool,
    },
    PackSequence {
        sequences: Vec<Draw>,
        enforce_sorted: bool,
    },
    UnpackSequence {
        sequences: Vec<Draw>,
        enforce_sorted: bool,
    },
    InvertPermutation {
        permutation: Vec<i64>,
        dtype: &'static str,
    },
}

impl Call {
    /// The class of the layer, if the call is a layer's `forward_packed`.
    pub fn packed_class(&self) -> Option<&'static str> {
        match self {
            Call::Forward { spec, packing: Some(_), .. } => Some(spec.class),
            _ => None,
        }
    }

    /// Runs the call and returns all tensors of its result.
    pub fn run(&self) -> Result<Vec<Tensor>> {
        match self {
            Call::Forward { spec, train, input, packing, hx } => {
                forward(spec, *train, input, packing.as_ref(), hx.as_deref())
            }
            Call::Cell { spec, input, hx } => {
                let (_vs, cell) = spec.build()?;
                let state = cell.forward(&input.draw(), hx.as_deref().map(draw).as_deref())?;
                Ok(state.into_iter().chain(cell.named_parameters().into_iter().map(|(_, weight)| weight)).collect())
            }
            Call::LoadStateDict { spec, entries, strict } => load_state_dict(spec, entries, *strict),
            Call::PackPadded { input, packing } => pack(&input.draw(), packing).map(parts),
            Call::PadPacked { sequences, enforce_sorted, batch_first, padding_value, total_length } => {
                let packed = pack_sequence(&draw(sequences), *enforce_sorted)?;
                let (padded, lengths) = pad_packed_sequence(&packed, *batch_first, *padding_value, *total_length)?;
                Ok(vec![padded, lengths])
            }
            Call::PadSequence { sequences, batch_first, padding_value, padding_side } => {
                let sequences = draw(sequences);
                let side: PaddingSide = padding_side.parse()?;
                Ok(vec![pad_sequence(&sequences, *batch_first, *padding_value, side)?])
            }
            Call::UnpadSequence { padded, lengths, batch_first } => {
                unpad_sequence(&padded.draw(), lengths, *batch_first)
            }
            Call::PackSequence { sequences, enforce_sorted } => {
                pack_sequence(&draw(sequences), *enforce_sorted).map(parts)
            }
            Call::UnpackSequence { sequences, enforce_sorted } => {
                unpack_sequence(&pack_sequence(&draw(sequences), *enforce_sorted)?)
            }
            Call::InvertPermutation { permutation, dtype } => {
                Ok(vec![invert_permutation(&Tensor::from_slice(permutation).to_kind(kind(dtype)))?])
            }
        }
    }
}

fn draw(draws: &[Draw]) -> Vec<Tensor> {
    draws.iter().map(Draw::draw).collect()
}

fn pack(input: &Tensor, packing: &Packing) -> Result<PackedSequence> {
    let Packing { lengths, batch_first, enforce_sorted, .. } = packing;
    match packing.lengths_as {
        "list" => pack_padded_sequence(input, lengths, *batch_first, *enforce_sorted),
        dtype => {
            let lengths = Tensor::from_slice(lengths).to_kind(kind(dtype));
            pack_padded_sequence(input, &lengths, *batch_first, *enforce_sorted)
        }
    }
}

/// The fields of a packed sequence that are not `None`.
fn parts(packed: PackedSequence) -> Vec<Tensor> {
    let indices = packed.sorted_indices.into_iter().chain(packed.unsorted_indices);
    [packed.data, packed.batch_sizes].into_iter().chain(indices).collect()
}

fn forward(
    spec: &Spec,
    train: bool,
    input: &Draw,
    packing: Option<&Packing>,
    hx: Option<&[Draw]>,
) -> Result<Vec<Tensor>> {
    let (_vs, mut layer) = spec.build()?;
    if !train {
        layer.eval();
    }
    let input = input.draw();
    let hx = hx.map(draw);
    let Some(packing) = packing else { return layer.forward(&input, hx.as_deref()) };
    let (output, state) = layer.forward_packed(&pack(&input, packing)?, hx.as_deref())?;
    Ok(parts(output).into_iter().chain(state).collect())
}

/// Returns the parameters afterwards.
fn load_state_dict(spec: &Spec, entries: &[(String, Draw)], strict: bool) -> Result<Vec<Tensor>> {
    let (_vs, mut layer) = spec.build()?;
    let state_dict: StateDict = entries.iter().map(|(name, draw)| (name.clone(), draw.draw())).collect();
    crate::each!(&mut layer, layer => layer.load_state_dict(&state_dict, strict))?;
    Ok(layer.named_parameters().into_iter().map(|(_, parameter)| parameter).collect())
}
