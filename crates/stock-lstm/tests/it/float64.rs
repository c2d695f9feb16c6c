//! The training of this lesson in float64: the reference for the accuracy of f32 losses.

use recurrent::LstmState;
use stock_lstm::LESSON;
use stock_lstm::data::{COLUMNS, Dataset, Order, Prices, ScaleOn};
use stock_lstm::model::StockRnn;
use tch::nn::VarStore;
use tch::{Device, Kind, Reduction};
use test_support::{seeded, workspace};
use torch_ext::nn::mse_loss;
use torch_ext::optim::{Adam, AdamOptions};

/// The losses of all epochs, from the lesson's initial f32 weights and its f32 prices.
pub fn losses(seed: i64) -> Vec<f64> {
    let defaults = &LESSON.defaults;
    let prices = Prices::read(&workspace().join("data/goog.csv"), Order::NewestFirst).unwrap();
    let windows = Dataset::new(&prices, &ScaleOn::All.fit(&prices).unwrap(), Device::Cpu).unwrap().train;
    let _guard = seeded(seed);
    tch::set_num_threads(1); // tests run in parallel
    let mut vs = VarStore::new(Device::Cpu);
    let columns = COLUMNS.len() as i64;
    let model = StockRnn::new(&vs.root(), columns, defaults.hidden_size, defaults.num_layers).unwrap();
    vs.double();
    let parameters = model.named_parameters();
    let options = AdamOptions { lr: defaults.lr, ..AdamOptions::default() };
    let mut optimizer = Adam::new(parameters.iter().map(|(_, tensor)| tensor), options).unwrap();
    let [x, y] = [&windows.x, &windows.y].map(|tensor| tensor.to_kind(Kind::Double));
    let state = model.zero_state(windows.count()).unwrap();
    let state = LstmState { h: state.h.to_kind(Kind::Double), c: state.c.to_kind(Kind::Double) };
    let step = |_| {
        let loss = mse_loss(&model.forward(&state, &x).unwrap(), &y, Reduction::Mean).unwrap();
        optimizer.zero_grad().unwrap();
        loss.backward();
        optimizer.step().unwrap();
        assert_eq!(loss.kind(), Kind::Double);
        loss.double_value(&[])
    };
    (0..defaults.epochs).map(step).collect()
}
