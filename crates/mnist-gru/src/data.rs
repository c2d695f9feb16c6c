//! The data of the lesson: the MNIST files and the batches that the network reads.

pub mod idx;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tch::{Device, Kind, Tensor};

/// The number of rows of an image and of pixels in a row: the notebook's `sequence_length` and `input_size`.
pub const SIDE: usize = 28;
/// The number of digits, 0 to 9: the notebook's `num_classes`.
pub const CLASSES: usize = 10;

/// The MNIST database: digits for training and for test.
#[derive(Debug)]
pub struct Mnist {
    /// 60,000 digits.
    pub train: Digits,
    /// 10,000 digits from other writers.
    pub test: Digits,
}

impl Mnist {
    /// Reads the four IDX files in `folder`, each plain or as `.gz`.
    ///
    /// # Errors
    /// If a file is missing or damaged, or the numbers of images and labels differ. The message names the download script.
    pub fn read(folder: &Path) -> Result<Mnist> {
        Ok(Mnist { train: Digits::read(folder, "train")?, test: Digits::read_test(folder)? })
    }
}

/// Images of handwritten digits and their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits {
    /// (images, 28, 28), row by row; 0 is paper and 255 is ink.
    pixels: Vec<u8>,
    /// One label for each image, less than [`CLASSES`].
    labels: Vec<u8>,
}

impl Digits {
    /// Reads the test digits only. The files of the training digits can be missing.
    ///
    /// # Errors
    /// If a file is missing or damaged, or the numbers of images and labels differ. The message names the download
    /// script.
    pub fn read_test(folder: &Path) -> Result<Digits> {
        Digits::read(folder, "t10k")
    }

    fn read(folder: &Path, name: &str) -> Result<Digits> {
        let advice = "cannot read MNIST (run scripts/fetch-data.sh, which downloads it to data/mnist)";
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

    /// The digest of images and labels.
    pub fn digest(&self) -> String {
        lesson_kit::data_digest([&self.pixels, &self.labels])
    }

    /// The number of digits.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no digits. [`Mnist::read`] returns at least one.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of an image, row by row; `None` after the last image.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.pixels.chunks_exact(SIDE * SIDE).nth(index)
    }

    /// The digit on each image.
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
        bail!("{}: neither this file nor its .gz exists", plain.display())
    }
}

/// Digits as tensors on a device. Equivalent of `torch.utils.data.TensorDataset(images, labels)`.
#[derive(Debug)]
pub struct TensorDataset {
    /// (images, 28, 28), uint8: a quarter of the memory of float32.
    images: Tensor,
    /// (images,), int64.
    labels: Tensor,
}

impl TensorDataset {
    /// Copies `digits` to `device`.
    pub fn new(digits: &Digits, device: Device) -> Result<TensorDataset> {
        let side = SIDE as i64;
        let images = Tensor::f_from_slice(&digits.pixels)?.f_view([-1, side, side])?.f_to_device(device)?;
        let labels = Tensor::f_from_slice(&digits.labels)?.f_to_device(device)?.f_to_kind(Kind::Int64)?;
        Ok(TensorDataset { images, labels })
    }

    /// The number of digits.
    pub fn len(&self) -> i64 {
        self.labels.size()[0]
    }

    /// Whether there are no digits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batch at `indices`, (batch,): inputs, (batch, 28 steps, 28 pixels), float32 from 0 to 1, and targets, (batch,).
    ///
    /// # Errors
    /// If an index is out of range.
    pub fn batch(&self, indices: &Tensor) -> Result<(Tensor, Tensor)> {
        let inputs = self.images.f_index_select(0, indices)?.f_to_kind(Kind::Float)?.f_div_scalar(255.0)?;
        Ok((inputs, self.labels.f_index_select(0, indices)?))
    }
}
