//! A task that needs a memory: which RNN, LSTM and GRU learn it?
//!
//! The first input of a sequence is +1 or -1, and noise follows. After the last step the network must answer which one it
//! was. A network that is trained on it needs the gradient of the last step's loss with respect to the first input.

use anyhow::Result;
use fastrand::Rng;
use rnn_kernels::{Batch, CellKind, Input, InputGradients, Network, Output, OutputGradients, Sequence, Serial};
use serde::Serialize;

use super::gradients::{CELLS, KEEP_BIASES, config, normal, parameters};

/// Steps of a sequence.
const STEPS: usize = 40;
/// The signal and the noise.
const INPUT: usize = 2;
const HIDDEN: usize = 32;
/// Sequences of a batch.
const SEQUENCES: usize = 32;
const BATCHES: usize = 600;
/// Batches of which the mean loss is stored.
const MEAN_OF: usize = 20;
const LEARNING_RATE: f32 = 0.003;
/// The largest norm of the gradient.
const CLIP: f32 = 1.0;

/// How a kind of layer learned the task.
#[derive(Debug, Clone, Serialize)]
pub struct Learning {
    /// `rnn`, `lstm` or `gru`.
    pub cell: &'static str,
    /// The number that was added to the bias of the gate that keeps the state.
    pub keep_bias: f32,
    /// The mean loss of each 20 batches. ln 2 is the loss of a guess.
    pub losses: Vec<f32>,
    /// The share of right answers in the last 20 batches.
    pub accuracy: f64,
}

/// All layers, and what was computed.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryTask {
    steps: usize,
    hidden: usize,
    sequences: usize,
    batches: usize,
    mean_of: usize,
    learning: Vec<Learning>,
}

/// Trains an RNN, an LSTM and a GRU on the task.
///
/// # Errors
/// If the kernels fail.
pub fn all() -> Result<MemoryTask> {
    let mut learning = Vec::new();
    for (cell, kind) in CELLS {
        for keep_bias in KEEP_BIASES {
            if kind != CellKind::RnnTanh || keep_bias == 0.0 {
                learning.push(learn(cell, kind, keep_bias)?);
            }
        }
    }
    Ok(MemoryTask { steps: STEPS, hidden: HIDDEN, sequences: SEQUENCES, batches: BATCHES, mean_of: MEAN_OF, learning })
}

fn learn(cell: &'static str, kind: CellKind, keep_bias: f32) -> Result<Learning> {
    let config = config(kind, INPUT, HIDDEN, 1);
    let network = Network::new(config)?;
    let mut random = Rng::with_seed(0);
    let mut parameters = parameters(&config, 1.0, keep_bias, &mut random);
    // The answer: a linear layer with one output, and its bias.
    let bound = 1.0 / (HIDDEN as f32).sqrt();
    parameters.push((0..=HIDDEN).map(|_| bound * (2.0 * random.f32() - 1.0)).collect());
    let mut adam = Adam::new(&parameters);
    let (mut losses, mut right) = (Vec::new(), Vec::new());
    for _ in 0..BATCHES {
        let (x, first_is_positive) = batch(&mut random);
        let step = backward(&network, &parameters, &x, &first_is_positive)?;
        adam.step(&mut parameters, step.gradients);
        losses.push(step.loss);
        right.push(step.right);
    }
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let last: usize = right.iter().rev().take(MEAN_OF).sum();
    Ok(Learning {
        cell,
        keep_bias,
        losses: losses.chunks(MEAN_OF).map(mean).collect(),
        accuracy: last as f64 / (MEAN_OF * SEQUENCES) as f64,
    })
}

/// Sequences, (steps, sequences, input), and their answers.
fn batch(random: &mut Rng) -> (Vec<f32>, Vec<bool>) {
    let answers: Vec<bool> = (0..SEQUENCES).map(|_| random.bool()).collect();
    let mut x = Vec::with_capacity(STEPS * SEQUENCES * INPUT);
    for step in 0..STEPS {
        for &positive in &answers {
            let signal = if step > 0 {
                0.0
            } else if positive {
                1.0
            } else {
                -1.0
            };
            x.extend([signal, normal(random)]);
        }
    }
    (x, answers)
}

struct Step {
    loss: f32,
    right: usize,
    /// Of all parameters, the linear layer's last.
    gradients: Vec<Vec<f32>>,
}

/// The mean binary cross-entropy of a batch, and its gradients.
fn backward(network: &Network, parameters: &[Vec<f32>], x: &[f32], answers: &[bool]) -> Result<Step> {
    let (layer, linear) = (&parameters[..parameters.len() - 1], &parameters[parameters.len() - 1]);
    let slices: Vec<&[f32]> = layer.iter().map(Vec::as_slice).collect();
    let batch = Batch::Padded { steps: STEPS, sequences: SEQUENCES };
    let input = Input { batch, x: Sequence::contiguous(x, SEQUENCES, INPUT), h_0: None, c_0: None, dropout: &[] };
    let mut output = vec![0.0; STEPS * SEQUENCES * HIDDEN];
    let (mut h_n, mut c_n) = (vec![0.0; SEQUENCES * HIDDEN], vec![0.0; SEQUENCES * HIDDEN]);
    let results = Output { output: &mut output, h_n: &mut h_n, c_n: Some(&mut c_n) };
    let weights = network.pack(&slices, batch, &Serial)?;
    let tape = network.forward_with_tape(&weights, &input, results, &Serial)?;

    let mut gradients: Vec<Vec<f32>> = parameters.iter().map(|parameter| vec![0.0; parameter.len()]).collect();
    let (mut loss, mut right) = (0.0, 0);
    let mut d_h_n = vec![0.0; h_n.len()];
    let (d_layer, d_linear) = gradients.split_at_mut(layer.len());
    for ((h, d_h), &positive) in h_n.chunks(HIDDEN).zip(d_h_n.chunks_mut(HIDDEN)).zip(answers) {
        let score = linear[HIDDEN] + h.iter().zip(linear).map(|(h, w)| h * w).sum::<f32>();
        let target = f32::from(u8::from(positive));
        loss += score.max(0.0) - score * target + (-score.abs()).exp().ln_1p();
        right += usize::from((score > 0.0) == positive);
        let d_score = (1.0 / (1.0 + (-score).exp()) - target) / SEQUENCES as f32;
        for ((d_h, d_w), (h, w)) in d_h.iter_mut().zip(&mut d_linear[0]).zip(h.iter().zip(linear)) {
            *d_h = d_score * w;
            *d_w += d_score * h;
        }
        d_linear[0][HIDDEN] += d_score;
    }
    let given = OutputGradients { h_n: Some(&d_h_n), ..OutputGradients::default() };
    let wanted = d_layer.iter_mut().map(|gradient| Some(gradient.as_mut_slice())).collect();
    let wanted = InputGradients { parameters: wanted, ..InputGradients::default() };
    network.backward(&tape, &slices, &given, wanted, &Serial)?;
    Ok(Step { loss: loss / SEQUENCES as f32, right, gradients })
}

/// `torch.optim.Adam` with its default betas, after `clip_grad_norm_`.
struct Adam {
    moments: Vec<[Vec<f32>; 2]>,
    steps: i32,
}

impl Adam {
    fn new(parameters: &[Vec<f32>]) -> Adam {
        let zeros = |parameter: &Vec<f32>| [vec![0.0; parameter.len()], vec![0.0; parameter.len()]];
        Adam { moments: parameters.iter().map(zeros).collect(), steps: 0 }
    }

    fn step(&mut self, parameters: &mut [Vec<f32>], gradients: Vec<Vec<f32>>) {
        const BETAS: [f32; 2] = [0.9, 0.999];
        self.steps += 1;
        let norm = gradients.iter().flatten().map(|gradient| gradient * gradient).sum::<f32>().sqrt();
        let clip = (CLIP / (norm + 1e-6)).min(1.0);
        let [correction_1, correction_2] = BETAS.map(|beta| 1.0 - beta.powi(self.steps));
        for ((parameter, gradient), [first, second]) in parameters.iter_mut().zip(gradients).zip(&mut self.moments) {
            for (((p, g), m), v) in parameter.iter_mut().zip(gradient).zip(first).zip(second) {
                let g = g * clip;
                *m = BETAS[0] * *m + (1.0 - BETAS[0]) * g;
                *v = BETAS[1] * *v + (1.0 - BETAS[1]) * g * g;
                *p -= LEARNING_RATE * (*m / correction_1) / ((*v / correction_2).sqrt() + 1e-8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_with_open_gates_learn_the_task_and_the_rnn_does_not() {
        for Learning { cell, keep_bias, accuracy, .. } in all().unwrap().learning {
            match (cell, keep_bias) {
                ("rnn", _) => assert!(accuracy < 0.6, "{cell}: {accuracy}"),
                (_, 3.0) => assert!(accuracy > 0.99, "{cell}: {accuracy}"),
                _ => {}
            }
        }
    }
}
