//! Recognizes files of other formats by their first bytes.

/// The number at the start of a file of `torch.save` before version 1.6, as a pickled int.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

const CONVERT: &str = "a file in PyTorch's format before 1.6; convert it with Python: \
                       torch.save(torch.load(\"old.pt\", weights_only=True), \"new.pt\")";

/// The number of bytes that [`identify`] needs.
pub(super) const HEADER_LEN: u64 = 262;

/// Describes the format of a file with these first bytes; `None` for a zip archive.
pub(super) fn identify(header: &[u8]) -> Option<&'static str> {
    match header {
        [b'P', b'K', 3, 4, ..] => None,
        [] => Some("an empty file"),
        _ if header.starts_with(LEGACY) => Some(CONVERT),
        _ if header.starts_with(b"version https://git-lfs") => {
            Some("a Git LFS pointer; download the file with `git lfs pull`")
        }
        _ if header.get(257..262) == Some(b"ustar") => Some(CONVERT),
        [0x80, ..] => Some("a bare pickle; if you trust it, load it with Python's pickle and use torch.save"),
        [0x1f, 0x8b, ..] => Some("a gzip file; unpack it first"),
        [0x89, b'H', b'D', b'F', ..] => Some("an HDF5 file"),
        [_, _, _, _, _, _, _, _, b'{', ..] => Some("a safetensors file"),
        _ => Some("a file that is not a zip archive"),
    }
}
