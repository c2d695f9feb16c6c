//! The elements of a tensor as numbers, for statistics and comparisons.

use crate::{DType, Tensor};

impl Tensor {
    /// The numbers of the tensor as `f64`, in row-major order.
    ///
    /// A complex element is two numbers, and an element of `float4_e2m1fn_x2` too. 64-bit integers are rounded. The
    /// elements of `bits8` and similar dtypes are unsigned integers.
    pub fn numbers(&self) -> impl Iterator<Item = f64> {
        let (dtype, size) = (self.dtype(), self.dtype().number_size());
        self.elements().flat_map(move |element| element.chunks_exact(size)).flat_map(move |number| {
            let (first, second) = match dtype {
                DType::F4E2M1FnX2 => (float4(number[0] & 15), Some(float4(number[0] >> 4))),
                _ => (decode(dtype, number), None),
            };
            std::iter::once(first).chain(second)
        })
    }
}

/// The number of these little-endian bytes.
fn decode(dtype: DType, bytes: &[u8]) -> f64 {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let unsigned = u64::from_le_bytes(wide);
    let unused = 64 - 8 * bytes.len() as u32;
    let signed = ((unsigned << unused) as i64) >> unused;
    match dtype {
        DType::F32 | DType::C64 => f32::from_bits(unsigned as u32).into(),
        DType::F64 | DType::C128 => f64::from_bits(unsigned),
        DType::F16 | DType::C32 => small_float(unsigned, 5, 10, 15, Special::Infinity),
        DType::BF16 => f32::from_bits((unsigned as u32) << 16).into(),
        DType::F8E5M2 => small_float(unsigned, 5, 2, 15, Special::Infinity),
        DType::F8E4M3Fn => small_float(unsigned, 4, 3, 7, Special::NanOnly),
        DType::F8E5M2FnUz => small_float(unsigned, 5, 2, 16, Special::NegativeZeroIsNan),
        DType::F8E4M3FnUz => small_float(unsigned, 4, 3, 8, Special::NegativeZeroIsNan),
        DType::F8E8M0Fnu if unsigned == 0xff => f64::NAN,
        DType::F8E8M0Fnu => 2f64.powi(unsigned as i32 - 127),
        DType::I64 | DType::I32 | DType::I16 | DType::I8 => signed as f64,
        _ => unsigned as f64,
    }
}

/// Which numbers of a small float are not finite.
#[derive(Clone, Copy, PartialEq)]
enum Special {
    /// As in IEEE 754.
    Infinity,
    /// All bits set except the sign.
    NanOnly,
    /// The bits of negative zero.
    NegativeZeroIsNan,
}

/// A float with a sign, `exponent` bits and `mantissa` bits.
fn small_float(bits: u64, exponent: u32, mantissa: u32, bias: i32, special: Special) -> f64 {
    let sign = if bits >> (exponent + mantissa) == 0 { 1.0 } else { -1.0 };
    let fraction = bits & ((1 << mantissa) - 1);
    let (power, top) = ((bits >> mantissa) & ((1 << exponent) - 1), (1 << exponent) - 1);
    let is_nan = match special {
        Special::Infinity if power == top && fraction == 0 => return sign * f64::INFINITY,
        Special::Infinity => power == top,
        Special::NanOnly => power == top && fraction == (1 << mantissa) - 1,
        Special::NegativeZeroIsNan => sign < 0.0 && power == 0 && fraction == 0,
    };
    let scale = |power: i32| 2f64.powi(power - bias - mantissa as i32);
    match power {
        _ if is_nan => f64::NAN,
        0 => sign * fraction as f64 * scale(1),
        power => sign * (fraction + (1 << mantissa)) as f64 * scale(power as i32),
    }
}

/// A float of 4 bits: sign, two bits of exponent, one of mantissa.
fn float4(bits: u8) -> f64 {
    let magnitude = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0][usize::from(bits & 7)];
    if bits & 8 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(dtype: DType, bytes: &[u8]) -> Vec<f64> {
        Tensor::from_bytes(dtype, &[bytes.len() / dtype.size()], bytes.to_vec()).unwrap().numbers().collect()
    }

    #[test]
    fn small_floats_are_those_of_torch() {
        // torch.tensor(bytes, dtype=torch.uint8).view(dtype).float()
        assert_eq!(numbers(DType::F16, &[0, 0x3c, 1, 0, 0xff, 0x7b]), [1.0, 2f64.powi(-24), 65504.0]);
        assert_eq!(numbers(DType::F16, &[0, 0xfc]), [f64::NEG_INFINITY]);
        assert_eq!(numbers(DType::F8E4M3Fn, &[0x38, 0x7e, 0x01, 0xb8]), [1.0, 448.0, 2f64.powi(-9), -1.0]);
        assert!(numbers(DType::F8E4M3Fn, &[0x7f])[0].is_nan());
        assert_eq!(numbers(DType::F8E5M2, &[0x3c, 0x7b, 0x7c]), [1.0, 57344.0, f64::INFINITY]);
        assert_eq!(numbers(DType::F8E4M3FnUz, &[0x40, 0x7f]), [1.0, 240.0]);
        assert!(numbers(DType::F8E5M2FnUz, &[0x80])[0].is_nan());
        assert_eq!(numbers(DType::F8E8M0Fnu, &[127, 128]), [1.0, 2.0]);
        assert_eq!(numbers(DType::F4E2M1FnX2, &[0x2f]), [-6.0, 1.0]);
    }

    #[test]
    fn integers_and_complex_numbers_are_converted() {
        assert_eq!(numbers(DType::I8, &[0xff]), [-1.0]);
        assert_eq!(numbers(DType::U16, &[0xff, 0xff]), [65535.0]);
        assert_eq!(numbers(DType::C32, &[0, 0x3c, 0, 0xbc]), [1.0, -1.0]);
        assert_eq!(numbers(DType::Bool, &[1, 0]), [1.0, 0.0]);
    }
}
