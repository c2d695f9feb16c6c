//! Writes a value in two steps: pickler, then zip archive. [`safetensors`] writes the other format.

mod archive_writer;
mod pickler;
mod safetensors;

use std::io::Write;
use std::path::Path;

use crate::{Error, Result, Value, atomic};
use archive_writer::{ALIGNMENT, ArchiveWriter};
pub use safetensors::save_safetensors_file;

/// The folder inside the archive. PyTorch accepts any name.
const FOLDER: &str = "archive";

/// Writes a checkpoint. Equivalent of `torch.save`; `torch.load(weights_only=True)` reads the result.
///
/// Equal values make equal bytes. Tensors that share a [`Storage`](crate::Storage) share one record, and share memory
/// when they are loaded. A storage is written completely even if the tensors view only a part of it. The whole value is
/// checked before the first byte is written.
///
/// ```
/// let mut file = Vec::new();
/// pt_file::save(&mut file, &pt_file::Value::dict([("epoch", 3)]))?;
/// # Ok::<(), pt_file::Error>(())
/// ```
///
/// # Errors
/// [`Error::TooDeep`], [`Error::StringTooLong`] and [`Error::TwoDTypes`] for a value that the format cannot express;
/// [`Error::Io`] if `writer` fails.
pub fn save<W: Write>(writer: W, value: &Value) -> Result<()> {
    let pickled = pickler::pickle(value)?;
    let mut archive = ArchiveWriter::new(writer);
    let mut add = |name: &str, data: &[u8]| archive.add_record(&format!("{FOLDER}/{name}"), data);
    add("data.pkl", &pickled.pickle)?;
    add(".storage_alignment", ALIGNMENT.to_string().as_bytes())?;
    add("byteorder", b"little")?;
    for (number, storage) in pickled.storages.iter().enumerate() {
        add(&format!("data/{number}"), storage.bytes())?;
    }
    add("version", b"3\n")?;
    let id = archive.serialization_id();
    archive.add_record(&format!("{FOLDER}/.data/serialization_id"), id.as_bytes())?;
    Ok(archive.finish()?)
}

/// Writes a checkpoint to a file, atomically: see [`atomic`].
///
/// # Errors
/// As [`save`], with [`Error::File`] in place of [`Error::Io`].
pub fn save_file(path: impl AsRef<Path>, value: &Value) -> Result<()> {
    let path = path.as_ref();
    atomic::write_with(path, |file| save(file, value)).map_err(|error: Error| error.in_file(path))
}
