//! Reads a picture of a digit: PNG or JPEG, grey or colour, with or without transparency.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, LumaA};
use pt_file::regular_file;

use super::jpeg;
use super::normalise::{GreyImage, normalise};
use crate::data::SIDE;

/// The limits of a picture, because a file of 2 KB can claim 4 gigapixels. A side:
const MAX_SIDE: u32 = 16384;
/// 4096 x 3072 pixels, or another form, for any file: such a picture takes less than 200 MB. A larger file can have
/// [`PIXELS_PER_BYTE`], as photos of phones do, up to [`MAX_PIXELS`].
const PIXELS_OF_ANY_FILE: u64 = 12 << 20;
const PIXELS_PER_BYTE: u64 = 12;
const MAX_PIXELS: u64 = 64 << 20;
/// The file.
const MAX_FILE: u64 = 32 << 20;
/// The rows that are converted to brightness at a time.
const STRIP: u32 = 64;

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
/// If the file cannot be decoded or is too large, or the picture is blank.
pub fn read(path: &Path) -> Result<DigitImage> {
    let file = || path.display().to_string();
    ensure!(path.exists(), "{}: there is no such file", file());
    let image = decode(path).with_context(|| format!("{}: cannot be read as a PNG or JPEG image", file()))?;
    let (width, height) = (image.width(), image.height());
    let color = if image.color().has_color() { "colour" } else { "grey" };
    let picture = brightness(&image);
    drop(image);
    let digit = normalise(picture).with_context(file)?;
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
///
/// The size is checked before memory is allocated for the pixels.
fn decode(path: &Path) -> Result<DynamicImage> {
    let file = regular_file::read(path, MAX_FILE)?;
    let mut reader = ImageReader::new(Cursor::new(&file)).with_guessed_format()?;
    match reader.format() {
        Some(ImageFormat::Jpeg) => jpeg::check(&file)?,
        Some(ImageFormat::Png) => {}
        _ => bail!("it has another format"),
    }
    let mut limits = Limits::default();
    let max_pixels = (PIXELS_PER_BYTE * file.len() as u64).clamp(PIXELS_OF_ANY_FILE, MAX_PIXELS);
    let max_bytes = max_pixels * 16 / 3; // a pixel of a PNG has up to 8 bytes
    limits.max_alloc = Some(max_bytes); // of a PNG's metadata, such as colour profiles, before its size is known
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    ensure!(
        width.max(height) <= MAX_SIDE && pixels <= max_pixels && decoder.total_bytes() <= max_bytes,
        "the image has {width} x {height} pixels and takes {} bytes; at most {MAX_SIDE} pixels on a side, {max_pixels} \
         pixels and {max_bytes} bytes are read from a file of this size: scale it down first",
        decoder.total_bytes()
    );
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// The brightness of each pixel. Transparent pixels become paper: white behind a dark drawing, black behind a light one.
fn brightness(image: &DynamicImage) -> GreyImage {
    let (mut bright, mut opaque) = (0.0, 0.0);
    for_each_pixel(image, |_, [luma, alpha]| {
        bright += f64::from(luma * alpha);
        opaque += f64::from(alpha);
    });
    let paper = if 2.0 * bright > opaque { 0.0 } else { 1.0 };
    let mut grey = GreyImage::new(image.width(), image.height());
    let values: &mut [f32] = &mut grey;
    for_each_pixel(image, |index, [luma, alpha]| values[index] = alpha * luma + (1.0 - alpha) * paper);
    grey
}

/// Calls `visit` with the index, brightness and opacity of each pixel, row by row. Only a strip is converted at a time, because
/// a converted pixel takes 8 bytes.
fn for_each_pixel(image: &DynamicImage, mut visit: impl FnMut(usize, [f32; 2])) {
    let mut index = 0;
    for top in (0..image.height()).step_by(STRIP as usize) {
        let strip = image.crop_imm(0, top, image.width(), STRIP).to_luma_alpha32f();
        for &LumaA(pixel) in strip.pixels() {
            visit(index, pixel);
            index += 1;
        }
    }
}
