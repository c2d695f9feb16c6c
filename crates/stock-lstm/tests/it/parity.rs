//! The lesson and the notebook: the same bits from the scaled prices to the test score.

use std::fs;

use python_torch::{assert_same_bits, notebook, run, train, workspace};
use serde_json::Value;
use stock_lstm::data::{Order, Prices};

use crate::BINARY;

#[test]
fn every_loss_and_every_weight_equals_pytorch_to_the_bit() {
    for args in
        [["--seed", "0", "--threads", "1"], ["--seed", "0", "--threads", "2"], ["--seed", "41", "--threads", "2"]]
    {
        let test = format!("stock-lstm {}", args.join(" "));
        let Some(python) = notebook(&test, "stock_lstm.ipynb", &args) else { return };
        let ours = train(BINARY, &args);
        assert_eq!(ours.losses.len(), 500);
        assert_same_bits(&test, &ours, &python.trained);
        for line in python.trained.stdout.lines().filter(|line| line.starts_with("Epoch") || line.starts_with("SHAPE"))
        {
            assert!(ours.stdout.contains(line), "{line:?} is not in:\n{}", ours.stdout);
        }
        let summary: Value =
            serde_json::from_slice(&fs::read(ours.folder.path().join("summary.json")).unwrap()).unwrap();
        for score in ["test_mse", "persistence_mse"] {
            // A float32, which the summary holds as the same float64 and the notebook's record with its own digits.
            let of_python = python.quantity("scores", score)[0] as f32;
            assert_eq!(summary[score].as_f64().unwrap(), f64::from(of_python), "{test}: {score}");
        }
    }
}

#[test]
fn every_scaled_price_equals_numpys_to_the_bit() {
    let Some(printed) = run("scaling", NOTEBOOKS_SCALED_PRICES, &[]) else { return };
    let numpy: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    let prices = Prices::read(&workspace().join("data/goog.csv"), Order::OldestFirst).unwrap();
    let rows = numpy.as_array().unwrap();
    assert_eq!((rows.len(), prices.rows().len()), (732, 732));
    for (index, (numpy, row)) in rows.iter().zip(prices.rows()).enumerate() {
        let numpy: Vec<f64> = numpy.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        assert_eq!(prices.scaler().transform(row).as_slice(), numpy, "row {index}");
    }
}

/// Runs the notebook as run.py does, trains for one epoch, and prints its `x` after its own output.
const NOTEBOOKS_SCALED_PRICES: &str = r#"
import json, os
from pathlib import Path
os.chdir("notebooks-ref")  # python -c imports from the working directory
import run
namespace, _ = run.execute(run.code_cells(Path("stock_lstm.ipynb")), {"epochs": 1}, None)
print(json.dumps(namespace["x"].tolist()))
"#;

// .venv/bin/python notebooks-ref/run.py notebooks-ref/stock_lstm.ipynb --seed 0, on a machine with AVX-512:
// 0.001147420727647841 at epoch 100 and 0.000792232807725668 at epoch 500. Another instruction set changes the last bits
// of each step.
#[test]
fn the_losses_of_seed_zero_are_the_recorded_ones() {
    let losses = train(BINARY, &["--seed", "0"]).losses;
    assert!((f64::from(losses[99]) - 0.001_147_420_7).abs() < 1e-5, "{}", losses[99]);
    assert!((f64::from(losses[499]) - 0.000_792_232_8).abs() < 1e-5, "{}", losses[499]);
}
