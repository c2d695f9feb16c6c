//! Files of a `state_dict`: PyTorch's `.pt` and safetensors. The content tells which it is, not the name.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use pt_file::{Value, regular_file};
use tch::Tensor;

use super::dict::{StateDict, shown};
use crate::convert;
use crate::error::{Error, Result};

/// A file format of a `state_dict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `torch.save` writes it, `torch.load(weights_only=True)` reads it.
    #[default]
    Pt,
    /// `safetensors.torch.save_file` writes it. It keeps neither the order of the tensors nor shared storage.
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

    /// The format of a file, by its content.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read.
    pub fn of(path: impl AsRef<Path>) -> Result<Format> {
        let path = path.as_ref();
        let format = regular_file::open(path).and_then(|mut file| Format::detect(&mut file));
        format.map_err(|error| Error::File(format!("{}: {error}", path.display())))
    }

    /// A safetensors file begins with the length of a header (8 bytes) and the header's `{`.
    fn detect(file: &mut File) -> std::io::Result<Format> {
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
    /// Writes a `.pt` file that `torch.load(path, weights_only=True)` reads, by an atomic rename.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written. An existing file is unchanged then.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_as(path, Format::Pt)
    }

    /// [`StateDict::save`] in a chosen format.
    ///
    /// # Errors
    /// As [`StateDict::save`].
    pub fn save_as(&self, path: impl AsRef<Path>, format: Format) -> Result<()> {
        let path = path.as_ref();
        let value = self.to_value()?;
        let saved = match format {
            Format::Pt => pt_file::save_file(path, &value),
            Format::Safetensors => value.state_dict_at("").and_then(|dict| pt_file::save_safetensors_file(path, &dict)),
        };
        saved.map_err(|error| Error::File(error.to_string()))
    }

    /// Reads a file of `torch.save(model.state_dict(), path)`, `safetensors.torch.save_file(model.state_dict(), path)` or
    /// [`StateDict::save_as`], with any name. The tensors are on the CPU.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read, is unsafe or broken, or does not hold tensors by name.
    pub fn load(path: impl AsRef<Path>) -> Result<StateDict> {
        let path = path.as_ref();
        let at = |error: &dyn fmt::Display| Error::File(format!("{}: {error}", path.display()));
        let format = Format::of(path)?;
        let value = pt_file::load_file(path).map_err(|error| match error {
            pt_file::Error::File { .. } => Error::File(error.to_string()), // its message has the path already
            other if format == Format::Safetensors => at(&format_args!("broken safetensors: {other}")),
            other => at(&other),
        })?;
        StateDict::from_value(&value).map_err(|error| at(&error))
    }

    /// The value that a checkpoint holds: an OrderedDict with `_metadata`, as `module.state_dict()`. Copies the elements.
    ///
    /// # Errors
    /// [`Error::Torch`] for a tensor of a kind that a file cannot hold.
    pub fn to_value(&self) -> Result<Value> {
        let copy = |(name, tensor): (&str, &Tensor)| {
            let copy = convert::to_pt_file(tensor).map_err(|error| Error::Torch(format!("{name}: {error}")))?;
            Ok((name.to_owned(), copy))
        };
        Ok(Value::state_dict(self.iter().map(copy).collect::<Result<Vec<_>>>()?))
    }

    /// The opposite of [`StateDict::to_value`].
    ///
    /// # Errors
    /// [`Error::StateDict`] if it is not a dict of tensors by name; the message names what it is.
    pub fn from_value(value: &Value) -> Result<StateDict> {
        let fault = |what: String| Error::StateDict(format!("not a state_dict, which has tensors by name: {what}"));
        let dict = value.as_dict().ok_or_else(|| fault(format!("it is of type {}", value.type_name())))?;
        let mut state_dict = StateDict::new();
        for (key, value) in dict.iter() {
            let (Some(name), Some(tensor)) = (key.as_str(), value.as_tensor()) else {
                return Err(fault(format!("[{}] is of type {}", shown(&key.to_string()), value.type_name())));
            };
            let tensor =
                convert::from_pt_file(tensor).map_err(|error| Error::StateDict(format!("{}: {error}", shown(name))))?;
            state_dict.insert(name, tensor);
        }
        Ok(state_dict)
    }
}
