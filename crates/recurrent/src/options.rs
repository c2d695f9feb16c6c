//! The constructor arguments of the three layers, as builders with torch's defaults.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use tch::nn::Path;

use crate::error::{Error, Result};
use crate::{Gru, Lstm, Rnn};

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

    /// `"tanh"` or `"relu"`; anything else gives torch's error.
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

/// More layers than anybody has: a number beyond it is a mistake that would otherwise fill the memory name by name.
const MAX_LAYERS: i64 = 1 << 16;

/// Which equations a layer computes (torch's `mode`).
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

    /// Of an RNN; the others know only tanh.
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
}

/// Everything that fixes a layer but its weights.
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
    fn new(mode: Mode, input_size: i64, hidden_size: i64) -> Options {
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
    /// `extra_repr` of torch: what differs from the defaults, in torch's order.
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

/// torch's check of a dropout probability, at construction and at [`Lstm::set_dropout`](crate::Lstm::set_dropout).
pub(crate) fn check_dropout(p: f64) -> Result<()> {
    if (0.0..=1.0).contains(&p) { Ok(()) } else { Err(Error::Dropout(p)) }
}

/// Python's `repr` of a probability: two digits at least in the exponent.
fn python_float(value: f64) -> String {
    let text = format!("{value:?}");
    match text.split_once("e-") {
        Some((mantissa, exponent)) if exponent.len() == 1 => format!("{mantissa}e-0{exponent}"),
        _ => text,
    }
}

macro_rules! config {
    ($(#[$doc:meta])* $Config:ident builds $Layer:ident, $mode:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Config {
            options: Options,
        }

        impl $Config {
            /// `input_size` features of x at each step, `hidden_size` features of h; the rest as torch's defaults.
            pub fn new(input_size: i64, hidden_size: i64) -> Self {
                $Config { options: Options::new($mode, input_size, hidden_size) }
            }

            /// Layers stacked one upon the other, 1: each reads the output of the one below.
            pub fn num_layers(mut self, num_layers: i64) -> Self {
                self.options.num_layers = num_layers;
                self
            }

            /// Whether `b_ih` and `b_hh` are there, true.
            pub fn bias(mut self, bias: bool) -> Self {
                self.options.bias = bias;
                self
            }

            /// Whether input and output are (batch, time, feature), false: (time, batch, feature). States never are.
            pub fn batch_first(mut self, batch_first: bool) -> Self {
                self.options.batch_first = batch_first;
                self
            }

            /// Probability with which an element of the output of every layer but the last is zeroed in training, 0.
            pub fn dropout(mut self, dropout: f64) -> Self {
                self.options.dropout = dropout;
                self
            }

            /// Whether a second set of weights reads the sequence from its end, false.
            pub fn bidirectional(mut self, bidirectional: bool) -> Self {
                self.options.bidirectional = bidirectional;
                self
            }

            /// What torch would warn of when it builds this layer. The library itself prints nothing.
            ///
            /// ```
            /// let config = recurrent::GruConfig::new(3, 4).dropout(0.5);
            /// assert!(config.warnings()[0].starts_with("dropout option adds dropout after all but last"));
            /// ```
            pub fn warnings(&self) -> Vec<String> {
                self.options.warnings()
            }

            /// Builds the layer: parameters of `path`'s kind, named as torch names them, drawn from
            /// U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)) in torch's order. After the same `manual_seed` they are
            /// the same bits as in Python.
            ///
            /// The numbers are drawn on the CPU and then moved to `path`'s device, as Python's `Layer(..).to(device)`
            /// does. Nothing is drawn, and `path` stays as it is, if there is an error.
            ///
            /// # Errors
            /// torch's checks in torch's order: [`Error::Dropout`], [`Error::NotPositive`],
            /// [`Error::NegativeProjSize`], [`Error::ProjSizeTooLarge`], [`Error::NotFloat`]; further
            /// [`Error::TooManyLayers`] beyond 65536, [`Error::DuplicateParameter`] if `path` has parameters of these
            /// names, and [`Error::Torch`] if they do not fit in memory.
            pub fn build<'a>(&self, path: impl Borrow<Path<'a>>) -> Result<$Layer> {
                $Layer::from_options(self.options.clone(), path.borrow())
            }
        }
    };
}

config! {
    /// Arguments of an [`Rnn`], as of `torch.nn.RNN`.
    ///
    /// ```
    /// use recurrent::{Nonlinearity, RnnConfig};
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let rnn = RnnConfig::new(3, 5).num_layers(2).nonlinearity(Nonlinearity::Relu).build(&vs.root())?;
    /// assert_eq!(rnn.to_string(), "RNN(3, 5, num_layers=2)");
    /// # Ok(()) }
    /// ```
    RnnConfig builds Rnn, Mode::Rnn(Nonlinearity::Tanh)
}

impl RnnConfig {
    /// The nonlinearity, tanh.
    pub fn nonlinearity(mut self, nonlinearity: Nonlinearity) -> Self {
        self.options.mode = Mode::Rnn(nonlinearity);
        self
    }
}

config! {
    /// Arguments of an [`Lstm`], as of `torch.nn.LSTM`.
    ///
    /// ```
    /// use recurrent::LstmConfig;
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let lstm = LstmConfig::new(10, 20).num_layers(2).dropout(0.5).bidirectional(true).build(&vs.root())?;
    /// assert_eq!(lstm.to_string(), "LSTM(10, 20, num_layers=2, dropout=0.5, bidirectional=True)");
    /// # Ok(()) }
    /// ```
    LstmConfig builds Lstm, Mode::Lstm
}

impl LstmConfig {
    /// The size to which h is projected, 0: no projection. Smaller than `hidden_size`.
    pub fn proj_size(mut self, proj_size: i64) -> Self {
        self.options.proj_size = proj_size;
        self
    }
}

config! {
    /// Arguments of a [`Gru`], as of `torch.nn.GRU`.
    ///
    /// ```
    /// use recurrent::GruConfig;
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let gru = GruConfig::new(28, 128).num_layers(2).batch_first(true).build(&vs.root())?;
    /// assert_eq!(gru.to_string(), "GRU(28, 128, num_layers=2, batch_first=True)");
    /// # Ok(()) }
    /// ```
    GruConfig builds Gru, Mode::Gru
}
