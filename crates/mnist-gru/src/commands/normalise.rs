//! Converts a picture of a digit to the format of MNIST.
//!
//! A digit in MNIST fits into a box of 20 x 20 pixels. Its proportions are unchanged, and scaling made its edges grey. Its
//! centre of mass is the centre of an image of 28 x 28 pixels (LeCun, Cortes, Burges: the page of the MNIST database). A
//! network that is trained on such digits needs its input in the same format.

use anyhow::{Result, ensure};
use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma};

use crate::data::SIDE;

/// The side of the box that a digit is scaled to.
const BOX: u32 = 20;
/// A picture with a smaller difference between its pixels (0 to 1) is blank.
const MIN_CONTRAST: f32 = 0.1;
/// Weaker ink (0 to 1) is not part of the bounding box.
const FAINT: f32 = 0.1;

/// A grey image in float32. A picture has 0 for black and 1 for white; an image of ink has 0 for none and 1 for the strongest.
pub type GreyImage = ImageBuffer<Luma<f32>, Vec<f32>>;

/// A digit in the format of MNIST.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalisedDigit {
    /// (28, 28), row by row; 0 is paper and 255 is ink.
    pub pixels: Vec<u8>,
    /// Whether the ink of the picture is darker than its paper.
    pub dark_on_light: bool,
    /// Width and height of the ink in the picture.
    pub ink_size: (u32, u32),
    /// Width and height of the ink in `pixels`.
    pub scaled_size: (u32, u32),
}

/// Finds the ink, scales it to the box, and moves its centre of mass to the centre of the image.
///
/// # Errors
/// If the picture has no pixels or the same brightness everywhere.
pub fn normalise(picture: GreyImage) -> Result<NormalisedDigit> {
    let (ink, dark_on_light) = ink(picture)?;
    let (left, top, width, height) = bounding_box(&ink);
    let cropped = imageops::crop_imm(&ink, left, top, width, height);
    let scale = f64::from(BOX) / f64::from(width.max(height).max(1));
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    let scaled_size = (scaled(width), scaled(height));
    let digit = imageops::resize(&*cropped, scaled_size.0, scaled_size.1, FilterType::Triangle);
    Ok(NormalisedDigit { pixels: centred(&digit), dark_on_light, ink_size: (width, height), scaled_size })
}

/// The amount of ink at each pixel, and whether the ink is darker than the paper.
///
/// The brightness of the paper is the median of the border. The ink is what differs most from it. Differences as small as
/// those within the border, such as a photograph's noise, count as paper.
fn ink(mut picture: GreyImage) -> Result<(GreyImage, bool)> {
    let mut border = border(&picture);
    ensure!(!border.is_empty(), "the image has no pixels");
    let paper = quantile(&mut border, 0.5);
    let difference = |value: &f32| (value - paper).abs();
    let largest = picture.iter().map(difference).fold(0.0, f32::max);
    ensure!(largest >= MIN_CONTRAST, "the image has the same brightness everywhere: there is no digit on it");
    let strong = picture.iter().filter(|value| difference(value) > 0.5 * largest);
    let dark_on_light = strong.map(|value| f64::from(value - paper)).sum::<f64>() < 0.0;
    let sign = if dark_on_light { -1.0 } else { 1.0 };
    let strongest = picture.iter().map(|value| sign * (value - paper)).fold(0.0, f32::max);
    let mut noise: Vec<f32> = border.iter().map(difference).collect();
    let floor = (3.0 * quantile(&mut noise, 0.75) / strongest).min(0.5);
    for value in picture.iter_mut() {
        *value = ((sign * (*value - paper) / strongest - floor) / (1.0 - floor)).max(0.0);
    }
    Ok((picture, dark_on_light))
}

/// The pixels of the border. Its width is 1/40 of the shorter side.
fn border(picture: &GreyImage) -> Vec<f32> {
    let (width, height) = picture.dimensions();
    let thick = (width.min(height) / 40).max(1);
    let in_border = |x: u32, y: u32| x.min(y) < thick || x + thick >= width || y + thick >= height;
    picture.enumerate_pixels().filter(|&(x, y, _)| in_border(x, y)).map(|(_, _, value)| value.0[0]).collect()
}

fn quantile(values: &mut [f32], share: f64) -> f32 {
    let index = (share * (values.len() - 1) as f64).round() as usize;
    *values.select_nth_unstable_by(index, f32::total_cmp).1
}

/// Left, top, width and height of the bounding box of the ink.
fn bounding_box(ink: &GreyImage) -> (u32, u32, u32, u32) {
    let mut found: Option<(u32, u32, u32, u32)> = None;
    for (x, y, _) in ink.enumerate_pixels().filter(|(_, _, value)| value.0[0] > FAINT) {
        let (left, top, right, bottom) = found.unwrap_or((x, y, x, y));
        found = Some((left.min(x), top.min(y), right.max(x), bottom.max(y)));
    }
    let (left, top, right, bottom) = found.unwrap_or_default();
    (left, top, right - left + 1, bottom - top + 1)
}

/// Draws the digit on an image of 28 x 28 pixels, with its centre of mass in the centre and its strongest ink as 255.
fn centred(digit: &GreyImage) -> Vec<u8> {
    let (mut mass, mut moment) = (0.0, (0.0, 0.0));
    for (x, y, value) in digit.enumerate_pixels() {
        let ink = f64::from(value.0[0]);
        mass += ink;
        moment.0 += ink * (f64::from(x) + 0.5);
        moment.1 += ink * (f64::from(y) + 0.5);
    }
    let strongest = digit.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let offset = |moment: f64, side: u32| {
        let centred = (SIDE as f64 / 2.0 - moment / mass).round() as i64;
        centred.clamp(0, SIDE as i64 - i64::from(side)) as usize
    };
    let (left, top) = (offset(moment.0, digit.width()), offset(moment.1, digit.height()));
    let mut pixels = vec![0; SIDE * SIDE];
    for (x, y, value) in digit.enumerate_pixels() {
        pixels[(top + y as usize) * SIDE + left + x as usize] = (255.0 * value.0[0] / strongest).round() as u8;
    }
    pixels
}
