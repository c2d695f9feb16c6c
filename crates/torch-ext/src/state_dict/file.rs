//! Files of a `state_dict`: PyTorch's `.pt` and safetensors, told apart by what is in them.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use pt_file::{DType, Value};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tch::Tensor;

use super::StateDict;
use crate::error::{Error, Result};

/// How a `state_dict` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// What `torch.save` writes and `torch.load(weights_only=True)` reads.
    #[default]
    Pt,
    /// What `safetensors.torch.save_file` writes. It keeps neither the order of the tensors nor shared storage.
    Safetensors,
}

impl Format {
    /// The file name extension: `pt`, `safetensors`.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Pt => "pt",
            Format::Safetensors => "safetensors",
        }
    }

    /// What a file is, by its content.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read.
    pub fn of(path: impl AsRef<Path>) -> Result<Format> {
        let path = path.as_ref();
        let format = fs::File::open(path).and_then(|mut file| Format::detect(&mut file));
        format.map_err(|error| Error::File(format!("{}: {error}", path.display())))
    }

    /// By a file's beginning: safetensors begin with the length of a header and its `{`.
    fn detect(file: &mut fs::File) -> std::io::Result<Format> {
        let mut start = [0; 9];
        let mut read = 0;
        while read < start.len() {
            match file.read(&mut start[read..])? {
                0 => break,
                more => read += more,
            }
        }
        let header =
            u64::from_le_bytes([start[0], start[1], start[2], start[3], start[4], start[5], start[6], start[7]]);
        let safetensors = read == 9 && start[8] == b'{' && header < file.metadata()?.len();
        Ok(if safetensors { Format::Safetensors } else { Format::Pt })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Format, String> {
        match text {
            "pt" => Ok(Format::Pt),
            "safetensors" => Ok(Format::Safetensors),
            _ => Err("expected pt or safetensors".to_owned()),
        }
    }
}

impl StateDict {
    /// Writes a `.pt` file that `torch.load(path, weights_only=True)` reads, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written; the file that was there then stays.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_as(path, Format::Pt)
    }

    /// The same in another format.
    ///
    /// # Errors
    /// As [`StateDict::save`].
    pub fn save_as(&self, path: impl AsRef<Path>, format: Format) -> Result<()> {
        let path = path.as_ref();
        let value = self.to_value()?;
        match format {
            Format::Pt => pt_file::save_file(path, &value).map_err(|error| Error::File(error.to_string())),
            Format::Safetensors => {
                let bytes = serialize(&value)?;
                pt_file::atomic::write(path, &bytes)
                    .map_err(|error| Error::File(format!("{}: {error}", path.display())))
            }
        }
    }

    /// Reads what `torch.save(model.state_dict(), path)`, `safetensors.torch.save_file(model.state_dict(), path)`
    /// or [`StateDict::save_as`] wrote, by its content and whatever its name. The tensors are on the CPU.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read, is unsafe or broken, or holds something other than tensors by name.
    pub fn load(path: impl AsRef<Path>) -> Result<StateDict> {
        let path = path.as_ref();
        let at = |error: &dyn fmt::Display| Error::File(format!("{}: {error}", path.display()));
        match Format::of(path)? {
            Format::Safetensors => {
                let bytes = fs::read(path).map_err(|error| at(&error))?;
                deserialize(&bytes).map_err(|error| at(&error))
            }
            Format::Pt => {
                let value = pt_file::load_file(path).map_err(|error| match error {
                    pt_file::Error::File { .. } => Error::File(error.to_string()), // names the path itself
                    other => at(&other),
                })?;
                StateDict::from_value(&value).map_err(|error| at(&error))
            }
        }
    }

    /// The state as a checkpoint holds it: an OrderedDict with `_metadata`, as `module.state_dict()` is. Copies the
    /// elements.
    ///
    /// # Errors
    /// [`Error::Torch`] if a tensor cannot be copied to the CPU or is of a kind that has no place in a file.
    pub fn to_value(&self) -> Result<Value> {
        let copy = |(name, tensor): (&str, &Tensor)| {
            let copy = pt_file::Tensor::try_from(tensor).map_err(|error| Error::Torch(format!("{name}: {error}")))?;
            Ok((name.to_owned(), copy))
        };
        Ok(Value::state_dict(self.iter().map(copy).collect::<Result<Vec<_>>>()?))
    }

    /// The opposite of [`StateDict::to_value`].
    ///
    /// # Errors
    /// [`Error::StateDict`] if it is not a dict of tensors by name; the message says what it is.
    pub fn from_value(value: &Value) -> Result<StateDict> {
        let fault = |what: String| Error::StateDict(format!("not a state_dict, which has tensors by name: {what}"));
        let dict = value.as_dict().ok_or_else(|| fault(format!("it is of type {}", value.type_name())))?;
        let mut state_dict = StateDict::new();
        for (key, value) in dict.iter() {
            let (Some(name), Some(tensor)) = (key.as_str(), value.as_tensor()) else {
                return Err(fault(format!("[{key}] is of type {}", value.type_name())));
            };
            let tensor = Tensor::try_from(tensor).map_err(|error| Error::StateDict(format!("{name}: {error}")))?;
            state_dict.insert(name, tensor);
        }
        Ok(state_dict)
    }
}

/// A state_dict in the format of safetensors, with the note that lets other loaders know whose layout it is.
fn serialize(state_dict: &Value) -> Result<Vec<u8>> {
    let unfit = |error: &dyn fmt::Display| Error::File(format!("safetensors: {error}"));
    let mut tensors = Vec::new();
    for (key, value) in state_dict.as_dict().into_iter().flat_map(pt_file::Dict::iter) {
        if let (Some(name), Some(tensor)) = (key.as_str(), value.as_tensor()) {
            tensors.push((name, tensor, tensor.to_bytes().map_err(|error| unfit(&error))?));
        }
    }
    let mut views = Vec::new();
    for (name, tensor, bytes) in &tensors {
        let view = TensorView::new(to_safetensors(tensor.dtype()), tensor.shape().to_vec(), bytes);
        views.push((*name, view.map_err(|error| unfit(&error))?));
    }
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    safetensors::serialize(views, Some(metadata)).map_err(|error| unfit(&error))
}

fn deserialize(bytes: &[u8]) -> Result<StateDict> {
    let broken = |error: &dyn fmt::Display| Error::File(format!("broken safetensors: {error}"));
    let file = SafeTensors::deserialize(bytes).map_err(|error| broken(&error))?;
    let mut tensors: Vec<_> = file.iter().collect();
    tensors.sort_by_key(|(_, view)| view.data().as_ptr()); // as they lie in the file
    let mut state_dict = StateDict::new();
    for (name, view) in tensors {
        let dtype = from_safetensors(view.dtype())
            .ok_or_else(|| Error::File(format!("{name} is of dtype {:?}, which is not read here", view.dtype())))?;
        let tensor = pt_file::Tensor::from_bytes(dtype, view.shape(), view.data().to_vec());
        let tensor = tensor.and_then(|tensor| Tensor::try_from(&tensor)).map_err(|error| broken(&error))?;
        state_dict.insert(name, tensor);
    }
    Ok(state_dict)
}

/// The two lists of dtypes, side by side.
const DTYPES: [(DType, Dtype); 10] = [
    (DType::F32, Dtype::F32),
    (DType::F64, Dtype::F64),
    (DType::F16, Dtype::F16),
    (DType::BF16, Dtype::BF16),
    (DType::I64, Dtype::I64),
    (DType::I32, Dtype::I32),
    (DType::I16, Dtype::I16),
    (DType::I8, Dtype::I8),
    (DType::U8, Dtype::U8),
    (DType::Bool, Dtype::BOOL),
];

fn to_safetensors(dtype: DType) -> Dtype {
    DTYPES.iter().find(|(ours, _)| *ours == dtype).map_or(Dtype::U8, |(_, theirs)| *theirs)
}

fn from_safetensors(dtype: Dtype) -> Option<DType> {
    DTYPES.iter().find(|(_, theirs)| *theirs == dtype).map(|(ours, _)| *ours)
}
