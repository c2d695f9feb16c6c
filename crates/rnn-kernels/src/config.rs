//! What network to run: the cell and the sizes.

use crate::error::{Error, Result};

/// The recurrence, as in `torch.nn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cell {
    /// `h = tanh(W_ih x + b_ih + W_hh h + b_hh)`
    RnnTanh,
    /// `h = relu(W_ih x + b_ih + W_hh h + b_hh)`
    RnnRelu,
    /// Gates i, f, g, o; `c = f c + i g`, `h = o tanh(c)`
    Lstm,
    /// Gates r, z, n; `h = (1 - z) n + z h`
    Gru,
}

impl Cell {
    /// Gates whose weights are stacked in `weight_ih` and `weight_hh`: 1, 4 or 3.
    pub fn gates(self) -> usize {
        match self {
            Cell::RnnTanh | Cell::RnnRelu => 1,
            Cell::Lstm => 4,
            Cell::Gru => 3,
        }
    }

    /// Whether there is a state c beside h.
    pub fn has_c(self) -> bool {
        self == Cell::Lstm
    }

    /// Blocks of gates that a step works on (cells.rs): GRU keeps the two parts of n apart.
    pub(crate) fn blocks(self) -> usize {
        match self {
            Cell::RnnTanh | Cell::RnnRelu => 1,
            Cell::Lstm | Cell::Gru => 4,
        }
    }

    /// The block that gate `gate` of `weight_hh` adds to; gate `gate` of `weight_ih` adds to block `gate`.
    pub(crate) fn hidden_block(self, gate: usize) -> usize {
        if self == Cell::Gru && gate == 2 { 3 } else { gate }
    }
}

/// A stack of recurrent layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Config {
    /// The recurrence.
    pub cell: Cell,
    /// Features of x.
    pub input_size: usize,
    /// Features of h.
    pub hidden_size: usize,
    /// Layers, one upon the other.
    pub num_layers: usize,
    /// Whether there are biases.
    pub bias: bool,
    /// Whether the sequence is read from its end as well.
    pub bidirectional: bool,
}

impl Config {
    /// 2 if bidirectional, else 1.
    pub fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// Rows of a state: layers times directions. Row `layer * directions + direction` belongs to that layer and direction.
    pub fn state_rows(&self) -> usize {
        self.num_layers * self.directions()
    }

    /// Features of the output: hidden_size for each direction.
    pub fn output_size(&self) -> usize {
        self.hidden_size * self.directions()
    }

    /// Features of what `layer` reads.
    pub fn layer_input(&self, layer: usize) -> usize {
        if layer == 0 { self.input_size } else { self.output_size() }
    }

    /// Parameters of a layer and direction: `weight_ih`, `weight_hh` and, with biases, `bias_ih`, `bias_hh`.
    pub fn parameters_per_direction(&self) -> usize {
        if self.bias { 4 } else { 2 }
    }

    /// The sizes of all parameters in torch's order, (rows, columns); a bias has one column.
    pub fn parameter_shapes(&self) -> Vec<(usize, usize)> {
        let stacked = self.cell.gates() * self.hidden_size;
        let direction = |layer| {
            let weights = [(stacked, self.layer_input(layer)), (stacked, self.hidden_size)];
            let biases = [(stacked, 1); 2];
            weights.into_iter().chain(biases.into_iter().filter(|_| self.bias))
        };
        (0..self.num_layers).flat_map(|layer| (0..self.directions()).flat_map(move |_| direction(layer))).collect()
    }

    /// Refuses sizes of zero, and sizes whose products do not fit.
    pub(crate) fn validate(&self) -> Result<()> {
        let sizes =
            [("input_size", self.input_size), ("hidden_size", self.hidden_size), ("num_layers", self.num_layers)];
        match sizes.into_iter().find(|(_, size)| *size == 0) {
            Some((name, _)) => Err(Error::ZeroSize { name }),
            None => Ok(()),
        }
    }
}
