//! The containers: what holds the pickle and the storages.
//!
//! | container | written by |
//! |---|---|
//! | zip archive | `torch.save` since 1.6, `torch.jit.save` |
//! | a sequence of pickles, and the storages after them ([`legacy`]) | `torch.save` from 0.2 to 1.5 |
//! | tar archive ([`tar`]) | `torch.save` of 0.1 |
//! | bare pickle, without storages | `pickle.dump` |
//! | safetensors ([`safetensors`]): a header in JSON in place of the pickle | Hugging Face's library |

mod archive_reader;
mod legacy;
mod other_formats;
mod safetensors;
mod source;
mod tar;
mod zip;
mod zip_headers;

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

use super::pickle::{MemoryBudget, Unpickled};
use super::stored_tensor::StoredTensor;
use crate::{ArchiveProblem, Error, Result, Storage, StridedView, Value};
use other_formats::Format;

/// An open file, and where its storages are.
#[derive(Debug)]
pub(super) struct Container<R> {
    kind: Kind<R>,
    /// Whether the numbers of the storages are big-endian.
    pub(super) is_big_endian: bool,
    /// What the persistent ids of a tar archive stand for.
    pub(super) externals: HashMap<String, External>,
}

/// What an opened file has besides its storages.
pub(super) enum Content {
    /// The bytes of the pickle of the value.
    Pickle(Vec<u8>),
    Value(Value<StoredTensor>),
}

#[derive(Debug)]
enum Kind<R> {
    Zip {
        archive: archive_reader::ArchiveReader<R>,
        folder: String,
    },
    /// `storages_at` is the position of the list of storages until they are located.
    Flat {
        source: R,
        len: u64,
        extents: HashMap<String, Extent>,
        storages_at: Option<u64>,
    },
}

/// Position and length of a storage's bytes.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start: u64,
    len: u64,
}

/// An object that is outside the pickle, with its own key.
#[derive(Debug, Clone)]
pub(super) enum External {
    Storage(StorageReference),
    Tensor(StorageReference, StridedView),
}

/// A storage, or a part of one: `elements` elements from element `start` of a record.
#[derive(Debug, Clone)]
pub(super) struct StorageReference {
    pub(super) record: String,
    pub(super) dtype: crate::DType,
    pub(super) start: usize,
    pub(super) elements: usize,
    pub(super) location: String,
    /// The bytes, if they are in the pickle.
    pub(super) inline: Option<Storage>,
}

/// The limit on the bytes of all inflated records, or of all tensors if each has its own copy of its elements.
pub(super) fn expansion_limit(file_len: u64) -> u64 {
    file_len.saturating_mul(16).saturating_add(32 << 20)
}

impl<R: Read + Seek> Container<R> {
    /// Opens a file and returns its content.
    pub(super) fn open(mut source: R) -> Result<(Container<R>, Content)> {
        let mut header = Vec::new();
        let len = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        source.by_ref().take(other_formats::HEADER_LEN).read_to_end(&mut header)?;
        let opened = match other_formats::identify(&header) {
            Format::Zip => zip::open(source),
            Format::Tar => tar::open(source, len),
            Format::Pickle => legacy::open(source, len),
            Format::Safetensors => {
                return safetensors::open(source, len).map(|(container, value)| (container, Content::Value(value)));
            }
            // A text file can start like a pickle of protocol 0.
            Format::TextPickle(what) => legacy::open_valid(source, len).map_err(|error| match error {
                Error::Pickle { .. } | Error::Archive { .. } => Error::NotACheckpoint(what),
                other => other,
            }),
            Format::Other(what) => Err(Error::NotACheckpoint(what)),
        };
        opened.map(|(container, pickle)| (container, Content::Pickle(pickle)))
    }

    fn flat(source: R, len: u64, storages_at: Option<u64>) -> Container<R> {
        let kind = Kind::Flat { source, len, extents: HashMap::new(), storages_at };
        Container { kind, is_big_endian: false, externals: HashMap::new() }
    }

    /// Finds the storages that follow the main pickle. Only a legacy file needs this.
    pub(super) fn locate_storages(&mut self, unpickled: &Unpickled<'_>) -> Result<()> {
        if let Kind::Flat { source, len, extents, storages_at: Some(at) } = &mut self.kind {
            *extents = legacy::locate_storages(source, *at, *len, unpickled)?;
        }
        Ok(())
    }

    /// The memory that the values of a pickle of this length may take.
    pub(super) fn budget(&self, pickle_len: usize) -> MemoryBudget {
        let records = match &self.kind {
            Kind::Zip { archive, .. } => archive.names().len(),
            Kind::Flat { .. } => self.externals.len(),
        };
        MemoryBudget::new(pickle_len, records)
    }

    /// The length of the file.
    pub(super) fn len(&self) -> u64 {
        match &self.kind {
            Kind::Zip { archive, .. } => archive.len(),
            Kind::Flat { len, .. } => *len,
        }
    }

    /// The name of the record of the storage with this key.
    pub(super) fn record(&self, key: &str) -> String {
        match &self.kind {
            Kind::Zip { .. } => format!("data/{key}"),
            Kind::Flat { .. } => key.to_owned(),
        }
    }

    /// The length of a record in bytes, or `None` if it does not exist.
    pub(super) fn size(&self, record: &str) -> Option<u64> {
        match &self.kind {
            Kind::Zip { archive, folder } => archive.size(&format!("{folder}{record}")),
            Kind::Flat { extents, .. } => extents.get(record).map(|extent| extent.len),
        }
    }

    /// Whether a file can have records besides the storages.
    pub(super) fn is_archive(&self) -> bool {
        matches!(self.kind, Kind::Zip { .. })
    }

    /// The bytes of a record.
    pub(super) fn read(&mut self, record: &str) -> Result<Vec<u8>> {
        match &mut self.kind {
            Kind::Zip { archive, folder } => archive.read(&format!("{folder}{record}"), u64::MAX),
            Kind::Flat { source, extents, .. } => {
                let missing = || Error::Archive { record: Some(record.to_owned()), problem: ArchiveProblem::Missing };
                let extent = extents.get(record).ok_or_else(missing)?;
                source::read_at(source, extent.start, extent.len)
            }
        }
    }
}
