//! Writes safetensors files.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use safetensors::{Dtype, SafeTensorError, View};

use crate::value_path::Step;
use crate::{Dict, Error, Key, Result, Tensor, Value, ValuePath, atomic, safetensors_format};

/// Writes the tensors of a dict to a safetensors file, atomically: see [`atomic`]. Equivalent of
/// `safetensors.torch.save_file`.
///
/// In the file each tensor is row-major and has its own copy of its elements.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.safetensors");
/// let model = pt_file::Value::state_dict([("fc.bias", pt_file::Tensor::scalar(0f32))]);
/// pt_file::save_safetensors_file(&path, &model.state_dict_at("")?)?;
/// assert!(pt_file::load_file(&path)?.get("fc.bias").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::NotSafetensors`] for a value that is no tensor, a key that is no string, and a dtype that the format lacks;
/// [`Error::OutOfMemory`]; [`Error::File`] if the file cannot be written. An existing file is unchanged then.
pub fn save_safetensors_file(path: impl AsRef<Path>, tensors: &Dict) -> Result<()> {
    let path = path.as_ref();
    let views = tensors.iter().map(|(key, value)| named(key, value)).collect::<Result<Vec<_>>>()?;
    let views = views.iter().map(|(name, view)| (*name, view));
    let metadata = [("format".to_owned(), "pt".to_owned())].into(); // the layout of PyTorch
    let write = |path: &Path| {
        safetensors::serialize_to_file(views, Some(metadata), path).map_err(|error| match error {
            SafeTensorError::IoError(error) => error,
            other => io::Error::other(other),
        })
    };
    atomic::write_at_path(path, write).map_err(|error| Error::Io(error).in_file(path))
}

/// The elements of a tensor, row-major.
struct RowMajor<'a> {
    dtype: Dtype,
    tensor: &'a Tensor,
    bytes: Cow<'a, [u8]>,
}

fn named<'a>(key: &'a Key, value: &'a Value) -> Result<(&'a str, RowMajor<'a>)> {
    let fault = |what: String| Error::NotSafetensors { at: ValuePath::default().child(Step::Key(key.clone())), what };
    let Value::Tensor(tensor) = value else { return Err(fault(format!("a value of type {}", value.type_name()))) };
    let Key::Str(name) = key else { return Err(fault("a key that is no string".to_owned())) };
    let dtype = safetensors_format::name_of(tensor.dtype());
    let dtype = dtype.ok_or_else(|| fault(format!("a tensor of dtype {}", tensor.dtype())))?;
    Ok((name, RowMajor { dtype, tensor, bytes: tensor.to_bytes()? }))
}

impl View for &RowMajor<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}
