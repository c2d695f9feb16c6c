//! Training on a language with a known entropy rate H. No model has an expected perplexity below e^H, and a good one is
//! close to it.

use serde_json::Value;
use test_support::lesson::text;

use crate::markov::Markov;
use crate::support::{home, rnn_lm};

#[test]
fn the_test_perplexity_is_within_three_percent_of_the_entropy_bound() {
    let chain = Markov::new(12, 1);
    let bound = chain.entropy_rate().exp();
    let home = home(chain.text(60_000, 2));
    for cell in ["rnn", "lstm", "gru"] {
        let options = "--device|cpu|--threads|1|--corpus|corpus.txt|--json|--quiet|--hidden-size|24|--epochs|5|--lr|0.02|--lr-decay|0.5|\
                       --bptt|20|--overwrite";
        let output = rnn_lm(home.path(), &format!("{options}|--dropout|0|--cell|{cell}|--out|{cell}"));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let perplexity = summary["test_perplexity"].as_f64().unwrap();
        // It can be below the bound by chance, because the test part is a sample of 6000 words.
        assert!((0.97 * bound..1.03 * bound).contains(&perplexity), "{cell}: {perplexity}, and e^H = {bound}");
        assert_eq!(summary["vocab"], 13);
    }
}
