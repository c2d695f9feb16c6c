//! Reads a picture of a digit: PNG or JPEG, grey or colour, with or without transparency.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use image::{DynamicImage, ImageDecoder, ImageReader, Luma};

use super::normalise::{GreyImage, normalise};
use crate::data::SIDE;

/// A picture in the format that the network reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigitImage {
    /// (28, 28), row by row; 0 is paper and 255 is ink, as in MNIST.
    pub pixels: Vec<u8>,
    /// One line about the picture and its conversion.
    pub description: String,
}

/// Reads a picture and converts it to the format of MNIST.
///
/// # Errors
/// If the file cannot be decoded, or the picture is blank.
pub fn read(path: &Path) -> Result<DigitImage> {
    let file = || path.display().to_string();
    ensure!(path.exists(), "{}: there is no such file", file());
    let image = decode(path).with_context(|| format!("{}: cannot be read as a PNG or JPEG image", file()))?;
    let (width, height) = (image.width(), image.height());
    let color = if image.color().has_color() { "colour" } else { "grey" };
    let digit = normalise(&brightness(&image)).with_context(file)?;
    let on = if digit.dark_on_light { "dark on light" } else { "light on dark" };
    let (ink, scaled) = (digit.ink_size, digit.scaled_size);
    let description = format!(
        "{}: {width} x {height}, {color}, {on}; the {} x {} pixels with ink as {} x {}, centre of mass in the middle of \
         {SIDE} x {SIDE}",
        file(),
        ink.0,
        ink.1,
        scaled.0,
        scaled.1
    );
    Ok(DigitImage { pixels: digit.pixels, description })
}

/// Decodes a picture. The content decides the format, not the name, and the orientation of the camera is applied.
fn decode(path: &Path) -> Result<DynamicImage> {
    let mut decoder = ImageReader::open(path)?.with_guessed_format()?.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// The brightness of each pixel. Transparent pixels become paper: white behind a dark drawing, black behind a light one.
fn brightness(image: &DynamicImage) -> GreyImage {
    let pixels = image.to_luma_alpha32f();
    let (mut bright, mut opaque) = (0.0, 0.0);
    for pixel in pixels.pixels() {
        let [luma, alpha] = pixel.0;
        bright += f64::from(luma * alpha);
        opaque += f64::from(alpha);
    }
    let paper = if 2.0 * bright > opaque { 0.0 } else { 1.0 };
    GreyImage::from_fn(image.width(), image.height(), |x, y| {
        let [luma, alpha] = pixels.get_pixel(x, y).0;
        Luma([alpha * luma + (1.0 - alpha) * paper])
    })
}
