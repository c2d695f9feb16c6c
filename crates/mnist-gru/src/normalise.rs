//! From a picture of a digit to MNIST's format.
//!
//! MNIST's digits were fitted into a box of 20 x 20 with their proportions kept, which made them grey at the edges, and
//! put into an image of 28 x 28 so that their centre of mass is its centre (LeCun, Cortes, Burges: the page of the MNIST
//! database). What a network has learned from such digits holds for such digits.

use anyhow::{Result, ensure};
use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma};

use crate::data::SIDE;

/// The box that a digit is fitted into.
const BOX: u32 = 20;
/// A picture whose pixels differ by less, of 1, has nothing on it.
const LEAST_CONTRAST: f32 = 0.1;
/// Ink weaker than this, of 1, does not count when the digit's size is taken.
const FAINT: f32 = 0.1;

/// A picture: row by row, 0 black to 1 white.
#[derive(Debug, Clone)]
pub struct Brightness {
    /// Pixels of a row.
    pub width: usize,
    /// As many as `width` times the rows.
    pub values: Vec<f32>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Digit {
    /// 28 rows of 28; 0 is paper and 255 is ink.
    pub pixels: Vec<u8>,
    /// Whether the ink was darker than the paper.
    pub dark_on_light: bool,
    /// Width and height of what has ink, in the picture's pixels.
    pub ink: (u32, u32),
    /// The same in pixels of the 28.
    pub scaled: (u32, u32),
}

type Ink = ImageBuffer<Luma<f32>, Vec<f32>>;

/// Finds the ink, fits it into the box, and puts its centre of mass into the middle.
///
/// # Errors
/// If the picture is empty or of one brightness.
pub fn normalise(picture: &Brightness) -> Result<Digit> {
    let height = picture.values.len().checked_div(picture.width).unwrap_or(0);
    let size = (u32::try_from(picture.width)?, u32::try_from(height)?);
    let (ink, dark_on_light) = ink(picture, height)?;
    let whole = Ink::from_raw(size.0, size.1, ink).unwrap_or_default();
    let (left, top, width, height) = extent(&whole);
    let cut = imageops::crop_imm(&whole, left, top, width, height).to_image();
    let scale = f64::from(BOX) / f64::from(width.max(height).max(1));
    let fit = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    let scaled = (fit(width), fit(height));
    let digit = imageops::resize(&cut, scaled.0, scaled.1, FilterType::Triangle);
    Ok(Digit { pixels: centred(&digit), dark_on_light, ink: (width, height), scaled })
}

/// How much ink each pixel has, 0 to 1, and whether it is darker than the paper.
///
/// The paper is what the border mostly is; the ink is what differs most from it. What differs no more than the border
/// itself does, such as a photograph's noise, is paper.
fn ink(picture: &Brightness, height: usize) -> Result<(Vec<f32>, bool)> {
    let mut border = border(picture, height);
    ensure!(!border.is_empty(), "the image has no pixels");
    let paper = quantile(&mut border, 0.5);
    let apart = |value: &f32| (value - paper).abs();
    let farthest = picture.values.iter().map(apart).fold(0.0, f32::max);
    ensure!(farthest >= LEAST_CONTRAST, "the image is of one brightness all over: there is no digit on it");
    let strong = picture.values.iter().filter(|value| apart(value) > 0.5 * farthest);
    let dark_on_light = strong.map(|value| f64::from(value - paper)).sum::<f64>() < 0.0;
    let sign = if dark_on_light { -1.0 } else { 1.0 };
    let most = picture.values.iter().map(|value| sign * (value - paper)).fold(0.0, f32::max);
    let mut noise: Vec<f32> = border.iter().map(apart).collect();
    let floor = (3.0 * quantile(&mut noise, 0.75) / most).min(0.5);
    let ink = |value: &f32| ((sign * (value - paper) / most - floor) / (1.0 - floor)).max(0.0);
    Ok((picture.values.iter().map(ink).collect(), dark_on_light))
}

/// The pixels of the frame, a fortieth of the shorter side thick.
fn border(picture: &Brightness, height: usize) -> Vec<f32> {
    let width = picture.width;
    let thick = (width.min(height) / 40).max(1);
    let is_border = |index: usize| {
        let (x, y) = (index % width, index / width);
        x.min(y) < thick || x + thick >= width || y + thick >= height
    };
    picture.values.iter().enumerate().filter(|(index, _)| is_border(*index)).map(|(_, value)| *value).collect()
}

fn quantile(values: &mut [f32], share: f64) -> f32 {
    let index = (share * (values.len() - 1) as f64).round() as usize;
    *values.select_nth_unstable_by(index, f32::total_cmp).1
}

/// Left, top, width and height of what has ink.
fn extent(ink: &Ink) -> (u32, u32, u32, u32) {
    let mut found: Option<(u32, u32, u32, u32)> = None;
    for (x, y, _) in ink.enumerate_pixels().filter(|(_, _, value)| value.0[0] > FAINT) {
        let (left, top, right, bottom) = found.unwrap_or((x, y, x, y));
        found = Some((left.min(x), top.min(y), right.max(x), bottom.max(y)));
    }
    let (left, top, right, bottom) = found.unwrap_or_default();
    (left, top, right - left + 1, bottom - top + 1)
}

/// The digit in the middle of the 28, its strongest ink 255.
fn centred(digit: &Ink) -> Vec<u8> {
    let (mut mass, mut moment) = (0.0, (0.0, 0.0));
    for (x, y, value) in digit.enumerate_pixels() {
        let ink = f64::from(value.0[0]);
        mass += ink;
        moment.0 += ink * (f64::from(x) + 0.5);
        moment.1 += ink * (f64::from(y) + 0.5);
    }
    let strongest = digit.pixels().map(|value| value.0[0]).fold(f32::MIN_POSITIVE, f32::max);
    let offset = |moment: f64, side: u32| {
        let wanted = (SIDE as f64 / 2.0 - moment / mass).round() as i64;
        wanted.clamp(0, SIDE as i64 - i64::from(side)) as usize
    };
    let (left, top) = (offset(moment.0, digit.width()), offset(moment.1, digit.height()));
    let mut pixels = vec![0; SIDE * SIDE];
    for (x, y, value) in digit.enumerate_pixels() {
        pixels[(top + y as usize) * SIDE + left + x as usize] = (255.0 * value.0[0] / strongest).round() as u8;
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bar, `x` and `y` its ranges, on a picture of `width` by `height`.
    fn bar(width: usize, height: usize, x: std::ops::Range<usize>, y: std::ops::Range<usize>) -> Brightness {
        let value = |index: usize| if x.contains(&(index % width)) && y.contains(&(index / width)) { 0.1 } else { 0.9 };
        Brightness { width, values: (0..width * height).map(value).collect() }
    }

    #[test]
    fn ink_fills_the_box_and_is_centred() {
        let digit = normalise(&bar(300, 200, 20..40, 50..150)).unwrap();
        assert_eq!((digit.dark_on_light, digit.ink, digit.scaled), (true, (20, 100), (4, 20)));
        for (index, &pixel) in digit.pixels.iter().enumerate() {
            let inside = (12..16).contains(&(index % 28)) && (4..24).contains(&(index / 28));
            assert_eq!(pixel, if inside { 255 } else { 0 }, "{index}");
        }
    }

    #[test]
    fn bright_ink_gives_the_same() {
        let dark = bar(40, 60, 10..15, 10..50);
        let values = dark.values.iter().map(|value| 1.0 - value).collect();
        let bright = normalise(&Brightness { values, ..dark }).unwrap();
        assert!(!bright.dark_on_light);
        assert_eq!(bright.pixels, normalise(&bar(40, 60, 10..15, 10..50)).unwrap().pixels);
    }

    #[test]
    fn a_noisy_paper_is_paper() {
        let mut picture = bar(100, 100, 40..50, 20..80);
        for (index, value) in picture.values.iter_mut().enumerate() {
            *value += [0.03, -0.02, 0.0, 0.01, -0.03][index * 7 % 5];
        }
        let digit = normalise(&picture).unwrap();
        assert_eq!(digit.ink, (10, 60));
        assert_eq!(digit.pixels.iter().filter(|&&pixel| pixel > 0).count(), 3 * 20);
    }

    #[test]
    fn a_heavy_foot_moves_the_digit_up() {
        // An L of 20 x 20, its leg 4 wide and its foot 4 high. Of 64 pixels the middle is (2, 8), of 80 it is (10, 18):
        // (6.4, 13.6) for both, which is 14 less 8 and 0, where the middle of the box would be 14 less 4.
        let mut picture = bar(28, 28, 4..8, 4..24);
        for y in 20..24 {
            picture.values[28 * y + 4..28 * y + 24].fill(0.1);
        }
        let digit = normalise(&picture).unwrap();
        let first = digit.pixels.iter().position(|&pixel| pixel > 0).unwrap();
        assert_eq!((digit.scaled, first / 28, first % 28), ((20, 20), 0, 8));
    }

    #[test]
    fn nothing_drawn_is_an_error() {
        let error = |width, values| normalise(&Brightness { width, values }).unwrap_err().to_string();
        assert!(error(5, vec![0.5; 25]).contains("of one brightness"));
        assert!(error(1, vec![1.0]).contains("of one brightness"));
        assert!(error(0, vec![]).contains("no pixels"));
    }
}
