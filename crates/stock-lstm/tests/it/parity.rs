//! The lesson equals its notebook to the bit, from the scaled prices to the test scores.

use serde_json::Value;
use stock_lstm::data::{Order, Prices, ScaleOn};
use test_support::lesson::{assert_equal_bits, compare, compare_live};
use test_support::{run_python, workspace};

use crate::BINARY;

#[test]
fn the_results_equal_the_recorded_numbers() {
    let report = compare(&BINARY, &[]);
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["rows"].as_array().unwrap().len(), 16);
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn all_results_equal_pythons_to_the_bit() {
    for args in [["--seed=0", "--threads=1"], ["--seed=0", "--threads=2"], ["--seed=41", "--threads=2"]] {
        let report = compare_live(&BINARY, &args);
        assert_equal_bits(&report, 16);
    }
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn every_scaled_price_equals_pythons_to_the_bit() {
    let printed = run_python(NOTEBOOKS_SCALED_PRICES, &[]);
    let numpy: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    let prices = Prices::read(&workspace().join("data/goog.csv"), Order::OldestFirst).unwrap();
    let scaler = ScaleOn::All.fit(&prices).unwrap();
    let rows = numpy.as_array().unwrap();
    assert_eq!((rows.len(), prices.rows().len()), (732, 732));
    for (index, (numpy, row)) in rows.iter().zip(prices.rows()).enumerate() {
        let numpy: Vec<f64> = numpy.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        assert_eq!(scaler.transform(row).as_slice(), numpy, "row {index}");
    }
}

/// Runs the notebook for one epoch, as run.py does. Prints its scaled prices `x` on the last line.
const NOTEBOOKS_SCALED_PRICES: &str = r#"
import json, os
from pathlib import Path
os.chdir("notebooks-ref")  # python -c imports from the working directory
import run
namespace, _ = run.execute(run.code_cells(Path("stock_lstm.ipynb")), {"epochs": 1}, None)
print(json.dumps(namespace["x"].tolist()))
"#;
