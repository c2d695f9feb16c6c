//! A value to a file.

mod archive;
mod pickle;

use std::io::Write;
use std::path::Path;

use crate::{Error, Result, Value, atomic};
use archive::{ALIGNMENT, Archive};

/// The folder inside the archive. PyTorch takes the name of the file, and reads any.
const PREFIX: &str = "archive";

/// Writes `value` as `torch.save` would; `torch.load(weights_only=True)` reads it.
///
/// Equal values make equal bytes. Tensors that share a [`Storage`](crate::Storage) share one record, and share memory
/// when they are loaded; the whole storage is written even if the tensors view a part of it. Nothing is written before
/// the whole value has been checked.
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
    let pickled = pickle::pickle(value)?;
    let mut archive = Archive::new(writer);
    let mut record = |name: &str, data: &[u8]| archive.record(&format!("{PREFIX}/{name}"), data);
    record("data.pkl", &pickled.pickle)?;
    record(".storage_alignment", ALIGNMENT.to_string().as_bytes())?;
    record("byteorder", b"little")?;
    for (number, storage) in pickled.storages.iter().enumerate() {
        record(&format!("data/{number}"), storage.bytes())?;
    }
    record("version", b"3\n")?;
    let id = archive.id();
    archive.record(&format!("{PREFIX}/.data/serialization_id"), id.as_bytes())?;
    Ok(archive.finish()?)
}

/// Writes `value` to a file, atomically: see [`atomic`].
///
/// # Errors
/// As [`save`], with [`Error::File`] in the place of [`Error::Io`].
pub fn save_file(path: impl AsRef<Path>, value: &Value) -> Result<()> {
    let path = path.as_ref();
    atomic::write_with(path, |file| save(file, value)).map_err(|error| match error {
        Error::Io(source) => Error::File { path: path.to_owned(), source },
        other => other,
    })
}
