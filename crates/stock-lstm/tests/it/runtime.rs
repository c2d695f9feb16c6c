//! The example `forecast` of rnn-runtime, which needs no libtorch, has the closes of `predict`.

use rnn_runtime::StateDict;
use serde_json::Value;
use stock_lstm::data::{CLOSE, Order, Prices};
use test_support::workspace;

use crate::support::{stock_lstm, trained};

#[allow(dead_code)] // `main`
#[path = "../../../rnn-runtime/examples/forecast.rs"]
mod example;

#[test]
fn the_forecast_without_libtorch_is_that_of_predict() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    let output = stock_lstm(&["predict", "--days", "6", "--json", "--model", &model]);
    let expected: Value = serde_json::from_slice(&output.stdout).unwrap();
    let config = std::fs::read_to_string(folder.path().join("config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    let [min, max]: [example::Row; 2] =
        ["min", "max"].map(|name| serde_json::from_value(config["scaler"][name].clone()).unwrap());
    let prices = Prices::read(&workspace().join("data/goog.csv"), Order::NewestFirst).unwrap();
    let closes = example::forecast(&StateDict::open(model).unwrap(), [min, max], prices.rows(), 6).unwrap();
    assert_eq!(closes.len(), expected["predicted"].as_array().unwrap().len());
    for (ours, day) in closes.iter().zip(expected["predicted"].as_array().unwrap()) {
        let difference = (ours - day["close"].as_f64().unwrap()).abs() / (max[CLOSE] - min[CLOSE]);
        assert!(difference < 1e-6, "{ours} and {day}: {difference:e} of the range of the prices");
    }
}
