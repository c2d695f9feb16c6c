//! Conversion of pictures of digits to MNIST's format.

use std::ops::Range;

use image::Luma;
use mnist_gru::commands::normalise::{GreyImage, normalise};

/// A dark bar with the ranges `x` and `y` on a light picture.
fn bar(width: u32, height: u32, x: Range<u32>, y: Range<u32>) -> GreyImage {
    GreyImage::from_fn(width, height, |left, top| Luma([if x.contains(&left) && y.contains(&top) { 0.1 } else { 0.9 }]))
}

#[test]
fn the_ink_fills_the_box_and_is_centred() {
    let digit = normalise(bar(300, 200, 20..40, 50..150)).unwrap();
    assert_eq!((digit.dark_on_light, digit.ink_size, digit.scaled_size), (true, (20, 100), (4, 20)));
    for (index, &pixel) in digit.pixels.iter().enumerate() {
        let inside = (12..16).contains(&(index % 28)) && (4..24).contains(&(index / 28));
        assert_eq!(pixel, if inside { 255 } else { 0 }, "{index}");
    }
}

#[test]
fn light_ink_gives_the_same_digit_as_dark_ink() {
    let dark = bar(40, 60, 10..15, 10..50);
    let mut light = dark.clone();
    light.iter_mut().for_each(|value| *value = 1.0 - *value);
    let light = normalise(light).unwrap();
    assert!(!light.dark_on_light);
    assert_eq!(light.pixels, normalise(dark).unwrap().pixels);
}

#[test]
fn noise_on_the_paper_is_not_ink() {
    let mut picture = bar(100, 100, 40..50, 20..80);
    for (index, value) in picture.iter_mut().enumerate() {
        *value += [0.03, -0.02, 0.0, 0.01, -0.03][index * 7 % 5];
    }
    let digit = normalise(picture).unwrap();
    assert_eq!(digit.ink_size, (10, 60));
    assert_eq!(digit.pixels.iter().filter(|&&pixel| pixel > 0).count(), 3 * 20);
}

#[test]
fn a_digit_is_centred_by_its_mass_and_not_by_its_box() {
    // An L of 20 x 20. Its leg is 4 wide and its foot is 4 high.
    // Centre of the leg above the foot (64 pixels): (2, 8). Centre of the foot (80 pixels): (10, 18).
    // Centre of the L: (6.4, 13.6). So the L starts at (14 - 6, 14 - 14) = (8, 0).
    // Centred by its box, it would start at (4, 4).
    let mut picture = bar(28, 28, 4..8, 4..24);
    for (_, _, value) in picture.enumerate_pixels_mut().filter(|(x, y, _)| (4..24).contains(x) && (20..24).contains(y))
    {
        *value = Luma([0.1]);
    }
    let digit = normalise(picture).unwrap();
    let first = digit.pixels.iter().position(|&pixel| pixel > 0).unwrap();
    assert_eq!((digit.scaled_size, first / 28, first % 28), ((20, 20), 0, 8));
}

#[test]
fn a_blank_picture_is_an_error() {
    let error = |picture: GreyImage| normalise(picture).unwrap_err().to_string();
    assert!(error(GreyImage::from_pixel(5, 5, Luma([0.5]))).contains("the same brightness everywhere"));
    assert!(error(GreyImage::from_pixel(1, 1, Luma([1.0]))).contains("the same brightness everywhere"));
    assert!(error(GreyImage::new(0, 0)).contains("no pixels"));
}
