//! The configuration of a recurrent layer, from the names and shapes of its weights.

use std::collections::HashSet;

use rnn_kernels::{CellKind, Config};

use crate::error::Result;
use crate::state_dict::StateDict;
use crate::weights::{ANY, Weights, shape_text};

/// The most layers: a name such as `weight_ih_l4294967295` is not a reason to look for as many layers.
const MAX_LAYERS: usize = 1 << 12;

/// The parameters of a layer and direction, without the suffix for these.
const WEIGHT_IH: &str = "weight_ih";
const WEIGHT_HH: &str = "weight_hh";
const BIASES: [&str; 2] = ["bias_ih", "bias_hh"];
const WEIGHT_HR: &str = "weight_hr";

/// What the names of the weights tell.
struct Names {
    /// `weight_ih` instead of `weight_ih_l0`, as in `torch.nn.GRUCell`.
    is_cell: bool,
    num_layers: usize,
    bidirectional: bool,
    bias: bool,
}

impl Names {
    fn read(weights: &mut Weights<'_>) -> Names {
        let mut names = Names { is_cell: false, num_layers: 1, bidirectional: false, bias: false };
        let (mut layers, mut cell) = (HashSet::new(), HashSet::new());
        for name in weights.names() {
            if name == WEIGHT_IH || name == WEIGHT_HH || BIASES.contains(&name) {
                cell.insert(name);
            }
            let Some((kind, layer, reverse)) = parse(name) else { continue };
            if layer >= MAX_LAYERS {
                weights.fault(name, format!("a layer must have a number below {MAX_LAYERS}"));
                continue;
            }
            layers.insert(layer);
            names.num_layers = names.num_layers.max(layer + 1);
            names.bidirectional |= reverse;
            names.bias |= BIASES.contains(&kind);
        }
        if layers.is_empty() && !cell.is_empty() {
            names.is_cell = true;
            names.bias = BIASES.iter().any(|bias| cell.contains(bias));
        }
        names
    }

    /// The suffix of the names of a layer and direction.
    fn suffix(&self, layer: usize, direction: usize) -> String {
        if self.is_cell {
            return String::new();
        }
        format!("_l{layer}{}", if direction == 1 { "_reverse" } else { "" })
    }

    fn all_suffixes(&self) -> impl Iterator<Item = (usize, String)> {
        let directions = 1 + usize::from(self.bidirectional);
        (0..self.num_layers * directions)
            .map(move |row| (row / directions, self.suffix(row / directions, row % directions)))
    }
}

/// `weight_ih_l0_reverse` is (`weight_ih`, 0, true).
fn parse(name: &str) -> Option<(&str, usize, bool)> {
    let (kind, rest) = name.split_once("_l")?;
    if ![WEIGHT_IH, WEIGHT_HH, BIASES[0], BIASES[1], WEIGHT_HR].contains(&kind) {
        return None;
    }
    let (number, reverse) = match rest.strip_suffix("_reverse") {
        Some(number) => (number, true),
        None => (rest, false),
    };
    let plain = number == "0" || (number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0'));
    let layer = if plain { number.parse().ok()? } else { return None };
    Some((kind, layer, reverse))
}

/// Reads the configuration and the parameters, in torch's order.
pub(super) fn read(from: &StateDict, layer: &'static str, cell: CellKind) -> Result<(Config, Vec<Vec<f32>>)> {
    let mut weights = Weights::new(from, layer);
    let names = Names::read(&mut weights);
    let (hidden_size, h_size) = hidden_sizes(&mut weights, &names, cell);
    let first = [0, 1].map(|direction| weights.shape::<2>(&format!("{WEIGHT_IH}{}", names.suffix(0, direction))));
    let input_size = first.into_iter().flatten().map(|[_, columns]| columns).next().unwrap_or(ANY);
    let has_projection = h_size != hidden_size;
    let config = Config {
        cell,
        input_size,
        hidden_size,
        proj_size: if has_projection { h_size } else { 0 },
        num_layers: names.num_layers,
        bidirectional: names.bidirectional,
        bias: names.bias,
    };
    let gates = cell.gates().saturating_mul(hidden_size);
    let mut parameters = Vec::new();
    for (layer, suffix) in names.all_suffixes() {
        let name = |kind: &str| format!("{kind}{suffix}");
        let columns = if layer == 0 { input_size } else { h_size.saturating_mul(config.directions()) };
        parameters.push(weights.of_shape(&name(WEIGHT_IH), &[gates, columns]));
        parameters.push(weights.of_shape(&name(WEIGHT_HH), &[gates, h_size]));
        if names.bias {
            parameters.extend(BIASES.map(|bias| weights.of_shape(&name(bias), &[gates])));
        }
        if has_projection {
            parameters.push(weights.of_shape(&name(WEIGHT_HR), &[h_size, hidden_size]));
        }
    }
    weights.finish()?;
    Ok((config, parameters))
}

/// hidden_size, and the features of h, from the first `weight_hh`; without one from `weight_ih` and `weight_hr`. What is
/// not known is [`ANY`].
fn hidden_sizes(weights: &mut Weights<'_>, names: &Names, cell: CellKind) -> (usize, usize) {
    let first = |weights: &Weights<'_>, kind: &str| {
        let named = |suffix: String| {
            let name = format!("{kind}{suffix}");
            weights.shape::<2>(&name).map(|shape| (name, shape))
        };
        names.all_suffixes().find_map(|(_, suffix)| named(suffix))
    };
    let gates = cell.gates();
    let Some((name, [rows, columns])) = first(weights, WEIGHT_HH) else {
        let hidden = first(weights, WEIGHT_IH).map_or(ANY, |(_, [rows, _])| rows / gates);
        let projected = first(weights, WEIGHT_HR).map(|(_, [rows, _])| rows);
        return (hidden, projected.filter(|_| cell == CellKind::Lstm).unwrap_or(hidden));
    };
    let hidden = rows / gates;
    let may_project = cell == CellKind::Lstm && columns < hidden && columns > 0;
    if rows == 0 || columns == 0 {
        return (ANY, ANY); // a fault, which `of_shape` records
    }
    if rows == gates.saturating_mul(hidden) && (hidden == columns || may_project) {
        return (hidden, columns);
    }
    let shape = shape_text(&[rows, columns]);
    let kind = [(1, "an RNN"), (3, "a GRU"), (4, "an LSTM")]
        .into_iter()
        .find(|(other, _)| columns.checked_mul(*other) == Some(rows))
        .map_or("of no recurrent layer".to_owned(), |(_, kind)| format!("of {kind} with hidden_size {columns}"));
    let needed = if gates == 1 { "hidden_size".to_owned() } else { format!("{gates} * hidden_size") };
    weights.fault(&name, format!("expected the shape [{needed}, hidden_size], found {shape}, the shape {kind}"));
    (ANY, ANY)
}
