//! Reads a file in three steps: the container gives the pickle, the pickle machine makes inert objects from it, and the
//! builder makes the value.

mod build;
mod container;
mod pickle;
mod script;
mod stored_tensor;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Weak;

use crate::byte_order::{negate, swap_bytes};
use crate::{Error, Result, Storage, StridedView, Tensor, Value, regular_file};
use build::Context;
use container::{Container, Content};
use stored_tensor::Sign;
pub use stored_tensor::StoredTensor;

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
    container: Container<R>,
    value: Value<StoredTensor>,
    /// By record. In a big-endian file also by the size of a number, because the bytes depend on it.
    storages: HashMap<(String, usize), Weak<Vec<u8>>>,
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
    /// Reads the structure of the file and the pickle, but no storage.
    ///
    /// # Errors
    /// [`Error::NotACheckpoint`], [`Error::Archive`], [`Error::Pickle`], [`Error::Object`], [`Error::TooDeep`],
    /// [`Error::Expansion`] and [`Error::TensorExpansion`] for a file that is damaged, malicious or not supported;
    /// [`Error::Io`] if `source` fails.
    pub fn new(source: R) -> Result<Reader<R>> {
        let (mut container, content) = Container::open(source)?;
        let pickle = match content {
            Content::Pickle(pickle) => pickle,
            Content::Value(value) => return Ok(Reader { container, value, storages: HashMap::new() }),
        };
        let unpickled = pickle::unpickle_with_problems(&pickle, container.budget(pickle.len()))
            .map_err(|(at, problem)| Error::Pickle { at, problem })?;
        let located = container.locate_storages(&unpickled);
        located.map_err(|error| build::first_problem(&unpickled).unwrap_or(error))?;
        let mut budget = unpickled.arena.budget.clone();
        let classes = script::classes(&mut container, &unpickled.arena, &mut budget)?;
        let context = Context {
            classes: &classes,
            budget,
            record: &|key| container.record(key),
            size: &|record| container.size(record),
            externals: &container.externals,
            file_len: container.len(),
        };
        let value = build::build(&unpickled, context)?;
        Ok(Reader { container, value, storages: HashMap::new() })
    }

    /// The value, with tensors that are still in the file.
    pub fn value(&self) -> &Value<StoredTensor> {
        &self.value
    }

    /// Reads a tensor with its whole storage.
    ///
    /// If a tensor with the same storage still exists, the two share it. A conjugate or negative view is a copy.
    ///
    /// # Errors
    /// [`Error::Archive`] if the record is damaged; [`Error::OutOfMemory`]; [`Error::OutsideStorage`] for a tensor of
    /// another file; [`Error::Io`].
    pub fn tensor(&mut self, tensor: &StoredTensor) -> Result<Tensor> {
        let number_size = if self.container.is_big_endian { tensor.dtype().number_size() } else { 1 };
        let storage = match tensor.inline_storage() {
            Some(storage) => storage.clone(),
            None => self.storage(tensor.record(), number_size)?,
        };
        let view = Tensor::new(tensor.shared_view(), storage)?;
        if tensor.sign() == Sign::default() { Ok(view) } else { with_sign(&view, tensor.sign()) }
    }

    /// The bytes of a record, little-endian for numbers of this size.
    fn storage(&mut self, record: &str, number_size: usize) -> Result<Storage> {
        let key = (record.to_owned(), number_size);
        if let Some(storage) = self.storages.get(&key).and_then(Weak::upgrade) {
            return Ok(storage.into());
        }
        let mut bytes = self.container.read(record)?;
        swap_bytes(&mut bytes, number_size);
        let storage = Storage::from(bytes);
        self.storages.insert(key, storage.downgrade());
        Ok(storage)
    }

    /// Reads all tensors. Tensors that share a storage in the file share it in memory.
    ///
    /// # Errors
    /// As [`Reader::tensor`].
    pub fn load(&mut self) -> Result<Value> {
        self.value.clone().try_map(&mut |tensor| self.tensor(&tensor))
    }
}

/// Reads a file of any format of `torch.save`. Equivalent of `torch.load(source)`, but executes nothing.
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

/// A row-major copy of a tensor whose view delays a change of sign.
fn with_sign(view: &Tensor, sign: Sign) -> Result<Tensor> {
    let (dtype, mut bytes) = (view.dtype(), view.to_bytes()?.into_owned());
    if sign.negative {
        negate(&mut bytes, dtype);
    }
    if sign.conjugate {
        let number = dtype.number_size();
        bytes.chunks_exact_mut(2 * number).for_each(|element| negate(&mut element[number..], dtype));
    }
    Tensor::new(StridedView::contiguous(dtype, view.shape())?, bytes.into())
}
