//! Reads a file in three steps: zip archive, then unpickler, then value.

mod archive_reader;
mod calls;
mod memory_budget;
mod objects;
mod other_formats;
mod pickle_input;
mod stored_tensor;
mod unpickler;
mod value_builder;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Weak;

use crate::{ArchiveProblem, Error, Result, Storage, Tensor, Value, regular_file};
use archive_reader::ArchiveReader;
use memory_budget::MemoryBudget;
pub use stored_tensor::StoredTensor;

/// The limit on the size of `data.pkl`: enough for several hundred thousand tensors.
const MAX_PICKLE: u64 = 64 << 20;

/// The limit on the size of the small records `version` and `byteorder`.
const MAX_SMALL_RECORD: u64 = 64;

/// The archive versions that PyTorch 2.13 reads.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=10;

/// An open checkpoint. It has the whole value except the elements of the tensors, which it reads on demand.
///
/// ```
/// # let file = { let mut file = Vec::new();
/// # pt_file::save(&mut file, &pt_file::Value::state_dict([("w", pt_file::Tensor::scalar(2f32))]))?; file };
/// let mut reader = pt_file::Reader::new(std::io::Cursor::new(file))?; // or Reader::open(path)
/// let w = reader.value().get("w").and_then(|value| value.as_tensor()).cloned().expect("the checkpoint has w");
/// assert_eq!((w.dtype(), w.shape()), (pt_file::DType::F32, &[][..]));
/// assert_eq!(reader.tensor(&w)?.to_vec::<f32>()?, [2.0]);
/// # Ok::<(), pt_file::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    archive: ArchiveReader<R>,
    folder: String,
    value: Value<StoredTensor>,
    storages: HashMap<String, Weak<Vec<u8>>>, // by record
}

impl Reader<File> {
    /// Opens a file.
    ///
    /// # Errors
    /// As [`Reader::new`], with [`Error::File`] in place of [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Reader<File>> {
        let path = path.as_ref();
        let reader = regular_file::open(path).map_err(Error::Io).and_then(Reader::new);
        reader.map_err(|error| error.in_file(path))
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Reads the directory of the archive and the pickle, but no storage.
    ///
    /// # Errors
    /// [`Error::NotACheckpoint`], [`Error::Archive`], [`Error::Pickle`], [`Error::TooDeep`], [`Error::Cycle`],
    /// [`Error::Expansion`], [`Error::TensorExpansion`] and [`Error::UnsupportedObject`] for a file that is damaged,
    /// malicious or not supported; [`Error::Io`] if `source` fails.
    pub fn new(mut source: R) -> Result<Reader<R>> {
        let mut header = Vec::new();
        source.seek(SeekFrom::Start(0))?;
        source.by_ref().take(other_formats::HEADER_LEN).read_to_end(&mut header)?;
        if let Some(what) = other_formats::identify(&header) {
            return Err(Error::NotACheckpoint(what));
        }
        let mut archive = ArchiveReader::new(source)?;
        let folder = find_folder(&archive)?;
        check_records(&mut archive, &folder)?;
        let pickle = archive.read(&format!("{folder}data.pkl"), MAX_PICKLE)?;
        let budget = MemoryBudget::new(pickle.len(), archive.names().len());
        let record_size = |record: &str| archive.size(&format!("{folder}{record}"));
        let unpickled = unpickler::unpickle(&pickle, budget, &record_size)
            .map_err(|(at, problem)| Error::Pickle { at, problem })?;
        let value = value_builder::build(&unpickled, archive.len())?;
        Ok(Reader { archive, folder, value, storages: HashMap::new() })
    }

    /// The value, with tensors that are still in the file.
    pub fn value(&self) -> &Value<StoredTensor> {
        &self.value
    }

    /// Reads a tensor with its whole storage.
    ///
    /// If a tensor with the same storage still exists, the two share it.
    ///
    /// # Errors
    /// [`Error::Archive`] if the record is damaged; [`Error::OutOfMemory`]; [`Error::OutsideStorage`] for a tensor of
    /// another file; [`Error::Io`].
    pub fn tensor(&mut self, tensor: &StoredTensor) -> Result<Tensor> {
        if let Some(storage) = self.storages.get(tensor.record()).and_then(Weak::upgrade) {
            return Tensor::new(tensor.shared_view(), storage.into());
        }
        let bytes = self.archive.read(&format!("{}{}", self.folder, tensor.record()), u64::MAX)?;
        let storage = Storage::from(bytes);
        self.storages.insert(tensor.record().to_owned(), storage.downgrade());
        Tensor::new(tensor.shared_view(), storage)
    }

    /// Reads all tensors. Tensors that share a storage in the file share it in memory.
    ///
    /// # Errors
    /// As [`Reader::tensor`].
    pub fn load(&mut self) -> Result<Value> {
        self.value.clone().try_map(&mut |tensor| self.tensor(&tensor))
    }
}

/// Reads a checkpoint. Equivalent of `torch.load(source, weights_only=True)`.
///
/// # Errors
/// As [`Reader::new`] and [`Reader::tensor`].
pub fn load<R: Read + Seek>(source: R) -> Result<Value> {
    let mut reader = Reader::new(source)?;
    let value = std::mem::replace(&mut reader.value, Value::None);
    value.try_map(&mut |tensor| reader.tensor(&tensor))
}

/// Reads a checkpoint from a file.
///
/// ```no_run
/// let checkpoint = pt_file::load_file("checkpoint.pt")?;
/// let epoch = checkpoint.get("epoch").and_then(|epoch| epoch.as_int());
/// # Ok::<(), pt_file::Error>(())
/// ```
///
/// # Errors
/// As [`load`], with [`Error::File`] in place of [`Error::Io`].
pub fn load_file(path: impl AsRef<Path>) -> Result<Value> {
    let path = path.as_ref();
    regular_file::open(path).map_err(Error::Io).and_then(load).map_err(|error| error.in_file(path))
}

/// The folder of `data.pkl` in the archive, with its slash. There must be exactly one.
fn find_folder<R: Read + Seek>(archive: &ArchiveReader<R>) -> Result<String> {
    let folders = archive.names().filter_map(|name| name.strip_suffix("data.pkl"));
    let mut folders = folders.filter(|folder| folder.find('/') == folder.len().checked_sub(1));
    let problem = |problem| Error::Archive { record: Some("data.pkl".to_owned()), problem };
    match (folders.next(), folders.next()) {
        (Some(folder), None) => Ok(folder.to_owned()),
        (None, _) => Err(problem(ArchiveProblem::Missing)),
        (Some(_), Some(_)) => Err(problem(ArchiveProblem::Duplicate)),
    }
}

/// Checks the small records, which determine how to read the others.
fn check_records<R: Read + Seek>(archive: &mut ArchiveReader<R>, folder: &str) -> Result<()> {
    if archive.size(&format!("{folder}constants.pkl")).is_some() {
        return Err(Error::Archive { record: None, problem: ArchiveProblem::TorchScript });
    }
    let mut check = |name: &str, is_valid: &dyn Fn(&str) -> bool| {
        let record = format!("{folder}{name}");
        let content = archive.read(&record, MAX_SMALL_RECORD)?;
        let content = String::from_utf8_lossy(&content);
        if is_valid(content.trim_end()) {
            return Ok(());
        }
        Err(Error::Archive { record: Some(record), problem: ArchiveProblem::Content(content.into_owned()) })
    };
    check("version", &|version| version.parse().is_ok_and(|version: u32| VERSIONS.contains(&version)))?;
    match check("byteorder", &|order| order == "little") {
        Err(Error::Archive { problem: ArchiveProblem::Missing, .. }) => Ok(()), // PyTorch writes it since version 2.0
        checked => checked,
    }
}
