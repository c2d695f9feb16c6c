//! [FORMAT.md]: #the-file-format
#![doc = include_str!("../README.md")]
//!
//! # Map
//! | module | content |
//! |---|---|
//! | `value` | [`Value`], the Python value of a checkpoint, [`Dict`] and [`Object`] |
//! | `key`, `value_path` | [`Key`] of a dict; [`ValuePath`], the position in a value |
//! | `tensor`, `storage` | [`Tensor`]: a view of a [`Storage`], which several tensors can share |
//! | `strided_view`, `dtype` | [`StridedView`]: dtype, shape, strides and offset; [`DType`] and [`Element`] |
//! | `read` | [`load`], [`load_file`], [`Reader`]: container, then pickle machine, then value |
//! | `write` | [`save`], [`save_file`]: pickler, then zip archive; [`save_safetensors_file`] |
//! | `pickle_format`, `zip_format`, `safetensors_format` | constants that reader and writer share |
//! | `error` | [`Error`], [`ArchiveProblem`], [`PickleProblem`] |
//! | [`escape`] | text from a file, safe to print on a terminal |
//! | [`atomic`] | atomic file writes, for any file |
//! | [`regular_file`] | reads files, but no FIFO and no device |
//!
//! # What is supported
//! The table under "Formats" has the file formats. The reader simplifies a few types:
//!
//! | Python | here |
//! |---|---|
//! | `nn.Parameter`, `requires_grad`, attributes of a tensor | a tensor |
//! | a tensor on any device | a tensor in main memory; [`StoredTensor::location`] has the device |
//! | conjugate and negative views | a copy with the final numbers |
//! | `torch.Size`; `Counter` | a tuple; a dict |
//! | NumPy array; NumPy scalar | a tensor; a number |
//! | storage | a tensor of all its elements |
//! | `torch.float32`, layouts, classes, functions | [`Value::Global`] |
//! | `torch.device` | an [`Object`] named `torch.device` |
//! | quantized tensor | an [`Object`] with the integers, and with scheme, scale and zero point |
//! | sparse, nested, meta tensor | an [`Object`] with the arguments of the function in `torch._utils` that rebuilds it |
//! | dict with a key that [`Key`] does not have | an [`Object`] named `builtins.dict` with entries |
//! | object of another class | an [`Object`] |
//! | value that contains itself | [`Value::BackReference`] |
//!
//! The writer writes what `torch.load(weights_only=True)` reads. It rejects other objects with [`Error::Unwritable`].
//!
//! [`load`] reads a whole file into memory. A [`Reader`] reads only the structure at first, and each tensor on demand,
//! so a large file opens quickly.
//!
//! # Security: files from untrusted sources
//! The reader never looks up or calls a name from a file. It knows the meaning of a few names, and the others are data: a
//! pickle that calls `os.system` becomes an [`Object`] with this name. From the code of a TorchScript archive it reads
//! only the names of parameters and buffers. It rejects records that overlap or have a wrong
//! checksum, tensors larger than their storage, and small files that would expand to huge values or tensors.
//!
//! The values of a pickle may take 12 MiB, plus ten bytes for each byte of the pickle, plus one KiB for each record of
//! the archive. Values may be nested up to [`MAX_DEPTH`] levels. With these limits a malicious file of 2 MB is rejected
//! within 50 MB of memory and 100 ms, while a checkpoint of 200,000 tensors or a million losses is accepted. Longer
//! lists of very short values, such as half a million single bytes, are rejected too: store them as a tensor.
//!
#![doc = include_str!("../FORMAT.md")]
#![forbid(unsafe_code)]

pub mod atomic;
mod byte_order;
mod dtype;
mod error;
mod escape;
mod key;
mod numbers;
mod pickle_format;
mod read;
pub mod regular_file;
mod safetensors_format;
mod storage;
mod strided_view;
mod tensor;
mod value;
mod value_path;
mod write;
mod zip_format;

pub use dtype::{DType, Element};
pub use error::{ArchiveProblem, Error, PickleProblem, Result};
pub use escape::{escape, escape_lines};
pub use key::{FloatBits, Key};
pub use pickle_format::MAX_DEPTH;
pub use read::{Reader, StoredTensor, load, load_file};
pub use storage::Storage;
pub use strided_view::StridedView;
pub use tensor::Tensor;
pub use value::{BigInt, Dict, Global, Object, Value};
pub use value_path::ValuePath;
pub use write::{save, save_file, save_safetensors_file};
