//! The parameters of a layer or cell: drawn in torch's order, registered once, read and written by name.

use tch::nn::Path;
use tch::{Device, Kind, TchError, Tensor};

use crate::error::{Error, Result};
use torch_ext::{IncompatibleKeys, StateDict};

/// Named tensors in registration order. The `VarStore` holds the same tensors.
#[derive(Debug)]
pub(crate) struct Parameters {
    names: Vec<String>,
    tensors: Vec<Tensor>,
    /// They are drawn from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)).
    hidden_size: i64,
}

impl Parameters {
    /// Checks, draws, registers: in this order, so that an error leaves generator and store as they were.
    ///
    /// The numbers are drawn on the CPU and then moved, as Python's `Layer(..).to(device)` does.
    pub(crate) fn build(path: &Path<'_>, shapes: Vec<(String, Vec<i64>)>, hidden_size: i64) -> Result<Parameters> {
        if let Some((name, _)) = shapes.iter().find(|(name, _)| path.get(name).is_some()) {
            return Err(Error::DuplicateParameter(name.clone()));
        }
        let options = (path.kind(), Device::Cpu);
        let empty = shapes
            .iter()
            .map(|(_, shape)| Tensor::f_empty(shape, options))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        if !is_float(path.kind()) {
            return Err(Error::NotFloat(path.kind()));
        }
        // One piece of the size of all: the system grants it, or refuses now and not half-way through the drawing.
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

    /// Draws every parameter anew, in place: `reset_parameters`.
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

    /// Copies saved parameters into these; `model` is the class in the message.
    pub(crate) fn load(&self, model: &str, state_dict: &StateDict, strict: bool) -> Result<IncompatibleKeys> {
        Ok(state_dict.load_into(model, self.named(), strict)?)
    }

    /// Moves the parameters to a device.
    pub(crate) fn to(&self, device: Device) -> Result<()> {
        self.convert(|tensor| tensor.f_to_device(device))
    }

    /// Converts the parameters to another kind, which must have a gradient.
    pub(crate) fn to_kind(&self, kind: Kind) -> Result<()> {
        if !is_float(kind) {
            return Err(Error::NotFloat(kind));
        }
        self.convert(|tensor| tensor.f_to_kind(kind))
    }

    /// Replaces the data of every parameter and of its gradient, as `torch.nn.Module._apply` does. The `VarStore` and an
    /// optimizer hold the same tensors and see the new data too.
    fn convert(&self, convert: impl Fn(&Tensor) -> std::result::Result<Tensor, TchError>) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let gradients = self.tensors.iter().map(Tensor::f_grad).collect::<std::result::Result<Vec<_>, _>>()?;
        let tensors: Vec<&Tensor> =
            self.tensors.iter().chain(gradients.iter().filter(|gradient| gradient.defined())).collect();
        // Everything is converted before anything is replaced: an error leaves all of it as it was.
        let converted = tensors.iter().map(|tensor| convert(tensor)).collect::<std::result::Result<Vec<_>, _>>()?;
        for (tensor, converted) in tensors.into_iter().zip(converted) {
            tensor.shallow_clone().f_set_data(&converted)?;
        }
        Ok(())
    }
}

/// Fills with U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)): `reset_parameters` of torch, projection or not.
fn draw(mut tensor: Tensor, hidden_size: i64) -> std::result::Result<Tensor, TchError> {
    let bound = if hidden_size > 0 { 1.0 / (hidden_size as f64).sqrt() } else { 0.0 };
    tensor.f_uniform_(-bound, bound)
}

/// Whether tensors of this kind can have a gradient.
fn is_float(kind: Kind) -> bool {
    use Kind::{Bool, Int, Int8, Int16, Int64, QInt8, QInt32, QUInt8, Uint8};
    !matches!(kind, Uint8 | Int8 | Int16 | Int | Int64 | Bool | QInt8 | QUInt8 | QInt32)
}
