//! PyTorch's `.pt` checkpoints, in safe Rust and without a tensor library.
//!
//! ```
//! use pt_file::{Tensor, Value};
//!
//! let weight = Tensor::from_slice(&[0.1f32, 0.2, 0.3, 0.4, 0.5, 0.6], &[2, 3])?;
//! let bias = Tensor::from_slice(&[0.0f32, 1.0], &[2])?;
//! let checkpoint = Value::dict([
//!     ("model", Value::state_dict([("fc.weight", weight), ("fc.bias", bias)])),
//!     ("epoch", 3.into()),
//! ]);
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("checkpoint.pt");
//! pt_file::save_file(&path, &checkpoint)?;
//! # Ok::<(), pt_file::Error>(())
//! ```
//! and in Python
//! ```python
//! checkpoint = torch.load("checkpoint.pt", weights_only=True)
//! model.load_state_dict(checkpoint["model"])
//! torch.save({"model": model.state_dict(), "epoch": 4}, "checkpoint.pt")
//! ```
//! and back
//! ```no_run
//! let checkpoint = pt_file::load_file("checkpoint.pt")?;
//! let epoch = checkpoint.get("epoch").and_then(|epoch| epoch.as_int());
//! # Ok::<(), pt_file::Error>(())
//! ```
//!
//! # The types
//! A [`Value`] is what Python would hold: `None`, a number, a string, a list, a tuple, a [`Dict`], a [`Tensor`]. A
//! tensor is a [`Layout`] (dtype, shape, strides, offset) over a [`Storage`] (bytes), which several tensors can share.
//! Whatever is made is sound: a layout that reaches beyond its storage is an [`Error`] of the constructor.
//! With feature `tch`, `TryFrom` converts between `&tch::Tensor` and [`Tensor`] in both directions.
//!
//! [`load`] reads a file into memory. A [`Reader`] knows the value at once and reads tensors when asked, so that a look
//! at what a large file holds costs nothing: `cargo run -p pt-file -- FILE` prints it. Both directions take about as
//! long as PyTorch does; `cargo run --release -p pt-file --example timing` compares them.
//!
//! Whatever `torch.save` writes for state dicts and training checkpoints is read; a few types become simpler: an
//! `nn.Parameter` a tensor, a `torch.Size` a tuple, a `Counter` a dict, `requires_grad` is forgotten, and every tensor
//! is in memory, wherever it was. Sets, bytes, complex numbers, other dtypes and sparse tensors are refused by name.
//!
//! # Files from strangers
//! Nothing that a file names is looked up or run: the few names that the reader understands stand for things that it
//! does itself. Beyond what `torch.load(weights_only=True)` refuses it refuses records that are compressed, overlap or
//! have a wrong checksum; lists that contain themselves; and small files that would be huge values or tensors.
//!
//! The values of a pickle may take 12 MiB, ten bytes for each byte of it and a kilobyte for each record of the archive;
//! its nesting may take [`MAX_DEPTH`] levels of the stack. So a hostile file of 2 MB is refused within 50 MB of memory and
//! 100 ms, while a checkpoint of 200,000 tensors or a million losses is read. Longer lists of the shortest values, such
//! as half a million bytes one by one, are refused, too: they belong in a tensor.
//!
//! # The file format
//! Since PyTorch 1.6 `torch.save` writes a zip archive whose records are stored, not compressed. They lie in one folder
//! of any name:
//!
//! | record | content |
//! |---|---|
//! | `data.pkl` | the value as a pickle, with a reference in the place of every storage |
//! | `data/0`, `data/1`, .. | the storages: raw elements, nothing else |
//! | `byteorder` | `little` |
//! | `version` | `3`, and a line feed; without it PyTorch does not load the file |
//! | `.storage_alignment` | `64`: the data of every record starts at a multiple of so many bytes, so that `torch.load(mmap=True)` can use it in place. An extra field of the record's header, named `FB`, makes the room. |
//! | `.data/serialization_id` | 40 digits for the logs |
//! | `.format_version` | not written here: its presence promises PyTorch that each record can be found by computing where libtorch would have put it, to the byte |
//!
//! A pickle is a program for a machine with a stack. `{"w": tensor([1., 2.])}` is written as
//! ```text
//! 80 02                   PROTO 2
//! }                       EMPTY_DICT                      {}
//! (                       MARK                            {} |
//! X 'w'                   BINUNICODE                      {} | 'w'
//! c torch._utils _rebuild_tensor_v2   GLOBAL              {} | 'w' f
//! (                       MARK
//!   (                     MARK
//!     X 'storage'         BINUNICODE                      what the reference is to
//!     c torch FloatStorage  GLOBAL                        the dtype
//!     X '0'               BINUNICODE                      the record: data/0
//!     X 'cpu'             BINUNICODE                      the device
//!     K 2                 BININT1                         the number of elements
//!   t                     TUPLE
//!   Q                     BINPERSID                       .. which become a storage
//!   K 0                   BININT1                         storage offset
//!   K 2 85                BININT1, TUPLE1                 shape (2,)
//!   K 1 85                BININT1, TUPLE1                 strides (1,)
//!   89                    NEWFALSE                        requires_grad
//!   c collections OrderedDict ) R                         backward hooks: none
//! t                       TUPLE                           {} | 'w' f (storage, 0, (2,), (1,), False, OrderedDict())
//! R                       REDUCE: call f                  {} | 'w' tensor
//! u                       SETITEMS                        {'w': tensor}
//! .                       STOP
//! ```
//! `GLOBAL` and `REDUCE` can name and call anything, which is why unpickling a stranger's file can run a stranger's
//! program. `torch.load(weights_only=True)`, the default since 2.6, allows a handful of names and operations; this
//! crate writes with no other.
//!
//! `Module.state_dict()` returns a `collections.OrderedDict` with an attribute: `_metadata`, the version of every
//! module. It is written as `OrderedDict()` by `REDUCE`, the entries by `SETITEMS`, the attribute by `BUILD`.
#![forbid(unsafe_code)]

pub mod atomic;
#[cfg(feature = "tch")]
mod convert;
mod dict;
mod dtype;
mod error;
mod layout;
mod path;
mod pickle;
mod read;
mod tensor;
mod value;
mod write;
mod zip;

pub use dict::{Dict, Key};
pub use dtype::{DType, Element};
pub use error::{Error, Result};
pub use layout::Layout;
pub use path::ValuePath;
pub use pickle::MAX_DEPTH;
pub use read::{ArchiveProblem, PickleProblem, Reader, StoredTensor, load, load_file};
pub use tensor::{Storage, Tensor};
pub use value::Value;
pub use write::{save, save_file};
