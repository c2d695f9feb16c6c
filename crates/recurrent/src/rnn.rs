//! `torch.nn.RNN` and `torch.nn.RNNCell`.

use std::borrow::Borrow;

use tch::Tensor;
use tch::nn::Path;

use crate::cell_base::CellBase;
use crate::cell_methods::cell;
use crate::config_methods::config;
use crate::error::Result;
use crate::layer_methods::layer;
use crate::options::{Mode, Nonlinearity};

layer! {
    /// Elman RNN, equivalent of `torch.nn.RNN`. Each layer computes at each step:
    ///
    /// ```text
    /// h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)        or relu(..)
    /// ```
    ///
    /// ```
    /// use recurrent::Rnn;
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let rnn = Rnn::new(&vs.root(), 9, 5)?;
    /// let sentences = tch::Tensor::zeros([2, 6, 9], tch::kind::FLOAT_CPU); // 2 words, 6 sentences, vocabulary of 9
    /// let (output, h) = rnn.forward(&sentences, None)?;
    /// assert_eq!((output.size(), h.size()), (vec![2, 6, 5], vec![1, 6, 5]));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.RNN")]
    #[doc(alias = "RNN")]
    Rnn with state Tensor
}

impl Rnn {
    /// The nonlinearity.
    pub fn nonlinearity(&self) -> Nonlinearity {
        self.base.options.mode.nonlinearity()
    }
}

config! {
    /// The arguments of `torch.nn.RNN`, as a builder of an [`Rnn`].
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
    /// The nonlinearity, default tanh.
    pub fn nonlinearity(mut self, nonlinearity: Nonlinearity) -> Self {
        self.options.mode = Mode::Rnn(nonlinearity);
        self
    }
}

cell! {
    /// One step of an [`Rnn`], equivalent of `torch.nn.RNNCell`:
    ///
    /// ```text
    /// h' = tanh(W_ih x + b_ih + W_hh h + b_hh)        or relu(..)
    /// ```
    ///
    /// ```
    /// use recurrent::RnnCell;
    /// use tch::{Device, Kind, Tensor, nn::VarStore};
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = VarStore::new(Device::Cpu);
    /// let cell = RnnCell::new(&vs.root(), 10, 20)?;
    /// let input = Tensor::randn([6, 3, 10], (Kind::Float, Device::Cpu)); // 6 steps, batch of 3
    /// let mut h = None;
    /// for x in input.f_unbind(0)? {
    ///     h = Some(cell.forward(&x, h.as_ref())?);
    /// }
    /// assert_eq!(h.map(|h| h.size()), Some(vec![3, 20]));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.RNNCell")]
    #[doc(alias = "RNNCell")]
    RnnCell, Mode::Rnn(Nonlinearity::Tanh), with state Tensor
}

impl RnnCell {
    /// Builds a cell with all of torch's arguments.
    ///
    /// ```
    /// use recurrent::{Nonlinearity, RnnCell};
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let cell = RnnCell::with_nonlinearity(&vs.root(), 3, 5, false, Nonlinearity::Relu)?;
    /// assert_eq!(cell.to_string(), "RNNCell(3, 5, bias=False, nonlinearity=relu)");
    /// # Ok(()) }
    /// ```
    pub fn with_nonlinearity<'a>(
        path: impl Borrow<Path<'a>>,
        input_size: i64,
        hidden_size: i64,
        bias: bool,
        nonlinearity: Nonlinearity,
    ) -> Result<RnnCell> {
        let mode = Mode::Rnn(nonlinearity);
        Ok(RnnCell { base: CellBase::build(mode, path.borrow(), (input_size, hidden_size), bias)? })
    }

    /// The nonlinearity.
    pub fn nonlinearity(&self) -> Nonlinearity {
        self.base.mode.nonlinearity()
    }
}
