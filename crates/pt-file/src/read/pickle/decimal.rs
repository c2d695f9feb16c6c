//! Decimal ints, as protocols 0 and 1 write them.

/// Python's limit on the digits of an int in decimal. It also bounds the time, which is quadratic.
const MAX_DIGITS: usize = 4300;

/// The little-endian two's complement bytes of a decimal int; `None` if it is not one, or is too long.
pub(super) fn parse(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut limbs: Vec<u32> = vec![0];
    for chunk in digits.as_bytes().chunks(9) {
        let chunk = std::str::from_utf8(chunk).ok()?;
        let mut carry: u64 = chunk.parse().ok()?;
        let scale = 10u64.pow(chunk.len() as u32);
        for limb in &mut limbs {
            carry += u64::from(*limb) * scale;
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            limbs.push(carry as u32);
        }
    }
    limbs.push(0); // the sign
    if text.starts_with('-') {
        let mut carry = true;
        for limb in &mut limbs {
            (*limb, carry) = (!*limb).overflowing_add(carry.into());
        }
    }
    Some(limbs.iter().flat_map(|limb| limb.to_le_bytes()).collect())
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::BigInt;

    #[test]
    fn decimal_ints_are_parsed_exactly() {
        let hex = |text: &str| parse(text).map(|bytes| BigInt::from_le_bytes(&bytes).to_string());
        assert_eq!(hex("18446744073709551616").as_deref(), Some("0x10000000000000000"));
        assert_eq!(hex("-18446744073709551617").as_deref(), Some("-0x10000000000000001"));
        assert_eq!(hex("-0").as_deref(), Some("0x0"));
        assert_eq!(hex("+255").as_deref(), Some("0xff"));
        assert!(hex("1_0").is_none() && hex("").is_none() && hex(&"9".repeat(4301)).is_none());
        assert!(hex(&"9".repeat(4300)).is_some());
    }
}
