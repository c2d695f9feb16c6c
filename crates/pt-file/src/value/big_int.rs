use std::fmt;

/// A Python `int` beyond 64 bits: little-endian two's complement bytes without redundant sign bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BigInt(Vec<u8>);

impl BigInt {
    /// The int of these little-endian two's complement bytes.
    pub fn from_le_bytes(bytes: &[u8]) -> BigInt {
        let mut bytes = bytes.to_vec();
        while let [.., before, last] = bytes[..] {
            let sign = if before >= 0x80 { 0xff } else { 0 };
            if last != sign {
                break;
            }
            bytes.pop();
        }
        BigInt(bytes)
    }

    /// The little-endian two's complement bytes, without redundant sign bytes.
    pub fn as_le_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value, if it fits in 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        let sign = if self.is_negative() { 0xff } else { 0 };
        let mut wide = [sign; 8];
        wide.get_mut(..self.0.len())?.copy_from_slice(&self.0);
        Some(i64::from_le_bytes(wide))
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.0.last().is_some_and(|&last| last >= 0x80)
    }

    /// The bytes of the absolute value, little-endian.
    fn magnitude(&self) -> Vec<u8> {
        if !self.is_negative() {
            return self.0.clone();
        }
        let mut carry = true;
        let negate = |&byte: &u8| {
            let (byte, overflow) = (!byte).overflowing_add(carry.into());
            carry = overflow;
            byte
        };
        self.0.iter().map(negate).collect()
    }
}

/// Hexadecimal, as Python's `hex(x)`: its time is linear in the length, unlike that of the decimal form.
impl fmt::Display for BigInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits: String = self.magnitude().iter().rev().map(|byte| format!("{byte:02x}")).collect();
        let digits = digits.trim_start_matches('0');
        write!(f, "{}0x{}", if self.is_negative() { "-" } else { "" }, if digits.is_empty() { "0" } else { digits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_int_is_displayed_as_in_python() {
        for (bytes, text) in [
            (&[0, 0, 0, 0, 0, 0, 0, 0, 1][..], "0x10000000000000000"),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0xff], "-0x10000000000000000"),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], "0xffffffffffffffff"),
            (&[0xff, 0xff, 0xff], "-0x1"),
            (&[], "0x0"),
        ] {
            assert_eq!(BigInt::from_le_bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn redundant_sign_bytes_do_not_matter() {
        assert_eq!(BigInt::from_le_bytes(&[5, 0, 0]), BigInt::from_le_bytes(&[5]));
        assert_eq!(BigInt::from_le_bytes(&[0x80, 0]).as_i64(), Some(128));
        assert_eq!(BigInt::from_le_bytes(&[0x80, 0xff]).as_i64(), Some(-128));
        assert_eq!(BigInt::from_le_bytes(&[0; 9]).as_i64(), Some(0));
        assert_eq!(BigInt::from_le_bytes(&[1; 9]).as_i64(), None);
    }
}
