//! A value to a file.

mod archive;
mod pickle;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::{Error, Result, Value};
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

/// Writes `value` to a file that appears whole or not at all: see [`replace_file`].
///
/// # Errors
/// As [`save`], with [`Error::File`] in the place of [`Error::Io`].
pub fn save_file(path: impl AsRef<Path>, value: &Value) -> Result<()> {
    let path = path.as_ref();
    replace_file(path, |file| save(file, value)).map_err(|error| match error {
        Error::Io(source) => Error::File { path: path.to_owned(), source },
        other => other,
    })
}

/// Writes a file that appears whole or not at all.
///
/// The bytes go to a temporary file (`.NAME.*.partial`) in the same folder, which takes the name, and the place of an
/// older file, only when all of it is on the disk: whatever happens, `path` is the old file or the new one.
///
/// # Errors
/// What `write` returns, or the file system's error.
pub fn replace_file<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "names no file"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = format!(".{}.", name.to_string_lossy());
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask, as any new file
    let partial = builder.tempfile_in(folder)?;

    let mut writer = BufWriter::new(partial.as_file());
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    partial.as_file().sync_all()?;
    partial.persist(path).map_err(|error| error.error)?;
    // The new name is on the disk once the folder is; not every file system lets one ask for that.
    #[cfg(unix)]
    drop(File::open(folder).and_then(|folder| folder.sync_all()));
    Ok(())
}
