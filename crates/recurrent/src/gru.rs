//! `torch.nn.GRU` and `torch.nn.GRUCell`.

use tch::Tensor;

use crate::cell_methods::cell;
use crate::config_methods::config;
use crate::layer_methods::layer;
use crate::options::Mode;

layer! {
    /// Gated recurrent unit (Cho et al., 2014), equivalent of `torch.nn.GRU`. Each layer computes at each step:
    ///
    /// ```text
    /// r_t = sigmoid(W_ir x_t + b_ir + W_hr h_(t-1) + b_hr)          reset gate
    /// z_t = sigmoid(W_iz x_t + b_iz + W_hz h_(t-1) + b_hz)          update gate
    /// n_t =    tanh(W_in x_t + b_in + r_t * (W_hn h_(t-1) + b_hn))  candidate
    /// h_t = (1 - z_t) * n_t + z_t * h_(t-1)
    /// ```
    ///
    /// `weight_ih` stacks W_ir, W_iz and W_in; `weight_hh` stacks W_hr, W_hz and W_hn. Lectures often define the update
    /// gate as u = 1 - z.
    ///
    /// ```
    /// use recurrent::GruConfig;
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let gru = GruConfig::new(28, 128).num_layers(2).batch_first(true).build(&vs.root())?;
    /// let digits = tch::Tensor::zeros([100, 28, 28], tch::kind::FLOAT_CPU); // 100 images, row by row
    /// let (output, h) = gru.forward(&digits, None)?;
    /// assert_eq!((output.size(), h.size()), (vec![100, 28, 128], vec![2, 100, 128]));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.GRU")]
    #[doc(alias = "GRU")]
    Gru with state Tensor
}

config! {
    /// The arguments of `torch.nn.GRU`, as a builder of a [`Gru`].
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

cell! {
    /// One step of a [`Gru`], equivalent of `torch.nn.GRUCell`.
    ///
    /// ```
    /// use recurrent::GruCell;
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let cell = GruCell::with_bias(&vs.root(), 28, 128, false)?;
    /// let rows = tch::Tensor::zeros([100, 28], tch::kind::FLOAT_CPU); // one row of each of 100 images
    /// assert_eq!(cell.forward(&rows, None)?.size(), [100, 128]);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.GRUCell")]
    #[doc(alias = "GRUCell")]
    GruCell, Mode::Gru, with state Tensor
}
