//! The digit that `predict` and `gates` are about: an image file, or one of the test digits.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use lesson_kit::exit::UsageError;
use tch::{Device, Kind, Tensor};

use crate::data::{Digits, SIDE};
use crate::image;

/// Which digit.
#[derive(Args, Debug, Clone)]
#[group(required = true, multiple = false)]
pub struct InputArgs {
    /// A picture of one digit, PNG or JPEG: any size, grey or colour, dark on light or light on dark
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,

    /// A digit of the test data, counted from 0
    #[arg(long, value_name = "N", value_parser = from_zero, allow_negative_numbers = true)]
    index: Option<usize>,
}

/// A digit that the network has not yet seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// 28 rows of 28; 0 is paper and 255 is ink.
    pub pixels: Vec<u8>,
    /// The file, or which test digit.
    pub name: String,
    /// Which digit it is, if that is known.
    pub label: Option<u8>,
    /// How it was read, in a line.
    pub how: String,
}

impl InputArgs {
    /// Reads the digit; `data` is the folder of MNIST.
    ///
    /// # Errors
    /// If a file cannot be read; [`UsageError`] for an index beyond the test digits.
    pub fn read(&self, data: &Path) -> Result<Input> {
        match (&self.image, self.index) {
            (Some(path), _) => {
                let image::Reading { pixels, how } = image::read(path)?;
                Ok(Input { pixels, name: path.display().to_string(), label: None, how })
            }
            (None, index) => test_digit(&Digits::read_test(data)?, index.context("neither --image nor --index")?),
        }
    }
}

fn from_zero(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "expected a whole number of at least 0".to_owned())
}

fn test_digit(test: &Digits, index: usize) -> Result<Input> {
    let (Some(pixels), Some(&label)) = (test.image(index), test.labels().get(index)) else {
        return Err(UsageError(format!("--index {index}: the test digits are 0 to {}", test.len() - 1)).into());
    };
    let name = format!("test digit {index}");
    let how = format!("{name} of {}, labelled {label}", test.len());
    Ok(Input { pixels: pixels.to_vec(), name, label: Some(label), how })
}

impl Input {
    /// A batch of this one digit: (1, 28 steps, 28 pixels), float32 in 0 to 1.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn batch(&self, device: Device) -> Result<Tensor> {
        let side = SIDE as i64;
        let pixels = Tensor::from_slice(&self.pixels).f_view([1, side, side])?.f_to_device(device)?;
        Ok(pixels.f_to_kind(Kind::Float)?.f_div_scalar(255.0)?)
    }

    /// The 28 x 28 in characters, two for each pixel, since letters are taller than wide.
    pub fn drawing(&self) -> String {
        const SHADES: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];
        let shade = |pixel: &u8| SHADES[(usize::from(*pixel) * (SHADES.len() - 1) + 127) / 255];
        let rule = "─".repeat(2 * SIDE);
        let row = |row: &[u8]| format!("│{}│\n", row.iter().map(shade).collect::<String>());
        format!("┌{rule}┐\n{}└{rule}┘", self.pixels.chunks(SIDE).map(row).collect::<String>())
    }
}
