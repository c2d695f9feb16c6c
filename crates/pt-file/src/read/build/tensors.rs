//! Tensors, by the functions of `torch._utils` that rebuild them.

use super::super::container::StorageReference;
use super::super::pickle::{Call, ContainerKind, Object};
use super::super::stored_tensor::{Sign, StoredTensor};
use super::{Built, PathStep, ValueBuilder};
use crate::strided_view::MAX_DIMS;
use crate::{DType, Error, PickleProblem as Problem, Result, StridedView, Value};

impl ValueBuilder<'_, '_> {
    /// The value of a call of a name in `torch`; `None` if it has no simple value.
    pub(super) fn known_tensor(
        &mut self,
        module: &str,
        name: &str,
        args: &[Object],
        call: &Call,
    ) -> Result<Option<Built>> {
        match (module, name) {
            ("torch._utils", _) if call.state.is_none() => self.rebuilt(name, args),
            ("torch", "Size") => match args {
                &[sizes @ Object::Tuple(_)] => self.value(sizes).map(Some),
                [] => Ok(Some(Value::Tuple(Vec::new()))),
                _ => Ok(None),
            },
            ("torch._tensor", "_rebuild_from_type_v2") => self.of_class(args),
            ("torch.nn.parameter", "Parameter" | "Buffer") | ("torch.autograd.variable", "Variable") => {
                // PyTorch 0.1 has the tensor in the state.
                let state = call.state.and_then(|state| self.arena.as_tuple(state));
                match (args, state) {
                    (&[tensor, ..], _) => self.tensor(tensor),
                    ([], Some(&[tensor, _, _, _, _])) => self.tensor(tensor),
                    _ => Ok(None),
                }
            }
            ("torch" | "torch.cuda", _) if name.ends_with("Tensor") && args.is_empty() => {
                let state = call.state.and_then(|state| self.arena.as_tuple(state));
                let Some(&[storage, offset, shape, strides]) = state else { return Ok(None) };
                self.strided(&[storage, offset, shape, strides], None, Sign::default()).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The value of an object, if it is a tensor.
    fn tensor(&mut self, object: Object) -> Result<Option<Built>> {
        let value = self.value(object)?;
        Ok(matches!(value, Value::Tensor(_)).then_some(value))
    }

    fn rebuilt(&mut self, name: &str, args: &[Object]) -> Result<Option<Built>> {
        match (name, args) {
            ("_rebuild_tensor", [_, _, _, _]) => self.strided(args, None, Sign::default()).map(Some),
            ("_rebuild_tensor_v2", [_, _, _, _, _, _]) => self.strided(args, None, Sign::default()).map(Some),
            ("_rebuild_tensor_v2", &[_, _, _, _, _, _, metadata]) => {
                let sign = self.sign(metadata)?;
                self.strided(args, None, sign).map(Some)
            }
            ("_rebuild_tensor_v3", &[_, _, _, _, _, _, dtype, ref metadata @ ..]) => {
                let dtype =
                    self.dtype(dtype).ok_or_else(|| self.error(Problem::Call("torch._utils._rebuild_tensor_v3")))?;
                let sign = metadata.first().map_or(Ok(Sign::default()), |&metadata| self.sign(metadata))?;
                self.strided(args, Some(dtype), sign).map(Some)
            }
            ("_rebuild_parameter", &[tensor, _, _]) | ("_rebuild_parameter_with_state", &[tensor, _, _, _]) => {
                self.value(tensor).map(Some)
            }
            (
                "_rebuild_device_tensor_from_cpu_tensor" | "_rebuild_device_tensor_from_numpy" | "_rebuild_xla_tensor",
                &[tensor, dtype, _, _],
            ) => {
                // Python converts the dtype if it is another.
                let dtype = self.dtype(dtype);
                let value = self.tensor(tensor)?;
                Ok(value.filter(|value| value.as_tensor().map(StoredTensor::dtype) == dtype))
            }
            ("_rebuild_qtensor", [_, _, _, _, quantizer, ..]) => self.quantized(args, *quantizer).map(Some),
            (
                "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3" | "_rebuild_parameter"
                | "_rebuild_qtensor",
                _,
            ) => Err(self.error(Problem::Call("a function of torch._utils"))),
            _ => Ok(None),
        }
    }

    /// A tensor of a subclass, or one with attributes: `_rebuild_from_type_v2(function, class, arguments, state)`.
    fn of_class(&mut self, args: &[Object]) -> Result<Option<Built>> {
        let &[function, class, arguments, state] = args else { return Ok(None) };
        let (Some(function), Some(arguments)) = (self.name_of(function), self.arena.as_tuple(arguments)) else {
            return Ok(None);
        };
        let (Some(tensor), Some((module, name))) = (self.rebuilt(function.1, arguments)?, self.name_of(class)) else {
            return Ok(None);
        };
        if function.0 != "torch._utils" {
            return Ok(None);
        }
        if matches!((module, name), ("torch", "Tensor") | ("torch.nn.parameter", "Parameter" | "Buffer")) {
            return Ok(Some(tensor));
        }
        let mut object = self.instance(module, name)?;
        self.reserve(2 * size_of::<Built>())?;
        object.args = vec![tensor];
        if state != Object::None {
            object.state = Some(self.child(PathStep::State, |builder| builder.value(state))?);
        }
        Ok(Some(Value::Object(Box::new(object))))
    }

    /// A quantized tensor: an object with the integers, and with the scheme, scale and zero point.
    fn quantized(&mut self, args: &[Object], quantizer: Object) -> Result<Built> {
        let mut object = self.instance("torch._utils", "_rebuild_qtensor")?;
        self.reserve(2 * size_of::<Built>())?;
        object.args.push(self.strided(args, None, Sign::default())?);
        object.args.push(self.child(PathStep::Arg(1), |builder| builder.value(quantizer))?);
        Ok(Value::Object(Box::new(object)))
    }

    /// A strided tensor of the arguments storage, offset, shape and strides.
    fn strided(&mut self, args: &[Object], dtype: Option<DType>, sign: Sign) -> Result<Built> {
        let &[storage, offset, shape, strides, ..] = args else { return Err(self.error(Problem::Geometry)) };
        let (Some(shape), Some(strides), Object::Int(offset)) = (self.sizes(shape), self.sizes(strides), offset) else {
            return Err(self.error(Problem::Geometry));
        };
        let offset = usize::try_from(offset).map_err(|_| self.error(Problem::Geometry))?;
        let mut storage = self.storage(storage)?;
        if let Some(dtype) = dtype {
            storage = as_dtype(storage, dtype).ok_or_else(|| self.error(Problem::Geometry))?;
        }
        // Offsets count from the start of the record, also for a storage that is a part of another.
        let geometry = |_| self.error(Problem::Geometry);
        let view = StridedView::new(storage.dtype, &shape, &strides, offset).map_err(geometry)?;
        if sign.conjugate && !storage.dtype.is_complex() {
            return Err(self.error(Problem::Geometry));
        }
        self.view(storage, view, sign)
    }

    /// A view of a storage.
    pub(super) fn view(&mut self, storage: StorageReference, view: StridedView, sign: Sign) -> Result<Built> {
        let (needed, elements) = (view.storage_len(), storage.elements);
        if needed > elements {
            return Err(self.error(Problem::OutsideStorage { view: view.to_string(), needed, elements }));
        }
        let view = match storage.start {
            0 => view,
            start => StridedView::new(view.dtype(), view.shape(), view.strides(), view.offset() + start)?,
        };
        self.reserve(StoredTensor::memory_size(view.shape().len(), &storage.record, &storage.location))?;
        self.count_bytes(&view)?;
        Ok(Value::Tensor(match storage.inline {
            Some(inline) => StoredTensor::inline(view, inline, sign),
            None => StoredTensor::new(view, storage.record, storage.location, sign),
        }))
    }

    /// Counts the bytes of a tensor with its own copy of its elements. Views of one storage, and expanded dimensions, can
    /// make this much more than the file's length.
    pub(super) fn count_bytes(&mut self, view: &StridedView) -> Result<()> {
        // A program converts narrow elements to f32.
        let bytes = (view.numel() as u64).saturating_mul(view.dtype().size().max(size_of::<f32>()) as u64);
        self.tensor_bytes = self.tensor_bytes.saturating_add(bytes);
        if self.tensor_bytes > self.tensor_limit {
            return Err(Error::TensorExpansion { at: self.here(), limit: self.tensor_limit });
        }
        Ok(())
    }

    /// The sizes of a tuple, a `torch.Size` or a list; `None` if they are no sizes, or too many.
    pub(super) fn sizes(&self, sizes: Object) -> Option<Vec<usize>> {
        let items = match sizes {
            Object::Call(index) => {
                let call = self.arena.call(index);
                let args =
                    self.arena.as_tuple(call.args).filter(|_| self.name_of(call.callee) == Some(("torch", "Size")))?;
                args.first().map_or(Some(&[][..]), |&sizes| self.arena.as_tuple(sizes))?
            }
            Object::Container(index) if self.arena.container(index).kind == ContainerKind::List => {
                &self.arena.container(index).items
            }
            _ => self.arena.as_tuple(sizes)?,
        };
        if items.len() > MAX_DIMS {
            return None;
        }
        let size = |item: &Object| if let Object::Int(size) = item { usize::try_from(*size).ok() } else { None };
        items.iter().map(size).collect()
    }

    fn dtype(&self, dtype: Object) -> Option<DType> {
        let ("torch", name) = self.name_of(dtype)? else { return None };
        DType::from_name(name)
    }

    /// The sign of a tensor's metadata, a dict such as `{"conj": True}`.
    fn sign(&self, metadata: Object) -> Result<Sign> {
        let mut sign = Sign::default();
        let entries = match metadata {
            Object::None => &[],
            Object::Container(index) if self.arena.container(index).kind == ContainerKind::Dict => {
                self.arena.container(index).items.as_chunks::<2>().0
            }
            _ => return Err(self.error(Problem::TensorMetadata)),
        };
        for &[name, value] in entries {
            match (self.arena.as_str(name), value) {
                (Some("conj"), Object::Bool(value)) => sign.conjugate = value,
                (Some("neg"), Object::Bool(value)) => sign.negative = value,
                _ => return Err(self.error(Problem::TensorMetadata)),
            }
        }
        Ok(sign)
    }
}

/// The same bytes as elements of another dtype. A part of an element at the end does not count.
fn as_dtype(storage: StorageReference, dtype: DType) -> Option<StorageReference> {
    let (start, bytes) = (storage.start * storage.dtype.size(), storage.elements * storage.dtype.size());
    let elements = bytes / dtype.size();
    start.is_multiple_of(dtype.size()).then(|| StorageReference {
        start: start / dtype.size(),
        elements,
        dtype,
        ..storage
    })
}
