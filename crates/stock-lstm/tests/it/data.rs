//! Scaling, windows and the split, compared with NumPy.

use stock_lstm::data::{CLOSE, Dataset, MinMaxScaler, Order, Prices, SEQ_LENGTH, ScaleOn, training_days};
use tch::{Device, Tensor};
use test_support::workspace;

fn goog() -> Prices {
    Prices::read(&workspace().join("data/goog.csv"), Order::OldestFirst).unwrap()
}

/// A series of `count` days. Day `n` has the values n, 2n, 3n, 4n and n^2.
fn days(count: usize) -> Prices {
    let line = |n: usize| format!("{n},{},{},{},{}\n", 2 * n, 3 * n, 4 * n, n * n);
    Prices::parse(&(1..=count).map(line).collect::<String>(), Order::OldestFirst).unwrap()
}

fn dataset(days: &Prices) -> Dataset {
    Dataset::new(days, &MinMaxScaler::fit(days.rows()).unwrap(), Device::Cpu).unwrap()
}

fn f32s(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.reshape([-1])).unwrap()
}

// cd notebooks-ref && ../.venv/bin/python -c "from stock_lstm import *; prices = load_prices();
//   print(min_max_scaler(prices)[[0, 365, 731]].tolist(), np.ptp(prices[:, 4]) + 1e-7)"
#[test]
fn the_scaled_prices_equal_those_of_numpy() {
    let prices = goog();
    let scaler = ScaleOn::All.fit(&prices).unwrap();
    let numpy = [
        [0.3573666856433782, 0.35072478935624857, 0.35865541634222764, 0.08718387390031393, 0.3564108095484086],
        [0.2569007329199977, 0.2581659829046651, 0.25092542181520827, 0.13254568751386864, 0.2589136414426578],
        [0.9795634755771101, 0.9950093510588602, 0.9867174738740562, 0.09543017487598301, 0.9982199684453801],
    ];
    for (row, numpy) in [0, 365, 731].into_iter().zip(numpy) {
        assert_eq!(scaler.transform(&prices.rows()[row]), numpy, "row {row}");
    }
    assert_eq!(scaler.span(CLOSE), 370.78000010000005);
    assert!((scaler.inverse(CLOSE, numpy[2][CLOSE]) - 806.19).abs() < 1e-9);
}

// cd notebooks-ref && ../.venv/bin/python -c "from stock_lstm import *; prices = load_prices()[:514]
//   print(prices[:, 4].min(), prices[:, 4].max(), len(dataX[:507]) + 7)"
#[test]
fn scale_on_train_uses_the_training_days_only() {
    let prices = goog();
    assert_eq!(training_days(prices.rows().len()).unwrap(), 514);
    assert_eq!(ScaleOn::Train.fit(&prices).unwrap().range(CLOSE), (436.07, 668.28));
    assert_eq!(ScaleOn::All.fit(&prices).unwrap().range(CLOSE), (436.07, 806.85));
}

#[test]
fn a_constant_column_is_an_error() {
    let rows = [[1.0, 2.0, 3.0, 0.0, 5.0], [2.0, 3.0, 4.0, 0.0, 6.0]];
    let message = MinMaxScaler::fit(&rows).unwrap_err().to_string();
    assert_eq!(message, "column Volume: every row has 0, and a constant column cannot be scaled");
}

#[test]
fn a_range_beyond_f64_is_an_error() {
    let rows = [[1.0, 2.0, -1e308, 0.0, 5.0], [2.0, 3.0, 1e308, 1.0, 6.0]];
    let message = MinMaxScaler::fit(&rows).unwrap_err().to_string();
    assert!(message.starts_with("column Low: its values, from -1"), "{message}");
}

// .venv/bin/python -c "import numpy as np; n = np.arange(1, 13.); x = np.stack([n, 2*n, 3*n, 4*n, n*n], 1)
//   x = (x - x.min(0)) / (x.max(0) - x.min(0) + 1e-7); w = np.array([x[i:i+7] for i in range(5)], 'float32')
//   size = int(5 * 0.7); print(size, w[size, 0].tolist(), w[size, 6].tolist(), x[7:, 4].astype('float32').tolist())"
#[test]
fn the_windows_equal_those_of_numpy() {
    let Dataset { train, test } = dataset(&days(12));
    assert_eq!((train.x.size(), train.y.size()), (vec![3, 7, 5], vec![3, 1]));
    assert_eq!((test.x.size(), test.y.size()), (vec![2, 7, 5], vec![2, 1]));
    let first = test.x.get(0);
    assert_eq!(f32s(&first.get(0)), [0.272_727_28, 0.272_727_28, 0.272_727_28, 0.272_727_28, 0.104_895_11]);
    assert_eq!(f32s(&first.get(6)), [0.818_181_8, 0.818_181_8, 0.818_181_8, 0.818_181_8, 0.692_307_7]);
    assert_eq!(f32s(&train.y), [0.440_559_45, 0.559_440_55, 0.692_307_7]);
    assert_eq!(f32s(&test.y), [0.839_160_86, 1.0]);
}

#[test]
fn the_training_part_is_seventy_percent_rounded_down() {
    // .venv/bin/python -c "print([int(n * 0.7) for n in range(2, 12)])"
    let train_sizes = [1, 2, 2, 3, 4, 4, 5, 6, 7, 7];
    for (train_size, count) in train_sizes.into_iter().zip(2..) {
        let data = dataset(&days(SEQ_LENGTH + count));
        assert_eq!((data.train.count(), data.test.count()), (train_size, count as i64 - train_size), "{count}");
    }
    let message = training_days(8).unwrap_err().to_string();
    assert_eq!(message, "too few days: 8; 9 are needed, for two windows of 7 days and the day after each");
}
