//! Arrays and scalars of NumPy, whose data is in the pickle.

use super::super::pickle::{Call, Object};
use super::super::stored_tensor::StoredTensor;
use super::{Built, ValueBuilder};
use crate::byte_order::swap_bytes;
use crate::{BigInt, DType, PickleProblem as Problem, Result, StridedView, Tensor, Value};

impl ValueBuilder<'_, '_> {
    /// The value of a call of a name in `numpy`; `None` if torch has no such dtype, or for another call.
    pub(super) fn known_array(
        &mut self,
        module: &str,
        name: &str,
        args: &[Object],
        call: &Call,
    ) -> Result<Option<Built>> {
        match (module, name, args) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar", &[dtype, data]) => {
                let Some((dtype, is_big_endian)) = self.array_dtype(dtype) else { return Ok(None) };
                let Some(mut data) = self.bytes_of(data)?.filter(|data| data.len() == dtype.size()) else {
                    return Ok(None);
                };
                if is_big_endian {
                    swap_bytes(&mut data, dtype.number_size());
                }
                Ok(number(dtype, data))
            }
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct", &[class, ..])
                if self.name_of(class) == Some(("numpy", "ndarray")) =>
            {
                let Some(&[_version, shape, dtype, Object::Bool(is_fortran), data]) =
                    call.state.and_then(|state| self.arena.as_tuple(state))
                else {
                    return Ok(None);
                };
                self.array(shape, dtype, is_fortran, data)
            }
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer", &[data, dtype, shape, order]) => {
                self.array(shape, dtype, self.arena.as_str(order) == Some("F"), data)
            }
            _ => Ok(None),
        }
    }

    fn array(&mut self, shape: Object, dtype: Object, is_fortran: bool, data: Object) -> Result<Option<Built>> {
        let Some((dtype, is_big_endian)) = self.array_dtype(dtype) else { return Ok(None) };
        let shape = self.sizes(shape).ok_or_else(|| self.error(Problem::Geometry))?;
        let Some(mut data) = self.bytes_of(data)? else { return Ok(None) };
        if is_big_endian {
            swap_bytes(&mut data, dtype.number_size());
        }
        let mut view = StridedView::contiguous(dtype, &shape)?;
        if is_fortran {
            let reversed: Vec<usize> = shape.iter().rev().copied().collect();
            let strides: Vec<usize> =
                StridedView::contiguous(dtype, &reversed)?.strides().iter().rev().copied().collect();
            view = StridedView::new(dtype, &shape, &strides, 0)?;
        }
        if view.numel() * dtype.size() != data.len() {
            return Err(self.error(Problem::Geometry));
        }
        self.reserve(StoredTensor::memory_size(shape.len(), "data.pkl", "cpu"))?;
        self.count_bytes(&view)?;
        Ok(Some(Value::Tensor(StoredTensor::inline(view, data.into(), Default::default()))))
    }

    /// The dtype of `numpy.dtype("f4", ..)`, and whether it is big-endian; `None` if torch has no such dtype.
    fn array_dtype(&self, dtype: Object) -> Option<(DType, bool)> {
        let Object::Call(index) = dtype else { return None };
        let call = self.arena.call(index);
        if self.name_of(call.callee) != Some(("numpy", "dtype")) {
            return None;
        }
        let code = self.arena.as_str(*self.arena.as_tuple(call.args)?.first()?)?;
        let order = match call.state.and_then(|state| self.arena.as_tuple(state)) {
            Some(&[_version, order, ..]) => self.arena.as_str(order)?,
            _ => "<",
        };
        let dtype = match code {
            "f2" => DType::F16,
            "f4" => DType::F32,
            "f8" => DType::F64,
            "i1" => DType::I8,
            "i2" => DType::I16,
            "i4" => DType::I32,
            "i8" => DType::I64,
            "u1" => DType::U8,
            "u2" => DType::U16,
            "u4" => DType::U32,
            "u8" => DType::U64,
            "b1" => DType::Bool,
            "c8" => DType::C64,
            "c16" => DType::C128,
            _ => return None,
        };
        Some((dtype, order == ">"))
    }
}

/// The number of the bytes of a scalar.
fn number(dtype: DType, bytes: Vec<u8>) -> Option<Built> {
    let (low, high) = bytes.split_at(bytes.len() / 2);
    let f32_of = |bytes: &[u8]| Some(f64::from(f32::from_le_bytes(*bytes.first_chunk()?)));
    let f64_of = |bytes: &[u8]| Some(f64::from_le_bytes(*bytes.first_chunk()?));
    Some(match dtype {
        DType::F16 => Value::Float(Tensor::from_bytes(dtype, &[], bytes).ok()?.numbers().next()?),
        DType::F32 => Value::Float(f32_of(&bytes)?),
        DType::F64 => Value::Float(f64_of(&bytes)?),
        DType::C64 => Value::Complex(f32_of(low)?, f32_of(high)?),
        DType::C128 => Value::Complex(f64_of(low)?, f64_of(high)?),
        DType::Bool => Value::Bool(bytes != [0]),
        _ => {
            let mut bytes = bytes;
            if matches!(dtype, DType::U8 | DType::U16 | DType::U32 | DType::U64) {
                bytes.push(0); // the sign
            }
            let int = BigInt::from_le_bytes(&bytes);
            int.as_i64().map_or(Value::BigInt(int), Value::Int)
        }
    })
}
