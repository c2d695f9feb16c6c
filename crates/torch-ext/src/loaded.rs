//! The libtorch that this process has loaded.

use std::fs;
use std::path::PathBuf;

use crate::error::Result;
use crate::{ffi, version};

/// The folder with the libraries, `.../torch/lib`, whatever links led there: the linker chose it, or `LD_LIBRARY_PATH`.
///
/// ```
/// assert!(torch_ext::loaded::folder()?.is_dir());
/// # Ok::<(), torch_ext::Error>(())
/// ```
///
/// # Errors
/// If the system does not say.
pub fn folder() -> Result<PathBuf> {
    let mut file = std::ptr::null_mut();
    // SAFETY: the shim writes a string from strdup into the pointer that it is given.
    let file = unsafe {
        ffi::check(ffi::te_libtorch_file(&mut file))?;
        PathBuf::from(ffi::take_string(file))
    };
    let file = fs::canonicalize(&file).unwrap_or(file);
    Ok(file.parent().map(PathBuf::from).unwrap_or_default())
}

/// The release that lies there, which should be [`version::WANTED`]; `None` where no file beside it says.
///
/// ```
/// assert_eq!(torch_ext::loaded::version()?.as_deref(), Some(torch_ext::version::WANTED));
/// # Ok::<(), torch_ext::Error>(())
/// ```
///
/// # Errors
/// If the system does not say where libtorch lies.
pub fn version() -> Result<Option<String>> {
    Ok(folder()?.parent().and_then(version::found))
}
