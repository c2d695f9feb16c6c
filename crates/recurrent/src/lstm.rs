//! `torch.nn.LSTM` and `torch.nn.LSTMCell`.

use crate::cell_methods::cell;
use crate::config_methods::config;
use crate::layer_methods::layer;
use crate::options::Mode;
use crate::state::LstmState;

layer! {
    /// Long short-term memory (Hochreiter and Schmidhuber, 1997), equivalent of `torch.nn.LSTM`. Each layer computes at
    /// each step:
    ///
    /// ```text
    /// i_t = sigmoid(W_ii x_t + b_ii + W_hi h_(t-1) + b_hi)      input gate
    /// f_t = sigmoid(W_if x_t + b_if + W_hf h_(t-1) + b_hf)      forget gate
    /// g_t =    tanh(W_ig x_t + b_ig + W_hg h_(t-1) + b_hg)      candidate
    /// o_t = sigmoid(W_io x_t + b_io + W_ho h_(t-1) + b_ho)      output gate
    /// c_t = f_t * c_(t-1) + i_t * g_t
    /// h_t = o_t * tanh(c_t)                                     with a projection: h_t = W_hr (o_t * tanh(c_t))
    /// ```
    ///
    /// `weight_ih` stacks W_ii, W_if, W_ig and W_io; `weight_hh` stacks W_hi, W_hf, W_hg and W_ho. The projection is from
    /// Sak et al. (2014).
    ///
    /// ```
    /// use recurrent::{Lstm, LstmState};
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let lstm = Lstm::new(&vs.root(), 5, 10)?;
    /// let week = tch::Tensor::zeros([7, 5], tch::kind::FLOAT_CPU); // unbatched: 7 days of 5 numbers
    /// let (output, LstmState { h, c }) = lstm.forward(&week, None)?;
    /// assert_eq!((output.size(), h.size(), c.size()), (vec![7, 10], vec![1, 10], vec![1, 10]));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.LSTM")]
    #[doc(alias = "LSTM")]
    Lstm with state LstmState
}

impl Lstm {
    /// The size of the projected h; 0 without a projection.
    pub fn proj_size(&self) -> i64 {
        self.base.options.proj_size
    }
}

config! {
    /// The arguments of `torch.nn.LSTM`, as a builder of an [`Lstm`].
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
    /// The size of the projected h, default 0: no projection. It must be smaller than `hidden_size`.
    pub fn proj_size(mut self, proj_size: i64) -> Self {
        self.options.proj_size = proj_size;
        self
    }
}

cell! {
    /// One step of an [`Lstm`] without projection, equivalent of `torch.nn.LSTMCell`.
    ///
    /// ```
    /// use recurrent::{LstmCell, LstmState};
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let cell = LstmCell::new(&vs.root(), 10, 20)?;
    /// let day = tch::Tensor::zeros([10], tch::kind::FLOAT_CPU); // unbatched
    /// let LstmState { h, c } = cell.forward(&day, None)?;
    /// assert_eq!((h.size(), c.size()), (vec![20], vec![20]));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.LSTMCell")]
    #[doc(alias = "LSTMCell")]
    LstmCell, Mode::Lstm, with state LstmState
}
