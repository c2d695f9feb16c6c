//! Options that make no schedule, and states of another one.

use pt_file::Value;
use torch_ext::optim::{
    Constant, ConstantLr, CosineAnnealingWarmRestarts, Exponential, ExponentialLr, Lambda, LambdaLr, Linear, LinearLr,
    MultiStep, MultiStepLr, OneCycleLr, OneCycleOptions, SequentialLr, Sgd, SgdOptions, WarmRestarts,
};

use crate::support::weights;

fn sgd() -> Sgd {
    Sgd::new([weights(3)], SgdOptions { lr: 1.0, momentum: 0.5, ..SgdOptions::default() }).unwrap()
}

#[test]
fn invalid_options_name_the_value() {
    let mut o = sgd();
    let mut linear = |start_factor, end_factor, total_iters| {
        LinearLr::new(&mut o, Linear { start_factor, end_factor, total_iters }).unwrap_err().to_string()
    };
    assert_eq!(
        linear(0.0, 1.0, 5),
        "Starting multiplicative factor expected to be greater than 0 and less or equal to 1. Got 0.0"
    );
    assert_eq!(linear(0.5, 1.5, 5), "Ending multiplicative factor expected to be between 0 and 1. Got 1.5");
    assert_eq!(linear(0.5, 1.0, -1), "total_iters must not be negative, got -1");
    let mut constant = |factor| ConstantLr::new(&mut o, Constant { factor, total_iters: 5 }).unwrap_err().to_string();
    assert_eq!(constant(-0.5), "Constant multiplicative factor expected to be between 0 and 1. Got -0.5");
    assert_eq!(constant(0.0), "the factor must not be 0: after total_iters steps the learning rate is divided by it");
    let mut restarts = |t_0, t_mult| {
        CosineAnnealingWarmRestarts::new(&mut o, WarmRestarts { t_0, t_mult, eta_min: 0.0 }).unwrap_err().to_string()
    };
    assert_eq!(restarts(0, 1), "Expected positive integer T_0, but got 0");
    assert_eq!(restarts(5, 0), "Expected integer T_mult >= 1, but got 0");
    let lambdas = Lambda::for_each_group(vec![]);
    assert_eq!(LambdaLr::new(&mut o, lambdas).unwrap_err().to_string(), "Expected 1 lr_lambdas, but got 0");
    assert_eq!(
        SequentialLr::new(&mut o, vec![], vec![]).unwrap_err().to_string(),
        "SequentialLR expects at least one scheduler, but got no scheduler."
    );
    let part = ExponentialLr::new(&mut o, Exponential { gamma: 0.5 }).unwrap();
    assert_eq!(
        SequentialLr::new(&mut o, vec![Box::new(part)], vec![3]).unwrap_err().to_string(),
        "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone points, \
         but got number of schedulers 1 and the number of milestones to be equal to 1"
    );
    assert_eq!(o.param_groups()[0].options.lr, 1.0); // nothing above has changed it
}

#[test]
fn invalid_options_of_one_cycle_name_the_value_and_change_nothing() {
    let mut o = sgd();
    let mut message = |change: fn(&mut OneCycleOptions)| {
        let mut options = OneCycleOptions { total_steps: Some(10), ..OneCycleOptions::new(0.1) };
        change(&mut options);
        OneCycleLr::new(&mut o, options).unwrap_err().to_string()
    };
    assert_eq!(message(|o| o.total_steps = Some(0)), "Expected positive integer total_steps, but got 0");
    assert_eq!(message(|o| o.total_steps = None), "You must define either total_steps OR (epochs AND steps_per_epoch)");
    assert_eq!(
        message(|o| (o.total_steps, o.epochs, o.steps_per_epoch) = (None, Some(-1), Some(3))),
        "Expected positive integer epochs, but got -1"
    );
    assert_eq!(
        message(|o| (o.total_steps, o.epochs, o.steps_per_epoch) = (None, Some(1), Some(0))),
        "Expected positive integer steps_per_epoch, but got 0"
    );
    assert_eq!(message(|o| o.pct_start = 1.5), "Expected float between 0 and 1 pct_start, but got 1.5");
    assert_eq!(
        message(|o| o.max_lr = vec![0.1, 0.2].into()),
        "max_lr must have the same length as optimizer.param_groups. max_lr has 2 values, param_groups has 1."
    );
    assert_eq!(message(|o| o.div_factor = 0.0), "div_factor must not be 0.0: it divides a learning rate");
    assert_eq!(
        message(|o| o.pct_start = 0.1),
        "step 0 of 10 is in a phase of length 0 (torch: float division by zero); choose another pct_start or total_steps"
    );
    let options = &o.param_groups()[0].options;
    assert_eq!((options.lr, options.momentum), (1.0, 0.5));

    let options = OneCycleOptions { total_steps: Some(2), ..OneCycleOptions::new(0.1) };
    let mut scheduler = OneCycleLr::new(&mut o, options).unwrap();
    (0..2).for_each(|_| scheduler.step(&mut o).unwrap());
    let before = (scheduler.clone(), o.param_groups()[0].options.clone());
    assert_eq!(
        scheduler.step(&mut o).unwrap_err().to_string(),
        "Tried to step 3 times. The specified number of total steps is 2"
    );
    assert_eq!((scheduler, o.param_groups()[0].options.clone()), before);
}

#[test]
fn a_state_that_does_not_fit_changes_nothing() {
    let mut o = sgd();
    let mut linear = LinearLr::new(&mut o, Linear::default()).unwrap();
    let mut multi_step = MultiStepLr::new(&mut o, MultiStep { milestones: vec![2], gamma: 0.5 }).unwrap();
    let (linear_state, multi_step_state) = (linear.state_dict(), multi_step.state_dict());
    assert_eq!(
        linear.load_state_dict(&multi_step_state).unwrap_err().to_string(),
        "the scheduler's state has no \"start_factor\""
    );
    assert_eq!(linear.state_dict(), linear_state);
    let Value::Dict(mut broken) = multi_step_state.clone() else { unreachable!() };
    broken.insert("milestones", Value::dict([(2i64, i64::MAX)]));
    assert_eq!(
        multi_step.load_state_dict(&Value::Dict(broken)).unwrap_err().to_string(),
        "\"milestones\" is not a dict of epochs and their counts"
    );
    assert_eq!(multi_step.state_dict(), multi_step_state);

    let schedule = WarmRestarts { t_0: 4, t_mult: 2, eta_min: 0.0 };
    let mut restarts = CosineAnnealingWarmRestarts::new(&mut o, schedule).unwrap();
    let Value::Dict(mut fraction) = restarts.state_dict() else { unreachable!() };
    fraction.insert("T_cur", 0.5); // scheduler.step(0.5) in Python
    let message = restarts.load_state_dict(&Value::Dict(fraction)).unwrap_err().to_string();
    assert!(message.starts_with("T_cur and T_i are (0.5, 4.0), which step() without an argument"), "{message}");

    let mut sequence = SequentialLr::new(&mut o, vec![Box::new(linear.clone())], vec![]).unwrap();
    let two = SequentialLr::new(&mut o, vec![Box::new(linear.clone()), Box::new(linear)], vec![3]).unwrap();
    assert_eq!(
        sequence.load_state_dict(&two.state_dict()).unwrap_err().to_string(),
        "the scheduler's state has 2 schedulers and 1 milestones, this scheduler has 1 and 0"
    );
}
