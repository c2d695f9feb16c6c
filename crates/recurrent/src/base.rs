//! What the three layers have in common: their parameters. How they run is in forward.rs.

use std::collections::HashSet;

use tch::nn::Path;
use tch::{Device, Kind, Tensor};

use crate::config::{Mode, Nonlinearity, Options, check_dropout};
use crate::error::{Error, Result};
use crate::state_dict::{IncompatibleKeys, StateDict};

/// A layer without the types of its state.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) options: Options,
    pub(crate) training: bool,
    names: Vec<String>,
    weights: Vec<Tensor>,
}

impl Base {
    /// Checks, draws, registers: in this order, so that an error leaves generator and store as they were.
    pub(crate) fn build(options: Options, path: &Path<'_>) -> Result<Base> {
        options.validate()?;
        if !is_float(path.kind()) {
            return Err(Error::NotFloat(path.kind()));
        }
        let shapes = parameter_shapes(&options);
        if let Some((name, _)) = shapes.iter().find(|(name, _)| path.get(name).is_some()) {
            return Err(Error::DuplicateParameter(name.clone()));
        }
        let drawn = shapes
            .iter()
            .map(|(_, shape)| Tensor::f_empty(shape, (path.kind(), Device::Cpu)))
            .collect::<std::result::Result<Vec<_>, _>>()?
            .into_iter()
            .map(|weight| draw(weight, options.hidden_size)?.f_to_device(path.device()))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let names: Vec<String> = shapes.into_iter().map(|(name, _)| name).collect();
        let weights = names.iter().zip(drawn).map(|(name, weight)| path.add(name, weight, true)).collect();
        let base = Base { options, training: true, names, weights };
        base.flatten_parameters()?;
        Ok(base)
    }

    /// Name and tensor of each parameter, in torch's order.
    pub(crate) fn named_parameters(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.names.iter().map(String::as_str).zip(&self.weights)
    }

    pub(crate) fn weights(&self) -> &[Tensor] {
        &self.weights
    }

    /// The parameters of each layer and direction: `all_weights` of torch.
    pub(crate) fn all_weights(&self) -> Vec<Vec<&Tensor>> {
        self.weights.chunks(self.weights_per_direction()).map(|group| group.iter().collect()).collect()
    }

    fn weights_per_direction(&self) -> usize {
        2 + 2 * usize::from(self.options.bias) + usize::from(self.options.proj_size > 0)
    }

    pub(crate) fn reset_parameters(&self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for weight in &self.weights {
            let fresh = draw(Tensor::f_empty(weight.size(), (weight.kind(), Device::Cpu))?, self.options.hidden_size)?;
            weight.shallow_clone().f_copy_(&fresh)?;
        }
        Ok(())
    }

    pub(crate) fn set_dropout(&mut self, dropout: f64) -> Result<()> {
        check_dropout(dropout)?;
        self.options.dropout = dropout;
        Ok(())
    }

    pub(crate) fn state_dict(&self) -> StateDict {
        self.named_parameters().map(|(name, weight)| (name.to_owned(), weight.detach())).collect()
    }

    pub(crate) fn load_state_dict(&self, state_dict: &StateDict, strict: bool) -> Result<IncompatibleKeys> {
        state_dict.load_into(self.options.mode.name(), self.named_parameters(), strict)
    }

    /// Replaces the data of every parameter; the `VarStore` and an optimizer that know it see the new data too.
    pub(crate) fn convert(&self, convert: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let converted = self.weights.iter().map(convert).collect::<Result<Vec<_>>>()?;
        for (weight, converted) in self.weights.iter().zip(converted) {
            weight.shallow_clone().f_set_data(&converted)?;
        }
        self.flatten_parameters()
    }

    /// Lays the weights out in one piece, as cuDNN wants them (`RNNBase.flatten_parameters`).
    ///
    /// Nothing happens off CUDA, where cuDNN does not take the weights, where their kinds differ, or where two of them
    /// are one tensor.
    pub(crate) fn flatten_parameters(&self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let kind = self.weights[0].kind();
        for weight in &self.weights {
            if !weight.device().is_cuda() || weight.kind() != kind || !weight.f_cudnn_is_acceptable()? {
                return Ok(());
            }
        }
        let distinct: HashSet<_> = self.weights.iter().map(Tensor::data_ptr).collect();
        if distinct.len() != self.weights.len() || !Tensor::f_internal_use_cudnn_rnn_flatten_weight()? {
            return Ok(());
        }
        let cudnn_mode = match self.options.mode {
            Mode::Rnn(Nonlinearity::Relu) => 0,
            Mode::Rnn(Nonlinearity::Tanh) => 1,
            Mode::Lstm => 2,
            Mode::Gru => 3,
        };
        let _ = Tensor::f_internal_cudnn_rnn_flatten_weight(
            &self.weights,
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

/// Names and shapes in registration order: for each layer and direction w_ih, w_hh, b_ih, b_hh and, with a
/// projection, w_hr.
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

/// Fills with U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)): `reset_parameters` of torch, projection or not.
pub(crate) fn draw(mut weight: Tensor, hidden_size: i64) -> std::result::Result<Tensor, tch::TchError> {
    let stdv = if hidden_size > 0 { 1.0 / (hidden_size as f64).sqrt() } else { 0.0 };
    weight.f_uniform_(-stdv, stdv)
}

/// Whether tensors of this kind can have a gradient.
pub(crate) fn is_float(kind: Kind) -> bool {
    !matches!(kind, Kind::Uint8 | Kind::Int8 | Kind::Int16 | Kind::Int | Kind::Int64 | Kind::Bool)
}
