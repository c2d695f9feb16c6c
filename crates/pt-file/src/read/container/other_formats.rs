//! Recognizes the format of a file by its first bytes.

/// The number of bytes that [`identify`] needs.
pub(super) const HEADER_LEN: u64 = 512;

pub(super) enum Format {
    Zip,
    Tar,
    Pickle,
    Safetensors,
    /// Perhaps a pickle of protocol 0 or 1, which starts like a text. Otherwise a file of this kind.
    TextPickle(&'static str),
    /// Another format: what it is, and what to do.
    Other(&'static str),
}

/// The format of a file with these first bytes.
pub(super) fn identify(header: &[u8]) -> Format {
    const UNKNOWN: &str = "a file of another format";
    match header {
        [b'P', b'K', 3, 4, ..] => Format::Zip,
        _ if header.get(257..262) == Some(b"ustar") || is_old_tar(header) => Format::Tar,
        [0x80, 0..=5, ..] => Format::Pickle,
        [] => Format::Other("an empty file"),
        _ if header.starts_with(b"version https://git-lfs") => {
            Format::Other("a Git LFS pointer; download the file with `git lfs pull`")
        }
        [0x1f, 0x8b, ..] => Format::Other("a gzip file; unpack it with `gzip -dc < FILE > NEW.pt`"),
        [0x89, b'H', b'D', b'F', ..] => Format::Other("an HDF5 file, for example of Keras"),
        [b'G', b'G', b'U', b'F', ..] => Format::Other("a GGUF file of llama.cpp"),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
            Format::Other("a NumPy array; read it with numpy.load, and save torch.from_numpy(x) with torch.save")
        }
        [_, _, _, _, _, _, _, _, b'{', ..] => Format::Safetensors,
        [b'L' | b'(' | b']' | b'}' | b'c' | b'N' | b'I' | b'F', ..] => {
            Format::TextPickle("a file of another format; it starts like a pickle of protocol 0")
        }
        _ => Format::Other(UNKNOWN),
    }
}

/// Whether this is a tar header without the mark `ustar`: its checksum is right.
fn is_old_tar(header: &[u8]) -> bool {
    super::tar::Header::parse(header).is_some()
}
