//! A file to a value.

mod archive;
mod budget;
mod calls;
mod expand;
mod foreign;
mod machine;
mod objects;
mod problem;
mod stored;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Weak;

use crate::{Error, Result, Storage, Tensor, Value};
use archive::Archive;
use budget::Budget;
pub use problem::{ArchiveProblem, PickleProblem};
pub use stored::StoredTensor;

/// Room for the pickle of some hundred thousand tensors.
const MAX_PICKLE: u64 = 64 << 20;

/// The versions of the archive that PyTorch 2.13 reads.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=10;

/// An open checkpoint. Its value is known, the elements of its tensors are read on demand.
///
/// ```
/// # let file = { let mut file = Vec::new();
/// # pt_file::save(&mut file, &pt_file::Value::state_dict([("w", pt_file::Tensor::scalar(2f32))]))?; file };
/// let mut reader = pt_file::Reader::new(std::io::Cursor::new(file))?; // or Reader::open(path)
/// let w = reader.value().get("w").and_then(|value| value.as_tensor()).cloned().expect("there is a w");
/// assert_eq!((w.dtype(), w.shape()), (pt_file::DType::F32, &[][..]));
/// assert_eq!(reader.tensor(&w)?.to_vec::<f32>()?, [2.0]);
/// # Ok::<(), pt_file::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    archive: Archive<R>,
    folder: String,
    value: Value<StoredTensor>,
    shared: HashMap<String, Weak<Vec<u8>>>,
}

impl Reader<File> {
    /// Opens a file.
    ///
    /// # Errors
    /// As [`Reader::new`], with [`Error::File`] in the place of [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Reader<File>> {
        let path = path.as_ref();
        in_file(path, File::open(path).map_err(Error::Io).and_then(Reader::new))
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Reads the directory of the archive and the pickle, no storage.
    ///
    /// # Errors
    /// [`Error::NotACheckpoint`], [`Error::Archive`], [`Error::Pickle`], [`Error::TooDeep`], [`Error::Cycle`],
    /// [`Error::Expansion`], [`Error::TensorExpansion`] and [`Error::NoValue`] for a file that is damaged, hostile, or
    /// holds what this crate does not understand; [`Error::Io`] if `source` fails.
    pub fn new(mut source: R) -> Result<Reader<R>> {
        let mut start = Vec::new();
        source.seek(SeekFrom::Start(0))?;
        source.by_ref().take(foreign::LOOKED_AT).read_to_end(&mut start)?;
        if let Some(what) = foreign::identify(&start) {
            return Err(Error::NotACheckpoint(what));
        }
        let mut archive = Archive::new(source)?;
        let folder = find_folder(&archive)?;
        check_records(&mut archive, &folder)?;
        let pickle = archive.read(&format!("{folder}data.pkl"), MAX_PICKLE)?;
        let budget = Budget::new(pickle.len(), archive.names().len());
        let run = machine::run(&pickle, budget, &|record| archive.size(&format!("{folder}{record}")))
            .map_err(|(at, problem)| Error::Pickle { at, problem })?;
        let value = expand::expand(&run, archive.len())?;
        Ok(Reader { archive, folder, value, shared: HashMap::new() })
    }

    /// The value, with tensors that are still in the file.
    pub fn value(&self) -> &Value<StoredTensor> {
        &self.value
    }

    /// Reads a tensor, with the whole of its storage.
    ///
    /// As long as a tensor of the same storage lives, the two share it.
    ///
    /// # Errors
    /// [`Error::Archive`] if the record is damaged; [`Error::OutOfMemory`]; [`Error::OutsideStorage`] for a tensor of
    /// another file; [`Error::Io`].
    pub fn tensor(&mut self, tensor: &StoredTensor) -> Result<Tensor> {
        if let Some(storage) = self.shared.get(tensor.record()).and_then(Weak::upgrade) {
            return Tensor::view(tensor.shared_layout(), storage.into());
        }
        let bytes = self.archive.read(&format!("{}{}", self.folder, tensor.record()), u64::MAX)?;
        let storage = Storage::from(bytes);
        self.shared.insert(tensor.record().to_owned(), storage.downgrade());
        Tensor::view(tensor.shared_layout(), storage)
    }

    /// Reads everything. Tensors that share a storage in the file share it in memory.
    ///
    /// # Errors
    /// As [`Reader::tensor`].
    pub fn load(&mut self) -> Result<Value> {
        self.value.clone().try_map(&mut |tensor| self.tensor(&tensor))
    }
}

/// Reads a checkpoint.
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
/// As [`load`], with [`Error::File`] in the place of [`Error::Io`].
pub fn load_file(path: impl AsRef<Path>) -> Result<Value> {
    let path = path.as_ref();
    in_file(path, File::open(path).map_err(Error::Io).and_then(load))
}

/// Names the file in an error of the system.
fn in_file<T>(path: &Path, result: Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        Error::Io(source) => Error::File { path: path.to_owned(), source },
        other => other,
    })
}

/// The folder inside the archive, with its slash: where the one `data.pkl` lies.
fn find_folder<R: Read + Seek>(archive: &Archive<R>) -> Result<String> {
    let folders = archive.names().filter_map(|name| name.strip_suffix("data.pkl"));
    let mut folders = folders.filter(|folder| folder.find('/') == folder.len().checked_sub(1));
    let problem = |problem| Error::Archive { record: Some("data.pkl".to_owned()), problem };
    match (folders.next(), folders.next()) {
        (Some(folder), None) => Ok(folder.to_owned()),
        (None, _) => Err(problem(ArchiveProblem::Missing)),
        (Some(_), Some(_)) => Err(problem(ArchiveProblem::Duplicate)),
    }
}

/// Checks the small records that say how to read the others.
fn check_records<R: Read + Seek>(archive: &mut Archive<R>, folder: &str) -> Result<()> {
    if archive.size(&format!("{folder}constants.pkl")).is_some() {
        return Err(Error::Archive { record: None, problem: ArchiveProblem::TorchScript });
    }
    let mut check = |name: &str, good: &dyn Fn(&str) -> bool| {
        let record = format!("{folder}{name}");
        let content = archive.read(&record, 64)?;
        let content = String::from_utf8_lossy(&content);
        if good(content.trim_end()) {
            return Ok(());
        }
        Err(Error::Archive { record: Some(record), problem: ArchiveProblem::Content(content.into_owned()) })
    };
    check("version", &|version| version.parse().is_ok_and(|version: u32| VERSIONS.contains(&version)))?;
    match check("byteorder", &|order| order == "little") {
        Err(Error::Archive { problem: ArchiveProblem::Missing, .. }) => Ok(()), // written since 2.0
        checked => checked,
    }
}
