//! A layer of any kind, built from a description that Python can read too.

use recurrent::{
    Error, Gru, GruConfig, Lstm, LstmConfig, LstmState, Nonlinearity, PackedSequence, Result, Rnn, RnnConfig,
};
use serde::Serialize;
use tch::nn::{Path, VarStore};
use tch::{Device, Tensor};

use super::tensors::kind;

/// The arguments of a layer; the fields after `class` and `dtype` are Python's keyword arguments.
#[derive(Debug, Clone, Serialize)]
pub struct Spec {
    pub class: &'static str,
    pub dtype: &'static str,
    pub input_size: i64,
    pub hidden_size: i64,
    pub num_layers: i64,
    pub bias: bool,
    pub batch_first: bool,
    pub dropout: f64,
    pub bidirectional: bool,
    /// Only for an RNN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonlinearity: Option<&'static str>,
    /// Only for an LSTM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proj_size: Option<i64>,
}

/// The four modes: class, and nonlinearity of an RNN.
pub const MODES: [(&str, Option<&str>); 4] =
    [("RNN", Some("tanh")), ("RNN", Some("relu")), ("LSTM", None), ("GRU", None)];

impl Spec {
    /// torch's defaults.
    pub fn new(class: &'static str, input_size: i64, hidden_size: i64) -> Spec {
        Spec {
            class,
            dtype: "float32",
            input_size,
            hidden_size,
            num_layers: 1,
            bias: true,
            batch_first: false,
            dropout: 0.0,
            bidirectional: false,
            nonlinearity: None,
            proj_size: None,
        }
    }

    /// The number of rows in a state: one for each layer and direction.
    pub fn rows(&self) -> i64 {
        self.num_layers * self.directions()
    }

    /// 2 if bidirectional, else 1.
    pub fn directions(&self) -> i64 {
        1 + i64::from(self.bidirectional)
    }

    /// The size of h.
    pub fn output_size(&self) -> i64 {
        self.proj_size.filter(|size| *size > 0).unwrap_or(self.hidden_size)
    }

    /// The last dimension of each tensor of the state.
    pub fn state_sizes(&self) -> Vec<i64> {
        if self.class == "LSTM" { vec![self.output_size(), self.hidden_size] } else { vec![self.output_size()] }
    }

    /// Builds the layer in a new store.
    pub fn build(&self) -> Result<(VarStore, Layer)> {
        let mut vs = VarStore::new(Device::Cpu);
        vs.set_kind(kind(self.dtype));
        let layer = self.build_on(&vs.root())?;
        Ok((vs, layer))
    }

    /// Builds the layer on this path.
    pub fn build_on(&self, path: &Path<'_>) -> Result<Layer> {
        macro_rules! common {
            ($config:expr) => {
                $config
                    .num_layers(self.num_layers)
                    .bias(self.bias)
                    .batch_first(self.batch_first)
                    .dropout(self.dropout)
                    .bidirectional(self.bidirectional)
            };
        }
        let (input_size, hidden_size) = (self.input_size, self.hidden_size);
        Ok(match self.class {
            "RNN" => {
                let nonlinearity: Nonlinearity = self.nonlinearity.unwrap_or("tanh").parse()?;
                let config = RnnConfig::new(input_size, hidden_size).nonlinearity(nonlinearity);
                Layer::Rnn(common!(config).build(path)?)
            }
            "LSTM" => {
                let config = LstmConfig::new(input_size, hidden_size).proj_size(self.proj_size.unwrap_or(0));
                Layer::Lstm(common!(config).build(path)?)
            }
            _ => Layer::Gru(common!(GruConfig::new(input_size, hidden_size)).build(path)?),
        })
    }
}

/// A copy of `layer` in float64, in the same training or evaluation mode.
pub fn in_float64(spec: &Spec, layer: &Layer) -> Layer {
    let (_vs, mut double) = Spec { dtype: "float64", ..spec.clone() }.build().unwrap();
    tch::no_grad(|| {
        for (name, parameter) in layer.named_parameters() {
            double.parameter(&name).copy_(&parameter);
        }
    });
    if !crate::each!(layer, layer => layer.is_training()) {
        double.eval();
    }
    double
}

/// A layer of any kind. Its state is a list of tensors. (Not `AnyRecurrent`: the tests call the typed layers.)
#[derive(Debug)]
pub enum Layer {
    Rnn(Rnn),
    Lstm(Lstm),
    Gru(Gru),
}

/// Runs `$body` on the layer inside.
#[macro_export]
macro_rules! each {
    ($layer:expr, $inner:ident => $body:expr) => {
        match $layer {
            $crate::support::layer::Layer::Rnn($inner) => $body,
            $crate::support::layer::Layer::Lstm($inner) => $body,
            $crate::support::layer::Layer::Gru($inner) => $body,
        }
    };
}

impl Layer {
    /// Output, h and, for an LSTM, c. `hx` is h, or h and c.
    pub fn forward(&self, input: &Tensor, hx: Option<&[Tensor]>) -> Result<Vec<Tensor>> {
        match self {
            Layer::Rnn(rnn) => rnn.forward(input, hx.map(only)).map(|(output, h)| vec![output, h]),
            Layer::Gru(gru) => gru.forward(input, hx.map(only)).map(|(output, h)| vec![output, h]),
            Layer::Lstm(lstm) => {
                let (output, LstmState { h, c }) = lstm.forward(input, hx.map(pair).as_ref())?;
                Ok(vec![output, h, c])
            }
        }
    }

    /// The packed output, and h and, for an LSTM, c.
    pub fn forward_packed(
        &self,
        input: &PackedSequence,
        hx: Option<&[Tensor]>,
    ) -> Result<(PackedSequence, Vec<Tensor>)> {
        match self {
            Layer::Rnn(rnn) => rnn.forward_packed(input, hx.map(only)).map(|(output, h)| (output, vec![h])),
            Layer::Gru(gru) => gru.forward_packed(input, hx.map(only)).map(|(output, h)| (output, vec![h])),
            Layer::Lstm(lstm) => {
                let (output, LstmState { h, c }) = lstm.forward_packed(input, hx.map(pair).as_ref())?;
                Ok((output, vec![h, c]))
            }
        }
    }

    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        each!(self, layer => {
            layer.named_parameters().map(|(name, weight)| (name.to_owned(), weight.shallow_clone())).collect()
        })
    }

    pub fn parameter(&self, name: &str) -> Tensor {
        self.named_parameters().into_iter().find(|(known, _)| known == name).unwrap().1
    }

    pub fn eval(&mut self) {
        each!(self, layer => layer.eval());
    }
}

fn only(hx: &[Tensor]) -> &Tensor {
    &hx[0]
}

fn pair(hx: &[Tensor]) -> LstmState {
    LstmState::from((hx[0].shallow_clone(), hx[1].shallow_clone()))
}

/// Asserts that the result is an error with this message and this Python class, such as `ValueError`.
#[track_caller]
pub fn assert_error<T>(result: Result<T>, class: &str, text: &str) {
    let error: Error = result.err().unwrap_or_else(|| panic!("no error, but expected {class}: {text}"));
    assert_eq!((format!("{:?}", error.python_kind()).as_str(), error.to_string().as_str()), (class, text));
}
