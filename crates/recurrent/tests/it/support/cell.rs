//! A cell of any kind, built from a description that Python can read too.

use recurrent::{GruCell, LstmCell, LstmState, Nonlinearity, Result, RnnCell};
use serde::Serialize;
use tch::nn::VarStore;
use tch::{Device, Tensor};

use super::tensors::kind;

/// The arguments of a cell; the fields after `class` and `dtype` are Python's keyword arguments.
#[derive(Debug, Clone, Serialize)]
pub struct CellSpec {
    pub class: &'static str,
    pub dtype: &'static str,
    pub input_size: i64,
    pub hidden_size: i64,
    pub bias: bool,
    /// Only for an RNNCell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonlinearity: Option<&'static str>,
}

/// The four kinds: class, and nonlinearity of an RNNCell.
pub const CELLS: [(&str, Option<&str>); 4] =
    [("RNNCell", Some("tanh")), ("RNNCell", Some("relu")), ("LSTMCell", None), ("GRUCell", None)];

impl CellSpec {
    /// torch's defaults.
    pub fn new(class: &'static str, input_size: i64, hidden_size: i64) -> CellSpec {
        CellSpec { class, dtype: "float32", input_size, hidden_size, bias: true, nonlinearity: None }
    }

    /// The number of tensors in a state.
    pub fn states(&self) -> usize {
        if self.class == "LSTMCell" { 2 } else { 1 }
    }

    /// Builds the cell in a new store.
    pub fn build(&self) -> Result<(VarStore, Cell)> {
        let mut vs = VarStore::new(Device::Cpu);
        vs.set_kind(kind(self.dtype));
        let (path, input_size, hidden_size, bias) = (vs.root(), self.input_size, self.hidden_size, self.bias);
        let cell = match self.class {
            "RNNCell" => {
                let nonlinearity: Nonlinearity = self.nonlinearity.unwrap_or("tanh").parse()?;
                Cell::Rnn(RnnCell::with_nonlinearity(path, input_size, hidden_size, bias, nonlinearity)?)
            }
            "LSTMCell" => Cell::Lstm(LstmCell::with_bias(path, input_size, hidden_size, bias)?),
            _ => Cell::Gru(GruCell::with_bias(path, input_size, hidden_size, bias)?),
        };
        Ok((vs, cell))
    }
}

/// A cell of any kind. Its state is a list of tensors.
#[derive(Debug)]
pub enum Cell {
    Rnn(RnnCell),
    Lstm(LstmCell),
    Gru(GruCell),
}

/// Runs `$body` on the cell inside.
#[macro_export]
macro_rules! each_cell {
    ($cell:expr, $inner:ident => $body:expr) => {
        match $cell {
            $crate::support::cell::Cell::Rnn($inner) => $body,
            $crate::support::cell::Cell::Lstm($inner) => $body,
            $crate::support::cell::Cell::Gru($inner) => $body,
        }
    };
}

impl Cell {
    /// The next state: h, or h and c. `hx` has the same form.
    pub fn forward(&self, input: &Tensor, hx: Option<&[Tensor]>) -> Result<Vec<Tensor>> {
        match self {
            Cell::Rnn(rnn) => rnn.forward(input, hx.map(|hx| &hx[0])).map(|h| vec![h]),
            Cell::Gru(gru) => gru.forward(input, hx.map(|hx| &hx[0])).map(|h| vec![h]),
            Cell::Lstm(lstm) => {
                let hx = hx.map(|hx| LstmState::from((hx[0].shallow_clone(), hx[1].shallow_clone())));
                let LstmState { h, c } = lstm.forward(input, hx.as_ref())?;
                Ok(vec![h, c])
            }
        }
    }

    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        each_cell!(self, cell => {
            cell.named_parameters().map(|(name, weight)| (name.to_owned(), weight.shallow_clone())).collect()
        })
    }
}
