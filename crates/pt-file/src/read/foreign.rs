//! Files that are no checkpoint, told by their first bytes.

/// The number with which `torch.save` started a file before version 1.6, as a pickled int.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

const CONVERT: &str = "a file in PyTorch's format before 1.6; convert it with Python: \
                       torch.save(torch.load(\"old.pt\", weights_only=True), \"new.pt\")";

/// What a file is that starts with these bytes, if it is no zip archive.
pub(super) fn identify(start: &[u8]) -> Option<&'static str> {
    match start {
        [b'P', b'K', 3, 4, ..] => None,
        [] => Some("an empty file"),
        _ if start.starts_with(LEGACY) => Some(CONVERT),
        _ if start.starts_with(b"version https://git-lfs") => {
            Some("a Git LFS pointer; `git lfs pull` fetches the file")
        }
        _ if start.get(257..262) == Some(b"ustar") => Some(CONVERT),
        [0x80, ..] => Some("a bare pickle; unpickle it in Python, if you trust it, and use torch.save"),
        [0x1f, 0x8b, ..] => Some("a gzip file; unpack it first"),
        [0x89, b'H', b'D', b'F', ..] => Some("an HDF5 file"),
        [_, _, _, _, _, _, _, _, b'{', ..] => Some("a safetensors file"),
        _ => Some("no zip archive"),
    }
}

/// How many bytes [`identify`] looks at.
pub(super) const LOOKED_AT: u64 = 262;
