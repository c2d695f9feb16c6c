//! Lesson 3: a GRU reads a digit row by row.

use anyhow::{Result, ensure};
use rnn_runtime::ndarray::Array2;
use rnn_runtime::{Gru, Linear, Options, StateDict};

use crate::data::{CLASSES, SIDE, softmax};

/// The network of mnist-gru: `nn.GRU`, then `nn.Linear`.
#[derive(Debug)]
pub struct MnistNn {
    gru: Gru,
    fc: Linear,
}

/// A digit in the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The probability of each digit after each row: (28, 10), row by row. The last row is the network's answer.
    pub probabilities: Vec<f64>,
    /// r, z, n, h of each layer: (28, units), row by row.
    pub gates: Vec<[Vec<f32>; 4]>,
}

impl MnistNn {
    /// Reads `model.pt`.
    ///
    /// # Errors
    /// If the file has another model.
    pub fn from_bytes(model: &[u8]) -> Result<MnistNn> {
        let weights = StateDict::from_bytes(model)?;
        let gru = Gru::from_state_dict(&weights.prefix("gru"), Options::default())?;
        let fc = Linear::from_state_dict(&weights.prefix("fc"))?;
        let (pixels, digits, hidden) = (gru.input_size(), fc.out_features(), gru.hidden_size());
        ensure!(pixels == SIDE && digits == CLASSES, "the model reads {pixels} pixels and knows {digits} digits");
        ensure!(fc.in_features() == hidden, "fc reads {} features, not {hidden}", fc.in_features());
        Ok(MnistNn { gru, fc })
    }

    /// The number of layers and of units.
    pub fn sizes(&self) -> [usize; 2] {
        [self.gru.num_layers(), self.gru.hidden_size()]
    }

    /// The probability of each digit after each row.
    ///
    /// `pixels` is (28, 28), row by row; 0 is paper and 255 is ink.
    ///
    /// # Errors
    /// If there are not 28 x 28 pixels.
    pub fn probabilities(&self, pixels: &[u8]) -> Result<Vec<f64>> {
        let (output, _) = self.gru.forward(input(pixels)?.view(), None)?;
        let scores = self.fc.forward(output.view())?;
        Ok(scores.rows().into_iter().flat_map(|row| softmax(row.iter().copied().map(f64::from))).collect())
    }

    /// Reads a digit, and keeps every gate.
    ///
    /// # Errors
    /// If there are not 28 x 28 pixels.
    pub fn read(&self, pixels: &[u8]) -> Result<Reading> {
        let trace = self.gru.trace(input(pixels)?.view(), None)?;
        let layer = |layer: usize| -> Result<[Vec<f32>; 4]> {
            let mut gates: [Vec<f32>; 4] = Default::default();
            for (to, name) in gates.iter_mut().zip(["r", "z", "n", "h"]) {
                to.extend(trace.gate(name, layer, 0)?);
            }
            Ok(gates)
        };
        let gates = (0..self.gru.num_layers()).map(layer).collect::<Result<_>>()?;
        Ok(Reading { probabilities: self.probabilities(pixels)?, gates })
    }
}

fn input(pixels: &[u8]) -> Result<Array2<f32>> {
    ensure!(pixels.len() == SIDE * SIDE, "{} pixels, not {SIDE} x {SIDE}", pixels.len());
    let scaled = pixels.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
    Ok(Array2::from_shape_vec((SIDE, SIDE), scaled)?)
}
