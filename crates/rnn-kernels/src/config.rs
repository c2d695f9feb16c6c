//! The architecture of a network: the kind of cell and the sizes.

use crate::error::{Error, Result};

/// The recurrence, as in `torch.nn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// `h = tanh(W_ih x + b_ih + W_hh h + b_hh)`
    RnnTanh,
    /// `h = relu(W_ih x + b_ih + W_hh h + b_hh)`
    RnnRelu,
    /// Gates i, f, g, o; `c = f c + i g`, `h = o tanh(c)`, or with a projection `h = W_hr (o tanh(c))`
    Lstm,
    /// Gates r, z, n; `h = (1 - z) n + z h`
    Gru,
}

impl CellKind {
    /// Number of gates, whose weights are stacked in `weight_ih` and `weight_hh`: 1, 4 or 3.
    pub fn gates(self) -> usize {
        match self {
            CellKind::RnnTanh | CellKind::RnnRelu => 1,
            CellKind::Lstm => 4,
            CellKind::Gru => 3,
        }
    }

    /// Whether the cell has a cell state c in addition to the hidden state h.
    pub fn has_c(self) -> bool {
        self == CellKind::Lstm
    }

    /// Number of gate blocks, the matrices of pre-activations of a step. GRU stores the two parts of n separately.
    pub(crate) fn gate_blocks(self) -> usize {
        match self {
            CellKind::RnnTanh | CellKind::RnnRelu => 1,
            CellKind::Lstm | CellKind::Gru => 4,
        }
    }

    /// The gate block to which gate `gate` of `weight_hh` contributes. (Gate `gate` of `weight_ih` contributes to block
    /// `gate`.)
    pub(crate) fn recurrent_block(self, gate: usize) -> usize {
        if self == CellKind::Gru && gate == 2 { 3 } else { gate }
    }
}

/// A stack of recurrent layers, with the options of `torch.nn.RNN`, `LSTM` and `GRU`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Config {
    /// The recurrence.
    pub cell: CellKind,
    /// Features of x.
    pub input_size: usize,
    /// Features of c and of each gate; without a projection also of h.
    pub hidden_size: usize,
    /// Number of layers. Each layer reads the output of the one below.
    pub num_layers: usize,
    /// Whether there are biases.
    pub bias: bool,
    /// Whether each layer also reads the sequence from its end to its start.
    pub bidirectional: bool,
    /// LSTM: the features of h if they are projected by `weight_hr`, less than hidden_size. 0 for no projection.
    pub proj_size: usize,
}

impl Config {
    /// 2 if bidirectional, otherwise 1.
    pub fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// The first dimension of `h_0` and `h_n`: layers times directions. Index `layer * directions + direction` belongs
    /// to that layer and direction.
    pub fn state_rows(&self) -> usize {
        self.num_layers * self.directions()
    }

    /// Features of h: proj_size with a projection, otherwise hidden_size.
    pub fn state_size(&self) -> usize {
        if self.proj_size > 0 { self.proj_size } else { self.hidden_size }
    }

    /// Features of the output: those of h for each direction.
    pub fn output_size(&self) -> usize {
        self.state_size() * self.directions()
    }

    /// Features of the input of `layer`.
    pub fn layer_input_size(&self, layer: usize) -> usize {
        if layer == 0 { self.input_size } else { self.output_size() }
    }

    /// Number of parameters of each layer and direction: `weight_ih`, `weight_hh`; with biases, `bias_ih`, `bias_hh`;
    /// with a projection, `weight_hr`.
    pub fn parameters_per_direction(&self) -> usize {
        2 + 2 * usize::from(self.bias) + usize::from(self.proj_size > 0)
    }

    /// The shapes of all parameters in torch's order, as (rows, columns). A bias has one column.
    pub fn parameter_shapes(&self) -> Vec<(usize, usize)> {
        let stacked = self.cell.gates() * self.hidden_size;
        let direction = |layer| {
            let weights = [(stacked, self.layer_input_size(layer)), (stacked, self.state_size())];
            let biases = [(stacked, 1); 2].into_iter().filter(|_| self.bias);
            let projection = (self.proj_size > 0).then_some((self.proj_size, self.hidden_size));
            weights.into_iter().chain(biases).chain(projection)
        };
        (0..self.num_layers).flat_map(|layer| (0..self.directions()).flat_map(move |_| direction(layer))).collect()
    }

    /// Rejects sizes of zero, projections that torch rejects, and sizes so large that the number of parameters
    /// overflows.
    pub(crate) fn validate(&self) -> Result<()> {
        let sizes =
            [("input_size", self.input_size), ("hidden_size", self.hidden_size), ("num_layers", self.num_layers)];
        if let Some((name, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(Error::ZeroSize { name });
        }
        if self.proj_size > 0 && self.cell != CellKind::Lstm {
            return Err(Error::ProjectionOfCell { cell: self.cell });
        }
        if self.proj_size > 0 && self.proj_size >= self.hidden_size {
            return Err(Error::ProjectionSize { proj_size: self.proj_size, hidden_size: self.hidden_size });
        }
        /// More than the longest vector, to which sizes are padded.
        const PADDING: usize = 64;
        let hidden = self.hidden_size.saturating_add(PADDING);
        let widest = self.input_size.saturating_add(PADDING).max(hidden.saturating_mul(2));
        let factors = [self.num_layers, self.directions(), self.cell.gate_blocks(), hidden, widest, size_of::<f32>()];
        let bytes = factors.into_iter().fold(1, usize::saturating_mul);
        if bytes > isize::MAX as usize { Err(Error::OutOfMemory { bytes }) } else { Ok(()) }
    }
}
