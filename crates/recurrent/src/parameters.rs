//! The parameters of a layer or cell: initialization, registration in the `VarStore`, access by name.

use tch::nn::Path;
use tch::{Device, Kind, TchError, Tensor};
use torch_ext::{IncompatibleKeys, StateDict};

use crate::dtype::has_gradient;
use crate::error::{Error, Result};

/// The parameters in registration order. The `VarStore` holds the same tensors.
#[derive(Debug)]
pub(crate) struct Parameters {
    names: Vec<String>,
    tensors: Vec<Tensor>,
    /// Initial values are drawn from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)).
    hidden_size: i64,
}

impl Parameters {
    /// Checks, then draws, then registers. So an error leaves generator and store unchanged.
    ///
    /// The numbers are drawn on the CPU and then moved, like Python's `Layer(..).to(device)`.
    pub(crate) fn build(path: &Path<'_>, shapes: Vec<(String, Vec<i64>)>, hidden_size: i64) -> Result<Parameters> {
        if let Some((name, _)) = shapes.iter().find(|(name, _)| path.get(name).is_some()) {
            return Err(Error::DuplicateParameter(name.clone()));
        }
        let options = (path.kind(), Device::Cpu);
        let empty = shapes
            .iter()
            .map(|(_, shape)| Tensor::f_empty(shape, options))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        if !has_gradient(path.kind()) {
            return Err(Error::NotFloat(path.kind()));
        }
        // Allocates the size of all parameters at once, so that a lack of memory shows before anything is drawn.
        let elements = empty.iter().fold(0, |sum: i64, tensor| sum.saturating_add(tensor.numel() as i64));
        let _ = Tensor::f_empty([elements], options)?;
        let drawn = empty
            .into_iter()
            .map(|tensor| draw(tensor, hidden_size)?.f_to_device(path.device()))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let names: Vec<String> = shapes.into_iter().map(|(name, _)| name).collect();
        let tensors = names.iter().zip(drawn).map(|(name, tensor)| path.add(name, tensor, true)).collect();
        Ok(Parameters { names, tensors, hidden_size })
    }

    /// Name and tensor of each parameter, in torch's order.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.names.iter().map(String::as_str).zip(&self.tensors)
    }

    pub(crate) fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Draws new values for every parameter in place (`reset_parameters`).
    pub(crate) fn reset(&self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for tensor in &self.tensors {
            let empty = Tensor::f_empty(tensor.size(), (tensor.f_kind()?, Device::Cpu))?;
            tensor.shallow_clone().f_copy_(&draw(empty, self.hidden_size)?)?;
        }
        Ok(())
    }

    /// The parameters by name, without gradient.
    pub(crate) fn state_dict(&self) -> StateDict {
        self.named().map(|(name, tensor)| (name.to_owned(), tensor.detach())).collect()
    }

    /// Copies saved parameters into these. `model` is the class name in error messages.
    pub(crate) fn load(&self, model: &str, state_dict: &StateDict, strict: bool) -> Result<IncompatibleKeys> {
        Ok(state_dict.load_into(model, self.named(), strict)?)
    }

    /// Moves the parameters to a device.
    pub(crate) fn to(&self, device: Device) -> Result<()> {
        self.convert(|tensor| tensor.f_to_device(device))
    }

    /// Converts the parameters to another dtype.
    pub(crate) fn to_kind(&self, kind: Kind) -> Result<()> {
        if !has_gradient(kind) {
            return Err(Error::NotFloat(kind));
        }
        self.convert(|tensor| tensor.f_to_kind(kind))
    }

    /// Replaces the data of every parameter and of its gradient (`torch.nn.Module._apply`). The `VarStore` and the
    /// optimizers hold the same tensors, so they see the new data.
    fn convert(&self, convert: impl Fn(&Tensor) -> std::result::Result<Tensor, TchError>) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let gradients = self.tensors.iter().map(Tensor::f_grad).collect::<std::result::Result<Vec<_>, _>>()?;
        let tensors: Vec<&Tensor> =
            self.tensors.iter().chain(gradients.iter().filter(|gradient| gradient.defined())).collect();
        // Everything is converted before anything is replaced. So an error leaves all parameters unchanged.
        let converted = tensors.iter().map(|tensor| convert(tensor)).collect::<std::result::Result<Vec<_>, _>>()?;
        for (tensor, converted) in tensors.into_iter().zip(converted) {
            tensor.shallow_clone().f_set_data(&converted)?;
        }
        Ok(())
    }
}

/// Fills a tensor with U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), as torch's `reset_parameters` does.
fn draw(mut tensor: Tensor, hidden_size: i64) -> std::result::Result<Tensor, TchError> {
    let bound = if hidden_size > 0 { 1.0 / (hidden_size as f64).sqrt() } else { 0.0 };
    tensor.f_uniform_(-bound, bound)
}
