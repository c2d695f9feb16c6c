//! The input of `predict` and `gates`: an image file, or one of the test digits.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use lesson_kit::exit::UsageError;
use tch::{Device, Kind, Tensor};

use super::image::{self, DigitImage};
use crate::data::{Digits, SIDE};

/// The options that choose the digit.
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

/// A digit for the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// (28, 28), row by row; 0 is paper and 255 is ink.
    pub pixels: Vec<u8>,
    /// The file, or the number of the test digit.
    pub name: String,
    /// The true digit; `None` for an image file.
    pub label: Option<u8>,
    /// One line about the digit and its conversion.
    pub description: String,
}

impl InputArgs {
    /// Reads the digit. `data` is the folder of MNIST.
    ///
    /// # Errors
    /// If a file cannot be read. [`UsageError`] if there is no test digit with this index.
    pub fn read(&self, data: &Path) -> Result<Input> {
        match (&self.image, self.index) {
            (Some(path), _) => {
                let DigitImage { pixels, description } = image::read(path)?;
                Ok(Input { pixels, name: path.display().to_string(), label: None, description })
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
    let description = format!("{name} of {}, labelled {label}", test.len());
    Ok(Input { pixels: pixels.to_vec(), name, label: Some(label), description })
}

impl Input {
    /// This digit as a batch: (1, 28 steps, 28 pixels), float32 from 0 to 1.
    pub fn batch(&self, device: Device) -> Result<Tensor> {
        let side = SIDE as i64;
        let pixels = Tensor::from_slice(&self.pixels).f_view([1, side, side])?.f_to_device(device)?;
        Ok(pixels.f_to_kind(Kind::Float)?.f_div_scalar(255.0)?)
    }

    /// The digit as text. Each pixel is two characters wide, because a character is about twice as high as wide.
    pub fn drawing(&self) -> String {
        const SHADES: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];
        let shade = |pixel: &u8| SHADES[(usize::from(*pixel) * (SHADES.len() - 1) + 127) / 255];
        let line = "─".repeat(2 * SIDE);
        let row = |row: &[u8]| format!("│{}│\n", row.iter().map(shade).collect::<String>());
        format!("┌{line}┐\n{}└{line}┘", self.pixels.chunks(SIDE).map(row).collect::<String>())
    }
}
