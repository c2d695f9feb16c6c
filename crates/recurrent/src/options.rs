//! The options of a layer, and the checks that `torch.nn` makes on them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The nonlinearity of an RNN; `torch.nn.RNN(..., nonlinearity='tanh')`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nonlinearity {
    /// `tanh`, the default.
    #[default]
    Tanh,
    /// `max(0, x)`.
    Relu,
}

impl FromStr for Nonlinearity {
    type Err = Error;

    /// `"tanh"` or `"relu"`; any other name is torch's error.
    fn from_str(name: &str) -> Result<Nonlinearity> {
        match name {
            "tanh" => Ok(Nonlinearity::Tanh),
            "relu" => Ok(Nonlinearity::Relu),
            _ => Err(Error::UnknownNonlinearity(name.to_owned())),
        }
    }
}

impl fmt::Display for Nonlinearity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Nonlinearity::Tanh => "tanh",
            Nonlinearity::Relu => "relu",
        })
    }
}

/// The upper limit of `num_layers`. The parameter names of many more layers would fill the memory.
const MAX_LAYERS: i64 = 1 << 16;

/// The equations of a layer or cell (torch's `mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Rnn(Nonlinearity),
    Lstm,
    Gru,
}

impl Mode {
    /// torch's class name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mode::Rnn(_) => "RNN",
            Mode::Lstm => "LSTM",
            Mode::Gru => "GRU",
        }
    }

    /// The nonlinearity of an RNN. LSTM and GRU always use tanh.
    pub(crate) fn nonlinearity(self) -> Nonlinearity {
        match self {
            Mode::Rnn(nonlinearity) => nonlinearity,
            Mode::Lstm | Mode::Gru => Nonlinearity::Tanh,
        }
    }

    /// How many gates are stacked in one weight: LSTM i, f, g, o; GRU r, z, n.
    pub(crate) fn gates(self) -> i64 {
        match self {
            Mode::Rnn(_) => 1,
            Mode::Lstm => 4,
            Mode::Gru => 3,
        }
    }

    /// The number of tensors in a state: h and c for an LSTM, else h.
    pub(crate) fn state_count(self) -> usize {
        if self == Mode::Lstm { 2 } else { 1 }
    }

    /// The position of a tensor in a state, for messages: torch mentions it only for an LSTM.
    pub(crate) fn state_index(self, i: usize) -> Option<usize> {
        (self == Mode::Lstm).then_some(i)
    }
}

/// The constructor arguments of a layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) input_size: i64,
    pub(crate) hidden_size: i64,
    pub(crate) num_layers: i64,
    pub(crate) bias: bool,
    pub(crate) batch_first: bool,
    pub(crate) dropout: f64,
    pub(crate) bidirectional: bool,
    pub(crate) proj_size: i64,
}

impl Options {
    /// torch's defaults.
    pub(crate) fn new(mode: Mode, input_size: i64, hidden_size: i64) -> Options {
        Options {
            mode,
            input_size,
            hidden_size,
            num_layers: 1,
            bias: true,
            batch_first: false,
            dropout: 0.0,
            bidirectional: false,
            proj_size: 0,
        }
    }

    /// The checks of `RNNBase.__init__`, in its order.
    pub(crate) fn validate(&self) -> Result<()> {
        check_dropout(self.dropout)?;
        for (name, value) in
            [("input_size", self.input_size), ("hidden_size", self.hidden_size), ("num_layers", self.num_layers)]
        {
            if value <= 0 {
                return Err(Error::NotPositive { name, value });
            }
        }
        if self.proj_size < 0 {
            return Err(Error::NegativeProjSize(self.proj_size));
        }
        if self.proj_size >= self.hidden_size {
            return Err(Error::ProjSizeTooLarge { proj_size: self.proj_size, hidden_size: self.hidden_size });
        }
        if self.num_layers > MAX_LAYERS {
            return Err(Error::TooManyLayers(self.num_layers));
        }
        Ok(())
    }

    /// 2 if bidirectional, else 1.
    pub(crate) fn num_directions(&self) -> i64 {
        1 + i64::from(self.bidirectional)
    }

    /// The size of h: `proj_size` if there is a projection, else `hidden_size`.
    pub(crate) fn output_size(&self) -> i64 {
        if self.proj_size > 0 { self.proj_size } else { self.hidden_size }
    }

    /// The warnings that torch prints for these options.
    pub(crate) fn warnings(&self) -> Vec<String> {
        if self.dropout > 0.0 && self.num_layers == 1 {
            return vec![format!(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects \
                 num_layers greater than 1, but got dropout={} and num_layers=1",
                python_float(self.dropout)
            )];
        }
        Vec::new()
    }
}

impl fmt::Display for Options {
    /// torch's `repr`: the options that differ from the defaults, in torch's order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}, {}", self.mode.name(), self.input_size, self.hidden_size)?;
        if self.proj_size != 0 {
            write!(f, ", proj_size={}", self.proj_size)?;
        }
        if self.num_layers != 1 {
            write!(f, ", num_layers={}", self.num_layers)?;
        }
        if !self.bias {
            f.write_str(", bias=False")?;
        }
        if self.batch_first {
            f.write_str(", batch_first=True")?;
        }
        if self.dropout != 0.0 {
            write!(f, ", dropout={}", python_float(self.dropout))?;
        }
        if self.bidirectional {
            f.write_str(", bidirectional=True")?;
        }
        f.write_str(")")
    }
}

/// torch's check of a dropout probability.
pub(crate) fn check_dropout(p: f64) -> Result<()> {
    if (0.0..=1.0).contains(&p) { Ok(()) } else { Err(Error::Dropout(p)) }
}

/// Python's `repr` of a probability: its exponent has at least two digits.
fn python_float(value: f64) -> String {
    let text = format!("{value:?}");
    match text.split_once("e-") {
        Some((mantissa, exponent)) if exponent.len() == 1 => format!("{mantissa}e-0{exponent}"),
        _ => text,
    }
}
