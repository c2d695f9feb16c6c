use std::fmt;

/// What is wrong with the zip archive of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchiveProblem {
    /// The end is missing.
    NoEnd,
    /// A header contradicts the format or another header. The text names the header.
    Broken(&'static str),
    /// The central directory or a record is larger than in any checkpoint.
    #[allow(missing_docs)]
    TooLarge { bytes: u64, limit: u64 },
    /// Two records have the same name.
    Duplicate,
    /// Two records, or a record and the directory, overlap.
    Overlap,
    /// The record is compressed, with this zip method.
    Compressed(u16),
    /// The record is encrypted, or uses another feature that `torch.save` does not use; the zip flags.
    Flags(u16),
    /// A required record is missing.
    Missing,
    /// The data does not match the checksum in the directory.
    Checksum,
    /// The record has unexpected content.
    Content(String),
    /// A tensor of a safetensors file has too many dimensions.
    #[allow(missing_docs)]
    Dimensions { found: usize, limit: usize },
}

impl fmt::Display for ArchiveProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArchiveProblem::NoEnd => {
                f.write_str("the end is missing: the file was truncated; copy or download it again")
            }
            ArchiveProblem::Broken(what) => write!(f, "broken archive: {what}"),
            ArchiveProblem::TooLarge { bytes, limit } => write!(f, "{bytes} bytes, but at most {limit} are allowed"),
            ArchiveProblem::Duplicate => f.write_str("there are two records of this name"),
            ArchiveProblem::Overlap => f.write_str("the record overlaps another"),
            ArchiveProblem::Compressed(method) => {
                let remedy = "`unzip FILE -d NEW && cd NEW && zip -0 -r ../NEW.pt .`";
                write!(f, "compressed with zip method {method}; pack the archive again with {remedy}")
            }
            ArchiveProblem::Flags(flags) => {
                write!(f, "encrypted, or uses another unsupported zip feature (zip flags {flags:#06x})")
            }
            ArchiveProblem::Missing => f.write_str("there is no such record"),
            ArchiveProblem::Checksum => {
                f.write_str("the checksum is wrong: the data is damaged; copy or download the file again")
            }
            ArchiveProblem::Content(found) => write!(f, "unexpected content {found:?}"),
            ArchiveProblem::Dimensions { found, limit } => {
                write!(f, "a tensor of {found} dimensions; at most {limit} are supported")
            }
        }
    }
}
