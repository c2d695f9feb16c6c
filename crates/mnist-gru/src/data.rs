//! MNIST: its four files, and batches for the network.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tch::{Device, Kind, Tensor};

use crate::idx;

/// Rows of an image, and pixels of a row: the notebook's `sequence_length` and `input_size`.
pub const SIDE: usize = 28;
/// The digits 0 to 9: the notebook's `num_classes`.
pub const CLASSES: usize = 10;

/// The digits to learn from, and those that are kept for the test.
#[derive(Debug)]
pub struct Mnist {
    /// 60,000 in the original.
    pub train: Digits,
    /// 10,000 in the original, by other writers.
    pub test: Digits,
}

impl Mnist {
    /// Reads the four idx files in `folder`, each plain or as `.gz`.
    ///
    /// # Errors
    /// If a file is missing or damaged, or images and labels do not belong together; the error says what fetches MNIST.
    pub fn read(folder: &Path) -> Result<Mnist> {
        Ok(Mnist { train: Digits::read(folder, "train")?, test: Digits::read_test(folder)? })
    }
}

/// Images of handwritten digits, and which digits they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits {
    /// Image after image, row by row; 0 is paper and 255 is ink.
    pixels: Vec<u8>,
    /// As many as there are images; each below [`CLASSES`].
    labels: Vec<u8>,
}

impl Digits {
    /// The digits that are kept for the test; the files of the others need not be there.
    ///
    /// # Errors
    /// As [`Mnist::read`].
    pub fn read_test(folder: &Path) -> Result<Digits> {
        Digits::read(folder, "t10k")
    }

    fn read(folder: &Path, name: &str) -> Result<Digits> {
        let advice = "cannot read MNIST (scripts/fetch-data.sh fetches it into data/mnist)";
        Digits::read_both_files(folder, name).context(advice)
    }

    fn read_both_files(folder: &Path, name: &str) -> Result<Digits> {
        let images = find(folder, &format!("{name}-images-idx3-ubyte"))?;
        let labels = find(folder, &format!("{name}-labels-idx1-ubyte"))?;
        let digits = Digits { pixels: idx::read(&images, &[SIDE as u32; 2])?, labels: idx::read(&labels, &[])? };
        let count = digits.pixels.len() / (SIDE * SIDE);
        let (images, labels) = (images.display(), labels.display());
        ensure!(count == digits.len(), "{images} has {count} images, but {labels} has {} labels", digits.len());
        if let Some(index) = digits.labels.iter().position(|&label| usize::from(label) >= CLASSES) {
            bail!("{labels}: label {} of {count} is {}; expected 0 to 9", index + 1, digits.labels[index]);
        }
        Ok(digits)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none; [`Mnist::read`] gives at least one.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of an image, row by row; `None` after the last.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.pixels.chunks_exact(SIDE * SIDE).nth(index)
    }

    /// Which digits they are, in order.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }
}

fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let plain = folder.join(name);
    let packed = plain.with_added_extension("gz");
    if plain.exists() {
        Ok(plain)
    } else if packed.exists() {
        Ok(packed)
    } else {
        bail!("{}: there is no such file, nor its .gz", plain.display())
    }
}

/// Digits as tensors on a device: `TensorDataset(images, labels)`.
#[derive(Debug)]
pub struct TensorDataset {
    /// (images, 28, 28), uint8: a quarter of what float32 would take.
    images: Tensor,
    /// (images,), int64.
    labels: Tensor,
}

impl TensorDataset {
    /// Copies `digits` to `device`.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn new(digits: &Digits, device: Device) -> Result<TensorDataset> {
        let side = SIDE as i64;
        let images = Tensor::f_from_slice(&digits.pixels)?.f_view([-1, side, side])?.f_to_device(device)?;
        let labels = Tensor::f_from_slice(&digits.labels)?.f_to_device(device)?.f_to_kind(Kind::Int64)?;
        Ok(TensorDataset { images, labels })
    }

    /// How many there are.
    pub fn len(&self) -> i64 {
        self.labels.size()[0]
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Images and labels at `indices`, (batch,): inputs of (batch, 28 steps, 28 pixels), float32 in 0 to 1, and targets
    /// of (batch,).
    ///
    /// # Errors
    /// If an index is out of range.
    pub fn batch(&self, indices: &Tensor) -> Result<(Tensor, Tensor)> {
        let inputs = self.images.f_index_select(0, indices)?.f_to_kind(Kind::Float)?.f_div_scalar(255.0)?;
        Ok((inputs, self.labels.f_index_select(0, indices)?))
    }
}
