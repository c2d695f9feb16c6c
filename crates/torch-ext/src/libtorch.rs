//! The libtorch that this process has loaded.

use std::fs;
use std::path::PathBuf;

use crate::error::Result;
use crate::ffi;

/// The release for which this crate was built, such as `2.13.0`. Empty with the feature `doc-only`.
pub const REQUIRED: &str = env!("LIBTORCH_REQUIRED");

/// The folder of the loaded libraries, `.../torch/lib`, with links resolved.
///
/// ```
/// assert!(torch_ext::libtorch::folder()?.is_dir());
/// # Ok::<(), torch_ext::Error>(())
/// ```
pub fn folder() -> Result<PathBuf> {
    let file = ffi::new_string(|out| {
        // SAFETY: `out` is valid for writes, and the shim writes a string from strdup into it.
        unsafe { ffi::te_libtorch_file(out) }
    })?;
    let file = fs::canonicalize(&file).unwrap_or(file.into());
    Ok(file.parent().map(PathBuf::from).unwrap_or_default())
}

/// The release in that folder, which should be [`REQUIRED`]; `None` if no file beside it names one.
///
/// ```
/// assert_eq!(torch_ext::libtorch::version()?.as_deref(), Some(torch_ext::libtorch::REQUIRED));
/// # Ok::<(), torch_ext::Error>(())
/// ```
pub fn version() -> Result<Option<String>> {
    Ok(folder()?.parent().and_then(libtorch_build::found))
}
