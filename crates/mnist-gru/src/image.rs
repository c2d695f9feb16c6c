//! A picture of a digit, from a file to brightness: PNG or JPEG, grey or colour, with or without transparency.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use image::{DynamicImage, ImageDecoder, ImageReader};

use crate::data::SIDE;
use crate::normalise::{Brightness, normalise};

/// A digit as the network sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// 28 rows of 28; 0 is paper and 255 is ink, as in MNIST.
    pub pixels: Vec<u8>,
    /// How the picture was understood, in a line.
    pub how: String,
}

/// Reads the picture in `path` and makes of it what MNIST would have made of it.
///
/// # Errors
/// If it is no picture that can be decoded, or nothing is drawn on it.
pub fn read(path: &Path) -> Result<Reading> {
    let file = || path.display().to_string();
    ensure!(path.exists(), "{}: there is no such file", file());
    let image = decode(path).with_context(|| format!("{}: cannot be read as a PNG or JPEG image", file()))?;
    let (width, height) = (image.width(), image.height());
    let color = if image.color().has_color() { "colour" } else { "grey" };
    let digit = normalise(&brightness(&image)).with_context(file)?;
    let on = if digit.dark_on_light { "dark on light" } else { "light on dark" };
    let (ink, scaled) = (digit.ink, digit.scaled);
    let how = format!(
        "{}: {width} x {height}, {color}, {on}; the {} x {} pixels with ink as {} x {}, centre of mass in the middle of \
         {SIDE} x {SIDE}",
        file(),
        ink.0,
        ink.1,
        scaled.0,
        scaled.1
    );
    Ok(Reading { pixels: digit.pixels, how })
}

/// The format follows from the content, whatever the name says; a camera's turn is undone.
fn decode(path: &Path) -> Result<DynamicImage> {
    let mut decoder = ImageReader::open(path)?.with_guessed_format()?.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// How bright each pixel is. What is transparent shows the paper behind it: white behind a dark drawing, black behind a
/// bright one.
fn brightness(image: &DynamicImage) -> Brightness {
    let pixels = image.to_luma_alpha32f();
    let (mut bright, mut opaque) = (0.0, 0.0);
    for pixel in pixels.pixels() {
        let [luma, alpha] = pixel.0;
        bright += f64::from(luma * alpha);
        opaque += f64::from(alpha);
    }
    let paper = if 2.0 * bright > opaque { 0.0 } else { 1.0 };
    let values = pixels.pixels().map(|pixel| pixel.0[1] * pixel.0[0] + (1.0 - pixel.0[1]) * paper).collect();
    Brightness { width: image.width() as usize, values }
}
