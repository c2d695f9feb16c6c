//! Changes of numbers in place: byte order and sign.

use crate::DType;

/// Reverses the bytes of each number of `size` bytes.
pub(crate) fn swap_bytes(bytes: &mut [u8], size: usize) {
    if size > 1 {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
}

/// Negates each number. Complex numbers are two numbers each.
pub(crate) fn negate(bytes: &mut [u8], dtype: DType) {
    let size = dtype.number_size();
    let is_integer = matches!(
        dtype,
        DType::I64 | DType::I32 | DType::I16 | DType::I8 | DType::U8 | DType::U16 | DType::U32 | DType::U64
    );
    for number in bytes.chunks_exact_mut(size) {
        if !is_integer {
            number[size - 1] ^= 0x80; // the sign of a float
            continue;
        }
        let mut carry = true;
        for byte in number {
            (*byte, carry) = (!*byte).overflowing_add(carry.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_negated_in_place() {
        let mut float = 1.5f32.to_le_bytes();
        negate(&mut float, DType::C64);
        assert_eq!(f32::from_le_bytes(float), -1.5);
        let mut int = 256i16.to_le_bytes();
        negate(&mut int, DType::I16);
        assert_eq!(i16::from_le_bytes(int), -256);
    }

    #[test]
    fn bytes_are_reversed_within_each_number() {
        let mut bytes = [1, 2, 3, 4];
        swap_bytes(&mut bytes, 2);
        assert_eq!(bytes, [2, 1, 4, 3]);
        swap_bytes(&mut bytes, 1);
        assert_eq!(bytes, [2, 1, 4, 3]);
    }
}
