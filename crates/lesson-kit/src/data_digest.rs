//! A digest of the training data: `--resume` and the workers of a group check that they read the same data.

use sha2::{Digest, Sha256};

/// The entry of `config.json` that has the digest.
pub const DATA_DIGEST: &str = "data_sha256";

/// The SHA-256 of the training data, as hexadecimal text. Pass everything that training reads, in a fixed order.
///
/// Pass the digest to [`Run::start`](crate::Run::start) as the entry [`DATA_DIGEST`].
pub fn data_digest<B: AsRef<[u8]>>(parts: impl IntoIterator<Item = B>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        digest.update((part.len() as u64).to_le_bytes()); // so that the boundaries count too
        digest.update(part);
    }
    hexadecimal(&digest.finalize())
}

/// The SHA-256 of `bytes`, as hexadecimal text.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_order_and_boundaries_change_the_digest() {
        let digests = [&["ab", "c"][..], &["a", "bc"], &["c", "ab"], &["abc"]].map(data_digest);
        assert!(digests.iter().all(|digest| digest.len() == 64));
        assert!((1..4).all(|n| !digests[..n].contains(&digests[n])), "{digests:?}");
    }
}
