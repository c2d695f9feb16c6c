//! How much the loss at the last step depends on the input of each step: RNN beside LSTM beside GRU.
//!
//! The networks are not trained. Their weights are drawn as torch draws them, from U(-1/sqrt(hidden), 1/sqrt(hidden)), with
//! a fixed seed. rnn-kernels computes the gradients, with the same backpropagation through time that trains the lessons
//! with `--backend fused`.

use anyhow::Result;
use fastrand::Rng;
use rnn_kernels::{Batch, CellKind, Config, Input, InputGradients, Network, Output, OutputGradients, Sequence, Serial};
use serde::Serialize;

/// Steps of a sequence.
pub const STEPS: usize = 50;
/// Features of the input and units: those of the first layer of mnist-gru.
pub const INPUT: usize = 28;
/// See [`INPUT`].
pub const HIDDEN: usize = 128;
/// Random sequences of each network.
pub const SEQUENCES: usize = 16;
/// Networks of each kind, with other weights.
pub const NETWORKS: usize = 4;
/// The factors of torch's first weights.
pub const SCALES: [f32; 4] = [0.5, 1.0, 2.0, 5.0];
/// The biases that are added to the gate that keeps the state: f of the LSTM, z of the GRU.
pub const KEEP_BIASES: [f32; 3] = [0.0, 1.0, 3.0];

/// The kinds of layers, by the names of torch.
pub(crate) const CELLS: [(&str, CellKind); 3] =
    [("rnn", CellKind::RnnTanh), ("lstm", CellKind::Lstm), ("gru", CellKind::Gru)];

/// The gradients of one kind of layer in one setting.
#[derive(Debug, Clone, Serialize)]
pub struct Curve {
    /// `rnn`, `lstm` or `gru`.
    pub cell: &'static str,
    /// The factor of the weights.
    pub scale: f32,
    /// The bias of the gate that keeps the state.
    pub keep_bias: f32,
    /// The mean of |d loss / d x_t| over sequences and networks, for each step.
    pub norms: Vec<f32>,
}

/// All curves, and what was computed.
#[derive(Debug, Clone, Serialize)]
pub struct Gradients {
    steps: usize,
    input: usize,
    hidden: usize,
    sequences: usize,
    networks: usize,
    scales: [f32; 4],
    keep_biases: [f32; 3],
    curves: Vec<Curve>,
}

/// The curves of every kind and setting.
///
/// # Errors
/// If the kernels fail.
pub fn all() -> Result<Gradients> {
    let mut curves = Vec::new();
    for scale in SCALES {
        for keep_bias in KEEP_BIASES {
            for (cell, kind) in CELLS {
                if kind == CellKind::RnnTanh && keep_bias != 0.0 {
                    continue; // it has no gate
                }
                curves.push(Curve { cell, scale, keep_bias, norms: norms(kind, scale, keep_bias)? });
            }
        }
    }
    Ok(Gradients {
        steps: STEPS,
        input: INPUT,
        hidden: HIDDEN,
        sequences: SEQUENCES,
        networks: NETWORKS,
        scales: SCALES,
        keep_biases: KEEP_BIASES,
        curves,
    })
}

/// The mean of |d loss / d x_t| for each step, where loss = w . h_T with a random unit vector w, and x is drawn from the
/// standard normal distribution.
fn norms(cell: CellKind, scale: f32, keep_bias: f32) -> Result<Vec<f32>> {
    let config = config(cell, INPUT, HIDDEN, 1);
    let network = Network::new(config)?;
    let mut random = Rng::with_seed(0);
    let mut sums = vec![0.0; STEPS];
    for _ in 0..NETWORKS {
        let parameters = parameters(&config, scale, keep_bias, &mut random);
        let parameters: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
        let x: Vec<f32> = (0..STEPS * SEQUENCES * INPUT).map(|_| normal(&mut random)).collect();
        let d_x = gradient(&network, &parameters, &x, &direction(&mut random))?;
        for (sum, step) in sums.iter_mut().zip(d_x.chunks(SEQUENCES * INPUT)) {
            *sum += step.chunks(INPUT).map(norm).sum::<f64>() / (SEQUENCES * NETWORKS) as f64;
        }
    }
    Ok(sums.into_iter().map(|sum| sum as f32).collect())
}

/// d loss / d x, (steps, sequences, input).
fn gradient(network: &Network, parameters: &[&[f32]], x: &[f32], w: &[f32]) -> Result<Vec<f32>> {
    let batch = Batch::Padded { steps: STEPS, sequences: SEQUENCES };
    let input = Input { batch, x: Sequence::contiguous(x, SEQUENCES, INPUT), h_0: None, c_0: None, dropout: &[] };
    let mut output = vec![0.0; STEPS * SEQUENCES * HIDDEN];
    let (mut h_n, mut c_n) = (vec![0.0; SEQUENCES * HIDDEN], vec![0.0; SEQUENCES * HIDDEN]);
    let results = Output { output: &mut output, h_n: &mut h_n, c_n: Some(&mut c_n) };
    let weights = network.pack(parameters, batch, &Serial)?;
    let tape = network.forward_with_tape(&weights, &input, results, &Serial)?;
    let d_h_n = w.repeat(SEQUENCES);
    let gradients = OutputGradients { h_n: Some(&d_h_n), ..OutputGradients::default() };
    let mut d_x = vec![0.0; x.len()];
    let wanted = InputGradients { x: Some(&mut d_x), ..InputGradients::default() };
    network.backward(&tape, parameters, &gradients, wanted, &Serial)?;
    Ok(d_x)
}

/// A network with one direction.
pub(super) fn config(cell: CellKind, input_size: usize, hidden_size: usize, num_layers: usize) -> Config {
    Config { cell, input_size, hidden_size, num_layers, bias: true, bidirectional: false, proj_size: 0 }
}

/// torch's first weights times `scale`, in torch's order. `keep_bias` is added to the bias of the gate that keeps the state.
pub(super) fn parameters(config: &Config, scale: f32, keep_bias: f32, random: &mut Rng) -> Vec<Vec<f32>> {
    let hidden = config.hidden_size;
    let bound = 1.0 / (hidden as f32).sqrt();
    let draw = |(rows, columns): (usize, usize)| -> Vec<f32> {
        (0..rows * columns).map(|_| scale * bound * (2.0 * random.f32() - 1.0)).collect()
    };
    let mut parameters: Vec<Vec<f32>> = config.parameter_shapes().into_iter().map(draw).collect();
    if config.cell.gates() > 1 {
        let keep = &mut parameters[2][hidden..2 * hidden]; // bias_ih: the second gate is f, or z
        keep.iter_mut().for_each(|bias| *bias += keep_bias);
    }
    parameters
}

fn direction(random: &mut Rng) -> Vec<f32> {
    let mut w: Vec<f32> = (0..HIDDEN).map(|_| normal(random)).collect();
    let length = norm(&w) as f32;
    w.iter_mut().for_each(|number| *number /= length);
    w
}

/// A number from the standard normal distribution (Box and Muller).
pub(crate) fn normal(random: &mut Rng) -> f32 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * random.f64()).cos()) as f32
}

fn norm(numbers: &[f32]) -> f64 {
    numbers.iter().map(|&number| f64::from(number).powi(2)).sum::<f64>().sqrt()
}

/// The number of weights of the three layers, with the sizes of a lesson.
#[derive(Debug, Clone, Serialize)]
pub struct WeightCounts {
    lesson: &'static str,
    input: usize,
    hidden: usize,
    layers: usize,
    rnn: usize,
    lstm: usize,
    gru: usize,
}

/// The number of weights of the recurrent layers of the slides' networks, if they were an RNN, an LSTM, or a GRU.
pub fn weight_counts() -> Vec<WeightCounts> {
    let lessons = [("TextRNN", 9, 5, 1), ("StockRNN", 5, 10, 1), ("MNISTNN", 28, 128, 2)];
    let counts = |(lesson, input, hidden, layers)| {
        let [rnn, lstm, gru] = CELLS.map(|(_, cell)| {
            config(cell, input, hidden, layers).parameter_shapes().iter().map(|(rows, columns)| rows * columns).sum()
        });
        WeightCounts { lesson, input, hidden, layers, rnn, lstm, gru }
    };
    lessons.into_iter().map(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let config = Config {
            cell: CellKind::Lstm,
            input_size: INPUT,
            hidden_size: HIDDEN,
            num_layers: 1,
            bias: true,
            bidirectional: false,
            proj_size: 0,
        };
        let network = Network::new(config).unwrap();
        let mut random = Rng::with_seed(1);
        let parameters = parameters(&config, 1.0, 1.0, &mut random);
        let parameters: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
        let x: Vec<f32> = (0..STEPS * SEQUENCES * INPUT).map(|_| normal(&mut random)).collect();
        let w = direction(&mut random);
        let d_x = gradient(&network, &parameters, &x, &w).unwrap();
        let loss = |x: &[f32]| -> f64 {
            let batch = Batch::Padded { steps: STEPS, sequences: SEQUENCES };
            let input =
                Input { batch, x: Sequence::contiguous(x, SEQUENCES, INPUT), h_0: None, c_0: None, dropout: &[] };
            let mut output = vec![0.0; STEPS * SEQUENCES * HIDDEN];
            let (mut h_n, mut c_n) = (vec![0.0; SEQUENCES * HIDDEN], vec![0.0; SEQUENCES * HIDDEN]);
            let weights = network.pack(&parameters, batch, &Serial).unwrap();
            let results = Output { output: &mut output, h_n: &mut h_n, c_n: Some(&mut c_n) };
            network.forward(&weights, &input, results, &Serial).unwrap();
            h_n[..HIDDEN].iter().zip(&w).map(|(h, w)| f64::from(*h) * f64::from(*w)).sum()
        };
        let at = (STEPS - 3) * SEQUENCES * INPUT + 5; // step T - 3 of the first sequence
        let moved = |by: f32| {
            let mut x = x.clone();
            x[at] += by;
            loss(&x)
        };
        let slope = (moved(0.05) - moved(-0.05)) / 0.1;
        assert!((slope - f64::from(d_x[at])).abs() < 2e-3 * f64::from(d_x[at]).abs().max(0.01), "{slope} {}", d_x[at]);
    }

    #[test]
    fn the_counts_are_those_of_torch() {
        // sum(p.numel() for p in torch.nn.GRU(28, 128, 2).parameters()) and so on
        let mnist = &weight_counts()[2];
        assert_eq!([mnist.rnn, mnist.lstm, mnist.gru], [53_248, 212_992, 159_744]);
    }
}
