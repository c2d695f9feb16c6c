//! Options and parameters of a layer of any kind. Its forward pass is in forward.rs.

use std::collections::HashSet;

use tch::nn::Path;
use tch::{Device, Kind, Tensor};

use crate::backend::Backend;
use crate::error::Result;
use crate::fused::Fused;
use crate::options::{Mode, Nonlinearity, Options, check_dropout};
use crate::parameters::Parameters;

/// A layer of any kind, without the type of its state.
#[derive(Debug)]
pub struct LayerBase {
    pub(crate) options: Options,
    pub(crate) parameters: Parameters,
    pub(crate) training: bool,
    /// The kernels, if the backend is [`Backend::Fused`].
    pub(crate) fused: Option<Fused>,
}

impl LayerBase {
    /// After an error, generator and store are unchanged.
    pub(crate) fn build(options: Options, path: &Path<'_>) -> Result<LayerBase> {
        options.validate()?;
        let parameters = Parameters::build(path, parameter_shapes(&options), options.hidden_size)?;
        let base = LayerBase { options, parameters, training: true, fused: None };
        base.flatten_parameters()?;
        Ok(base)
    }

    pub(crate) fn weights(&self) -> &[Tensor] {
        self.parameters.tensors()
    }

    /// The parameters of each layer and direction (torch's `all_weights`).
    pub(crate) fn all_weights(&self) -> Vec<Vec<&Tensor>> {
        self.weights().chunks(self.weights_per_direction()).map(|group| group.iter().collect()).collect()
    }

    fn weights_per_direction(&self) -> usize {
        2 + 2 * usize::from(self.options.bias) + usize::from(self.options.proj_size > 0)
    }

    pub(crate) fn set_dropout(&mut self, dropout: f64) -> Result<()> {
        check_dropout(dropout)?;
        self.options.dropout = dropout;
        Ok(())
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        self.options.warnings().into_iter().chain(self.fused.iter().flat_map(Fused::warnings)).collect()
    }

    pub(crate) fn backend(&self) -> Backend {
        if self.fused.is_some() { Backend::Fused } else { Backend::Exact }
    }

    pub(crate) fn set_backend(&mut self, backend: Backend) -> Result<()> {
        self.fused = match backend {
            Backend::Exact => None,
            Backend::Fused => Some(Fused::new(&self.options, self.weights())?),
        };
        Ok(())
    }

    pub(crate) fn to(&self, device: Device) -> Result<()> {
        self.parameters.to(device)?;
        self.flatten_parameters()
    }

    pub(crate) fn to_kind(&self, kind: Kind) -> Result<()> {
        self.parameters.to_kind(kind)?;
        self.flatten_parameters()
    }

    /// Moves the weights into one contiguous block of memory for cuDNN (`RNNBase.flatten_parameters`).
    ///
    /// Does nothing for weights that are not on CUDA, that cuDNN does not support, whose dtypes differ, or that share
    /// memory.
    pub(crate) fn flatten_parameters(&self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let kind = self.weights()[0].f_kind()?;
        for weight in self.weights() {
            if !weight.device().is_cuda() || weight.f_kind()? != kind || !weight.f_cudnn_is_acceptable()? {
                return Ok(());
            }
        }
        let distinct: HashSet<_> = self.weights().iter().map(Tensor::data_ptr).collect();
        if distinct.len() != self.weights().len() || !Tensor::f_internal_use_cudnn_rnn_flatten_weight()? {
            return Ok(());
        }
        let cudnn_mode = match self.options.mode {
            Mode::Rnn(Nonlinearity::Relu) => 0,
            Mode::Rnn(Nonlinearity::Tanh) => 1,
            Mode::Lstm => 2,
            Mode::Gru => 3,
        };
        let _ = Tensor::f_internal_cudnn_rnn_flatten_weight(
            self.weights(),
            self.weights_per_direction() as i64,
            self.options.input_size,
            cudnn_mode,
            self.options.hidden_size,
            self.options.proj_size,
            self.options.num_layers,
            self.options.batch_first,
            self.options.bidirectional,
        )?;
        Ok(())
    }
}

/// Names and shapes in registration order. For each layer and direction: weight_ih, weight_hh, then bias_ih and bias_hh
/// if there are biases, then weight_hr if there is a projection.
fn parameter_shapes(options: &Options) -> Vec<(String, Vec<i64>)> {
    let stacked = options.mode.gates().saturating_mul(options.hidden_size);
    let output_size = options.output_size();
    let mut shapes = Vec::new();
    for layer in 0..options.num_layers {
        let below = if layer == 0 { options.input_size } else { output_size.saturating_mul(options.num_directions()) };
        for suffix in ["", "_reverse"].iter().take(options.num_directions() as usize) {
            let mut push = |name: &str, shape: Vec<i64>| shapes.push((format!("{name}_l{layer}{suffix}"), shape));
            push("weight_ih", vec![stacked, below]);
            push("weight_hh", vec![stacked, output_size]);
            if options.bias {
                push("bias_ih", vec![stacked]);
                push("bias_hh", vec![stacked]);
            }
            if options.proj_size > 0 {
                push("weight_hr", vec![options.proj_size, options.hidden_size]);
            }
        }
    }
    shapes
}
