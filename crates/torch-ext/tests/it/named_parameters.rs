//! Optimizers with names: `param_names` in Python's layout, states found by name, and messages that name the parameter.

use pt_file::Value;
use tch::{Device, Tensor, nn};
use torch_ext::nn::named_parameters;
use torch_ext::optim::{Adam, AdamOptions, AdamW, AdamWOptions, Sgd, SgdOptions};

use crate::support::{PRELUDE, bits, train_step, weights};

/// An optimizer with names, whose parameters have different values and one shape.
fn named(names: [&str; 2], params: &[Tensor; 2]) -> Adam {
    Adam::from_named(names.into_iter().zip(params), AdamOptions { lr: 0.01, ..AdamOptions::default() }).unwrap()
}

fn exp_avg(optimizer: &Adam, position: usize) -> Vec<f32> {
    let state = optimizer.param_groups()[0].states()[position].as_ref().unwrap();
    Vec::<f32>::try_from(&state.exp_avg).unwrap()
}

fn group(state: &Value) -> &pt_file::Dict {
    state.get("param_groups").unwrap().as_slice().unwrap()[0].as_dict().unwrap()
}

fn message(optimizer: &mut Adam, state: &Value) -> String {
    optimizer.load_state_dict(state).unwrap_err().to_string()
}

#[test]
fn states_are_found_by_name_in_any_order() {
    let params = [weights(5), weights(5) * 2].map(|param| param.detach().set_requires_grad(true));
    let mut saved = named(["a", "b"], &params);
    train_step(&mut saved, &params);
    assert_ne!(exp_avg(&saved, 0), exp_avg(&saved, 1));
    let state = saved.state_dict().unwrap();

    let mut other = named(["b", "a"], &params);
    other.load_state_dict(&state).unwrap();
    assert_eq!((exp_avg(&other, 0), exp_avg(&other, 1)), (exp_avg(&saved, 1), exp_avg(&saved, 0)));
    let again = other.state_dict().unwrap();
    assert_eq!(group(&again).get("param_names"), Some(&Value::list(["b", "a"])));
    saved.load_state_dict(&again).unwrap(); // and back
    assert_eq!(saved.state_dict().unwrap(), state);
}

#[test]
fn other_names_are_refused() {
    let params = [weights(5), weights(5)];
    let state = named(["a", "b"], &params).state_dict().unwrap();
    assert_eq!(
        message(&mut named(["a", "c"], &params), &state),
        "param_groups[0] has no state for the parameter \"c\", only for \"a\", \"b\"; pass the saved names to from_named, or \
         load by position into an optimizer without names (Optimizer::new)"
    );
    let edited = |names: Value| {
        let mut group = group(&state).clone();
        group.insert("param_names", names);
        Value::dict([("state", state.get("state").unwrap().clone()), ("param_groups", vec![Value::Dict(group)].into())])
    };
    let mut optimizer = named(["a", "b"], &params);
    assert_eq!(
        message(&mut optimizer, &edited(Value::list(["a"]))),
        "param_groups[0][\"param_names\"] has 1 names for 2 parameters"
    );
    assert_eq!(
        message(&mut optimizer, &edited(Value::Int(3))),
        "param_groups[0][\"param_names\"] is not a list of names"
    );
}

#[test]
fn names_are_kept_or_taken_over_as_in_torch() {
    let params = [weights(5), weights(5)];
    let mut without = Adam::new(&params, AdamOptions::default()).unwrap();
    let mut with = named(["a", "b"], &params);
    assert_eq!(without.param_groups()[0].names(), None);
    with.load_state_dict(&without.state_dict().unwrap()).unwrap(); // by position
    assert_eq!(with.param_groups()[0].names(), Some(&["a".to_owned(), "b".to_owned()][..]));
    without.load_state_dict(&with.state_dict().unwrap()).unwrap();
    assert_eq!(without.param_groups()[0].names(), with.param_groups()[0].names());
}

#[test]
fn all_groups_have_names_or_none() {
    let (a, b) = (weights(5), weights(5));
    let mut with = Sgd::from_named([("a", &a)], SgdOptions::default()).unwrap();
    let error = with.add_param_group([&b], SgdOptions::default()).unwrap_err().to_string();
    assert_eq!(
        error,
        "all optimizer param groups should be with/without names. cannot add param group without names to the optimizer"
    );
    with.add_named_param_group([("b", &b)], SgdOptions::default()).unwrap();
    let mut without = Sgd::new([&a], SgdOptions::default()).unwrap();
    let error = without.add_named_param_group([("b", &b)], SgdOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with("cannot add param group with names to the optimizer"), "{error}");
    let twice = Sgd::from_named([("a", &a), ("a", &b)], SgdOptions::default()).unwrap_err().to_string();
    assert_eq!(twice, "the parameter name \"a\" appears twice");
    let none = Sgd::from_named(Vec::<(String, Tensor)>::new(), SgdOptions::default()).unwrap_err().to_string();
    assert_eq!(none, "optimizer got an empty parameter list");
}

/// tch creates the bias of `nn::linear` before the weight.
#[test]
fn an_order_that_does_not_fit_is_explained() {
    let model = || {
        let vs = nn::VarStore::new(Device::Cpu);
        let _fc = nn::linear(vs.root() / "fc", 4, 3, nn::LinearConfig::default());
        vs
    };
    let saved = |names: bool| {
        let vs = model();
        let parameters = named_parameters(&vs); // Python's order
        let tensors: Vec<Tensor> = parameters.iter().map(|(_, tensor)| tensor.shallow_clone()).collect();
        let mut optimizer = if names {
            Adam::from_named(parameters, AdamOptions::default()).unwrap()
        } else {
            Adam::new(&tensors, AdamOptions::default()).unwrap()
        };
        train_step(&mut optimizer, &tensors);
        optimizer.state_dict().unwrap()
    };
    let vs = model();
    let mut trap = Adam::new(vs.trainable_variables(), AdamOptions::default()).unwrap();
    assert_eq!(
        message(&mut trap, &saved(false)),
        "state[0][\"exp_avg\"] has shape [3, 4], but parameter 0 has shape [3]: the model has other sizes than the saved one, \
         or its parameters are in another order (tch registers a bias before its weight); make the optimizer with \
         from_named(torch_ext::nn::named_parameters(&vs), options), which has Python's order"
    );
    assert!(message(&mut trap, &saved(true)).contains("but parameter 0 (\"fc.weight\") has shape [3]: the model"));
    let mut documented = Adam::from_named(named_parameters(&vs), AdamOptions::default()).unwrap();
    documented.load_state_dict(&saved(false)).unwrap();
    documented.load_state_dict(&saved(true)).unwrap();

    let small = nn::VarStore::new(Device::Cpu);
    let _fc = nn::linear(small.root() / "fc", 5, 3, nn::LinearConfig::default());
    let mut small = Adam::from_named(named_parameters(&small), AdamOptions::default()).unwrap();
    assert_eq!(
        message(&mut small, &saved(true)),
        "state[0][\"exp_avg\"] has shape [3, 4], but parameter 0 (\"fc.weight\") has shape [3, 5]: build the model with the \
         sizes of the saved one"
    );
    assert!(message(&mut small, &saved(false)).ends_with("create the layers in the order of Python's __init__"));
}

/// Saves AdamW's state after three steps, resumes from the state of Rust, and checks that both states are the same values of the
/// same types in the same order.
const PROGRAM: &str = r"
def same(a, b):
    if isinstance(a, torch.Tensor): return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict): return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)): return type(a) == type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) == type(b) and a == b
folder = sys.argv[1]
p = [weights(37), weights(5)]
optimizer = torch.optim.AdamW([('fc.weight', p[0]), ('fc.bias', p[1])], lr=0.01)
for _ in range(3): train_step(optimizer, p)
ours, rust = optimizer.state_dict(), torch.load(f'{folder}/rust.pt', weights_only=True)
assert same(ours, rust), f'{rust} is not {ours}'
torch.save(ours, f'{folder}/python.pt')
optimizer.load_state_dict(rust)
for _ in range(3): train_step(optimizer, p)
print(bits(p))
";

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn names_and_adam_w_equal_pythons() {
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let names = ["fc.weight", "fc.bias"];
    let params = [weights(37), weights(5)];
    let options = AdamWOptions { lr: 0.01, ..AdamWOptions::default() };
    let mut optimizer = AdamW::from_named(names.into_iter().zip(&params), options.clone()).unwrap();
    (0..3).for_each(|_| train_step(&mut optimizer, &params));
    let state = optimizer.state_dict().unwrap();
    pt_file::save_file(folder.path().join("rust.pt"), &state).unwrap();
    let python = test_support::run_python(&format!("{PRELUDE}{PROGRAM}"), &[folder.path().to_str().unwrap()]);

    let saved = pt_file::load_file(folder.path().join("python.pt")).unwrap();
    let mut resumed = AdamW::from_named([(names[1], &params[1]), (names[0], &params[0])], options).unwrap();
    resumed.load_state_dict(&saved).unwrap();
    (0..3).for_each(|_| train_step(&mut resumed, &params));
    assert_eq!(bits(&params), python.trim_end());
}

/// `torch.optim.AdamW` is a subclass of Adam, and reads any state of Adam with the decay decoupled.
#[test]
fn adam_w_decouples_the_decay_of_any_loaded_state() {
    let params = [weights(5)];
    let adam = Adam::new(&params, AdamOptions { weight_decay: 0.1, ..AdamOptions::default() }).unwrap();
    let state = adam.state_dict().unwrap();
    assert_eq!(group(&state).get("decoupled_weight_decay"), Some(&Value::Bool(false)));
    let mut adam_w = AdamW::new(&params, AdamWOptions::default()).unwrap();
    adam_w.load_state_dict(&state).unwrap();
    let saved = adam_w.state_dict().unwrap();
    assert_eq!(group(&saved).get("decoupled_weight_decay"), Some(&Value::Bool(true)));
    assert_eq!(adam_w.param_groups()[0].options.weight_decay, 0.1);
    assert_eq!(
        AdamW::new(&params, AdamWOptions { lr: -1.0, ..AdamWOptions::default() }).unwrap_err().to_string(),
        "Invalid learning rate: -1.0"
    );
}
