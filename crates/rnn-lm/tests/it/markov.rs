//! A Markov chain of words: texts with a known entropy rate.

/// Words `w0`, `w1`, ..: the probability of the next word depends only on the last word.
pub struct Markov {
    /// `transitions[i][j]`: the probability that word j follows word i.
    transitions: Vec<Vec<f64>>,
}

impl Markov {
    /// A chain of `words` words with random transitions. Each word has a few likely successors.
    pub fn new(words: usize, seed: u64) -> Markov {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut row = || {
            let weights: Vec<f64> = (0..words).map(|_| random.f64().powi(6)).collect();
            let sum: f64 = weights.iter().sum();
            weights.into_iter().map(|weight| weight / sum).collect()
        };
        Markov { transitions: (0..words).map(|_| row()).collect() }
    }

    /// Draws a text of `length` words.
    pub fn text(&self, length: usize, seed: u64) -> String {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut word = 0;
        let mut text = String::new();
        for _ in 0..length {
            let mut rest = random.f64();
            let reached = |probability: &f64| {
                rest -= probability;
                rest < 0.0
            };
            word = self.transitions[word].iter().position(reached).unwrap_or(self.transitions.len() - 1);
            text += &format!("w{word} ");
        }
        text
    }

    /// The entropy rate in nats: `H = -Σ_i π_i Σ_j p_ij log p_ij`, with the stationary distribution `π = π P`.
    ///
    /// Source: Cover and Thomas, Elements of Information Theory, theorem 4.2.4.
    pub fn entropy_rate(&self) -> f64 {
        let entropy = |row: &Vec<f64>| -row.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>();
        self.stationary().iter().zip(&self.transitions).map(|(share, row)| share * entropy(row)).sum()
    }

    /// The share of each word in a long text, by iteration from the uniform distribution.
    fn stationary(&self) -> Vec<f64> {
        let words = self.transitions.len();
        let mut shares = vec![1.0 / words as f64; words];
        for _ in 0..1000 {
            shares = (0..words).map(|j| (0..words).map(|i| shares[i] * self.transitions[i][j]).sum()).collect();
        }
        shares
    }
}

#[test]
fn the_entropy_rate_equals_the_textbooks() {
    // Cover and Thomas, example 4.2.1: two states with p_01 = a and p_10 = b have H = b/(a+b) H(a) + a/(a+b) H(b).
    let (a, b) = (0.1, 0.4);
    let chain = Markov { transitions: vec![vec![1.0 - a, a], vec![b, 1.0 - b]] };
    let binary = |p: f64| -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
    let expected = b / (a + b) * binary(a) + a / (a + b) * binary(b);
    assert!((chain.entropy_rate() - expected).abs() < 1e-12);
}
