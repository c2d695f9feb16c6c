//! Conversion of a tensor's elements to f32.

use pt_file::{DType, Tensor};

use crate::arrays::with_capacity;
use crate::error::{Error, Result};

/// The elements as f32, in row-major order. `None` for a dtype that is not a real number.
pub(crate) fn to_f32(tensor: &Tensor) -> Result<Option<Vec<f32>>> {
    let convert: fn(&[u8]) -> f32 = match tensor.dtype() {
        DType::F32 => |bytes| f32::from_le_bytes(exact(bytes)),
        DType::F64 => |bytes| f64::from_le_bytes(exact(bytes)) as f32,
        DType::F16 => |bytes| half(u16::from_le_bytes(exact(bytes))),
        DType::BF16 => |bytes| f32::from_bits(u32::from(u16::from_le_bytes(exact(bytes))) << 16),
        DType::I64 => |bytes| i64::from_le_bytes(exact(bytes)) as f32,
        DType::I32 => |bytes| i32::from_le_bytes(exact(bytes)) as f32,
        DType::I16 => |bytes| f32::from(i16::from_le_bytes(exact(bytes))),
        DType::I8 => |bytes| f32::from(i8::from_le_bytes(exact(bytes))),
        DType::U8 => |bytes| f32::from(u8::from_le_bytes(exact(bytes))),
        DType::U16 => |bytes| f32::from(u16::from_le_bytes(exact(bytes))),
        DType::U32 => |bytes| u32::from_le_bytes(exact(bytes)) as f32,
        DType::U64 => |bytes| u64::from_le_bytes(exact(bytes)) as f32,
        DType::Bool => |bytes| f32::from(u8::from(bytes.iter().any(|byte| *byte != 0))),
        _ => return Ok(None),
    };
    let bytes = tensor.to_bytes().map_err(Error::File)?;
    let mut numbers = with_capacity(tensor.numel())?;
    numbers.extend(bytes.chunks_exact(tensor.dtype().size()).map(convert));
    Ok(Some(numbers))
}

fn exact<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N]) // `chunks_exact` gives the size of the dtype
}

/// IEEE 754 half precision.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, bits >> 10 & 0x1f, bits & 0x3ff);
    let magnitude = match exponent {
        0 => f32::from(fraction) * 2f32.powi(-24), // subnormal
        0x1f if fraction == 0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => f32::from_bits(u32::from(exponent + 127 - 15) << 23 | u32::from(fraction) << 13),
    };
    if sign == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_converted_exactly() {
        // Python: struct.unpack("<e", bits.to_bytes(2, "little"))
        for (bits, number) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_625e-5),
            (0x03ff, 6.097_555_160_522_461e-5),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x3555, 0.333_251_953_125),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(f64::from(half(bits)), number, "{bits:#06x}");
        }
        assert_eq!(half(0x8000).to_bits(), (-0.0f32).to_bits());
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn every_real_dtype_is_converted() {
        let bytes = |dtype, bytes: &[u8]| to_f32(&Tensor::from_bytes(dtype, &[1], bytes.to_vec()).unwrap()).unwrap();
        assert_eq!(to_f32(&Tensor::scalar(0.1f64)).unwrap(), Some(vec![0.1]));
        assert_eq!(bytes(DType::BF16, &[0x80, 0xbf]), Some(vec![-1.0]));
        assert_eq!(bytes(DType::F16, &[0x00, 0x3c]), Some(vec![1.0]));
        assert_eq!(to_f32(&Tensor::scalar(-7i64)).unwrap(), Some(vec![-7.0]));
        assert_eq!(to_f32(&Tensor::scalar(-7i32)).unwrap(), Some(vec![-7.0]));
        assert_eq!(to_f32(&Tensor::scalar(-7i16)).unwrap(), Some(vec![-7.0]));
        assert_eq!(to_f32(&Tensor::scalar(-7i8)).unwrap(), Some(vec![-7.0]));
        assert_eq!(to_f32(&Tensor::scalar(7u8)).unwrap(), Some(vec![7.0]));
        assert_eq!(to_f32(&Tensor::scalar(7u16)).unwrap(), Some(vec![7.0]));
        assert_eq!(to_f32(&Tensor::scalar(7u32)).unwrap(), Some(vec![7.0]));
        assert_eq!(to_f32(&Tensor::scalar(7u64)).unwrap(), Some(vec![7.0]));
        assert_eq!(to_f32(&Tensor::scalar(true)).unwrap(), Some(vec![1.0]));
        assert_eq!(bytes(DType::C64, &[0; 8]), None);
    }
}
