//! Lesson 3 without libtorch: the digit in a picture, by the model that `cargo run -p mnist-gru` trains.
//!
//! `cargo run --release -p rnn-runtime --example predict_digit -- models/mnist-gru/model.pt data/mnist/t10k-images-idx3-ubyte 3`
//!
//! The picture is one of an MNIST file, by its number, or a binary PGM file of 28 x 28 pixels.

use std::error::Error;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rnn_runtime::ndarray::{ArrayView3, Axis};
use rnn_runtime::{Gru, Linear, Options, StateDict, softmax};

const SIDE: usize = 28;

/// The probabilities of the digits 0 to 9. In `pixels` 0 is paper and 255 is ink.
pub fn probabilities(weights: &StateDict, pixels: &[u8]) -> Result<Vec<f32>, Box<dyn Error>> {
    let gru = Gru::from_state_dict(&weights.prefix("gru"), Options::default().batch_first(true))?;
    let fc = Linear::from_state_dict(&weights.prefix("fc"))?;
    let pixels: Vec<f32> = pixels.iter().map(|pixel| f32::from(*pixel) / 255.0).collect();
    let x = ArrayView3::from_shape((1, SIDE, SIDE), &pixels)?; // one picture, row by row
    let (output, _h) = gru.forward(x, None)?;
    let last = output.index_axis(Axis(1), SIDE - 1); // the output after the last row
    Ok(softmax(fc.forward(last)?.view(), Axis(1))?.into_raw_vec_and_offset().0)
}

/// The pixels of picture `number` of an MNIST file, or of a PGM file with dark ink on light paper.
pub fn read(path: impl AsRef<Path>, number: u64) -> Result<Vec<u8>, Box<dyn Error>> {
    let (mut file, mut header, mut pixels) = (File::open(path)?, [0; 16], vec![0; SIDE * SIDE]);
    file.read_exact(&mut header)?;
    if header.starts_with(&[0, 0, 8, 3]) {
        let start = number.checked_mul(pixels.len() as u64).and_then(|start| start.checked_add(header.len() as u64));
        file.seek(SeekFrom::Start(start.ok_or("the number is too large")?))?;
        file.read_exact(&mut pixels).map_err(|_| format!("the file has no picture {number}"))?;
        return Ok(pixels);
    }
    let expected = b"P5\n28 28\n255\n";
    if !header.starts_with(expected) {
        return Err("expected an MNIST file of pictures, or a PGM file (P5) of 28 x 28 pixels".into());
    }
    file.seek(SeekFrom::Start(expected.len() as u64))?;
    file.read_exact(&mut pixels)?;
    Ok(pixels.into_iter().map(|pixel| 255 - pixel).collect())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (model, picture, number) = match &arguments[..] {
        [model, picture] => (model, picture, 0),
        [model, picture, number] => (model, picture, number.parse()?),
        _ => return Err("usage: predict_digit MODEL.pt PICTURES [NUMBER]".into()),
    };
    let probabilities = probabilities(&StateDict::open(model)?, &read(picture, number)?)?;
    let best = probabilities.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
    println!("{}", best.map_or(0, |(digit, _)| digit));
    probabilities.iter().enumerate().for_each(|(digit, share)| println!("{digit} {:8.4} %", 100.0 * share));
    Ok(())
}
