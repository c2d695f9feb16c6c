//! The equations of `torch.nn.RNN`, `LSTM` and `GRU` in float64, one sequence and one time step at a time.

use std::collections::BTreeMap;

use rnn_runtime::StateDict;

use crate::support::{Random, state_dict};

/// A network with random parameters.
#[derive(Debug, Clone)]
pub struct Network {
    /// One of python.py's.
    pub mode: &'static str,
    pub input: usize,
    pub hidden: usize,
    /// Features of h.
    pub h_size: usize,
    pub layers: usize,
    pub directions: usize,
    pub parameters: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

/// The values of one row of a state, or of one time step.
pub type Row = Vec<f64>;

impl Network {
    pub fn draw(mode: &'static str, sizes: [usize; 3], layers: usize, directions: usize, bias: bool) -> Network {
        let [input, hidden, proj] = sizes;
        let has_projection = mode == "lstm-proj";
        let h_size = if has_projection { proj } else { hidden };
        let gates = match mode {
            "gru" => 3,
            "lstm" | "lstm-proj" => 4,
            _ => 1,
        };
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (sizes.iter().sum::<usize>() + layers) as u64);
        let scale = 1.0 / (hidden as f32).sqrt();
        let mut parameters = BTreeMap::new();
        for layer in 0..layers {
            for direction in 0..directions {
                let columns = if layer == 0 { input } else { h_size * directions };
                let mut add = |kind: &str, shape: &[usize]| {
                    let numbers = random.numbers(shape.iter().product()).iter().map(|x| x * scale).collect();
                    parameters.insert(name(kind, layer, direction), (shape.to_vec(), numbers));
                };
                add("weight_ih", &[gates * hidden, columns]);
                add("weight_hh", &[gates * hidden, h_size]);
                if bias {
                    add("bias_ih", &[gates * hidden]);
                    add("bias_hh", &[gates * hidden]);
                }
                if has_projection {
                    add("weight_hr", &[h_size, hidden]);
                }
            }
        }
        Network { mode, input, hidden, h_size, layers, directions, parameters }
    }

    pub fn state_dict(&self) -> StateDict {
        state_dict(self.parameters.iter().map(|(name, (shape, numbers))| (name, shape.clone(), numbers.clone())))
    }

    /// Runs one sequence: `state` is h and c with a row for each layer and direction. Returns the output and the state.
    pub fn run(&self, x: &[Row], state: &[Vec<Row>; 2]) -> (Vec<Row>, [Vec<Row>; 2]) {
        let (mut steps, mut last) = (x.to_vec(), state.clone());
        for layer in 0..self.layers {
            let mut outputs = vec![Vec::new(); steps.len()];
            for direction in 0..self.directions {
                let row = layer * self.directions + direction;
                let (mut h, mut c) = (state[0][row].clone(), state[1][row].clone());
                for i in 0..steps.len() {
                    let t = if direction == 1 { steps.len() - 1 - i } else { i };
                    (h, c) = self.step(layer, direction, &steps[t], &h, &c);
                    outputs[t].extend_from_slice(&h);
                }
                (last[0][row], last[1][row]) = (h, c);
            }
            steps = outputs;
        }
        (steps, last)
    }

    fn step(&self, layer: usize, direction: usize, x: &Row, h: &Row, c: &Row) -> (Row, Row) {
        let parameter = |kind| self.parameters.get(&name(kind, layer, direction)).map(|(_, numbers)| numbers);
        let affine = |weight, bias, x: &Row, row: usize| {
            let weight = &parameter(weight).unwrap()[row * x.len()..][..x.len()];
            let sum: f64 = x.iter().zip(weight).map(|(x, w)| x * f64::from(*w)).sum();
            sum + parameter(bias).map_or(0.0, |bias| f64::from(bias[row]))
        };
        let from_x = |gate: usize, j: usize| affine("weight_ih", "bias_ih", x, gate * self.hidden + j);
        let from_h = |gate: usize, j: usize| affine("weight_hh", "bias_hh", h, gate * self.hidden + j);
        let sum = |gate, j| from_x(gate, j) + from_h(gate, j);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let mut new_c = c.clone();
        let mut new_h: Row = (0..self.hidden)
            .map(|j| match self.mode {
                "rnn-tanh" => sum(0, j).tanh(),
                "rnn-relu" => sum(0, j).max(0.0),
                "gru" => {
                    let (r, z) = (sigmoid(sum(0, j)), sigmoid(sum(1, j)));
                    let n = (from_x(2, j) + r * from_h(2, j)).tanh();
                    (1.0 - z) * n + z * h[j]
                }
                _ => {
                    new_c[j] = sigmoid(sum(1, j)) * c[j] + sigmoid(sum(0, j)) * sum(2, j).tanh();
                    sigmoid(sum(3, j)) * new_c[j].tanh()
                }
            })
            .collect();
        if let Some(w_hr) = parameter("weight_hr") {
            let row = |weights: &[f32]| weights.iter().zip(&new_h).map(|(w, h)| f64::from(*w) * h).sum();
            new_h = w_hr.chunks(self.hidden).map(row).collect();
        }
        (new_h, new_c)
    }
}

fn name(kind: &str, layer: usize, direction: usize) -> String {
    format!("{kind}_l{layer}{}", if direction == 1 { "_reverse" } else { "" })
}
