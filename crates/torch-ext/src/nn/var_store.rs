//! The variables of a [`VarStore`] in Python's order.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

use tch::{Tensor, nn::VarStore};

/// Equivalent of `list(model.named_parameters())`: names and tensors of the trainable variables, in Python's order.
///
/// Make an optimizer with them: [`Optimizer::from_named`](crate::optim::Optimizer::from_named). Do not use
/// `vs.trainable_variables()`: tch's `nn::linear` and its convolutions create the bias before the weight. Python registers
/// the weight first. An optimizer's state is saved by position, so a state from Python would not fit.
///
/// # Order
/// Python lists the parameters of a module in the order of their registration, then its submodules in theirs, recursively.
/// Here the names give the modules (`encoder.rnn.weight_ih_l0` belongs to `encoder.rnn`), and the time of creation gives the
/// order:
/// - The parameters of a module come before those of its submodules.
/// - Submodules are in the order in which their first variable was created.
/// - The parameters of a module are in the order of creation. If a `bias` was created before the `weight` of the same
///   module, the two exchange places.
///
/// So the order is Python's if the program creates its layers in the order of the Python module's `__init__`. It cannot be
/// derived if it differs, or if a layer of your own creates parameters in another order than Python's. Names still fit then:
/// save Python's optimizer with names (`Adam(model.named_parameters())`).
///
/// A tensor with several names (tied weights) appears once, as in Python, with the name that comes first here. `freeze()`
/// changes nothing: frozen parameters are listed, as in Python.
///
/// ```
/// use tch::{Device, nn};
/// use torch_ext::nn::named_parameters;
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let _fc = nn::linear(vs.root() / "fc", 4, 3, nn::LinearConfig::default());
/// let _scale = vs.root().ones("scale", &[1]);
/// assert_eq!(vs.trainable_variables()[0].size(), [3]); // tch's order: the bias first
///
/// let parameters = named_parameters(&vs);
/// let names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
/// assert_eq!(names, ["scale", "fc.weight", "fc.bias"]); // Python's order
/// ```
pub fn named_parameters(vs: &VarStore) -> Vec<(String, Tensor)> {
    let mut by_shape: HashMap<Vec<i64>, Vec<Tensor>> = HashMap::new();
    let mut is_first = |variable: &Variable| {
        let earlier = by_shape.entry(variable.tensor.size()).or_default();
        let tied = earlier.iter().any(|tensor| same_memory(tensor, &variable.tensor));
        earlier.push(variable.tensor.shallow_clone());
        !tied
    };
    let parameters = in_python_order(vs).into_iter().filter(|variable| variable.trainable && is_first(variable));
    parameters.map(|variable| (variable.name, variable.tensor)).collect()
}

/// Equivalent of `list(model.named_buffers())`: the variables that are not trainable, such as `running_mean`.
///
/// Modules are in the order of [`named_parameters`]. tch does not store when a buffer was created. So the buffers of a module
/// are in alphabetical order, and modules that have only buffers come after those that have parameters.
pub fn named_buffers(vs: &VarStore) -> Vec<(String, Tensor)> {
    let buffers = in_python_order(vs).into_iter().filter(|variable| !variable.trainable);
    buffers.map(|variable| (variable.name, variable.tensor)).collect()
}

/// A variable of a `VarStore`. The tensor is the store's.
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) tensor: Tensor,
    trainable: bool,
}

/// All variables in the order of `model.state_dict()`: of each module the parameters, the buffers, and the submodules.
pub(crate) fn in_python_order(vs: &VarStore) -> Vec<Variable> {
    let mut variables = in_creation_order(vs);
    let mut positions: HashMap<String, usize> = HashMap::new();
    for (position, variable) in variables.iter().enumerate() {
        positions.insert(variable.name.clone(), position);
        for (end, _) in variable.name.match_indices('.') {
            positions.entry(variable.name[..=end].to_owned()).or_insert(position); // a module's key ends in a dot
        }
    }
    weights_before_biases(&variables, &mut positions);
    variables.sort_by_cached_key(|variable| sort_key(&variable.name, &positions));
    variables
}

/// The trainable variables in the order of their creation, then the others in alphabetical order.
fn in_creation_order(vs: &VarStore) -> Vec<Variable> {
    let variables = vs.variables_.lock().unwrap_or_else(PoisonError::into_inner);
    let mut by_shape: HashMap<Vec<i64>, Vec<&String>> = HashMap::new();
    let mut names: Vec<&String> = variables.named_variables.keys().collect();
    names.sort();
    for name in &names {
        by_shape.entry(variables.named_variables[*name].size()).or_default().push(name);
    }
    let mut found: Vec<Variable> = Vec::new();
    let mut parameters: HashSet<&String> = HashSet::new();
    for var in &variables.trainable_variables {
        let same = |name: &&String| same_memory(&variables.named_variables[*name], &var.tensor);
        let candidates = by_shape.entry(var.tensor.size()).or_default();
        if let Some(index) = candidates.iter().position(same) {
            let name = candidates.remove(index);
            let tensor = var.tensor.shallow_clone();
            parameters.insert(name);
            found.push(Variable { name: name.clone(), tensor, trainable: true });
        }
    }
    let buffers = names.into_iter().filter(|name| !parameters.contains(name));
    let buffer = |name: &String| {
        let tensor = variables.named_variables[name].shallow_clone();
        Variable { name: name.clone(), tensor, trainable: false }
    };
    let buffers: Vec<Variable> = buffers.map(buffer).collect();
    found.extend(buffers);
    found
}

fn same_memory(a: &Tensor, b: &Tensor) -> bool {
    a.f_is_set_to(b).unwrap_or(false)
}

/// Exchanges the positions of `weight` and `bias` of a module that created its bias first.
fn weights_before_biases(variables: &[Variable], positions: &mut HashMap<String, usize>) {
    for variable in variables {
        let name = &variable.name;
        let Some(module) = name.strip_suffix("weight").filter(|module| module.is_empty() || module.ends_with('.'))
        else {
            continue;
        };
        let bias = format!("{module}bias");
        let places = (positions.get(name).copied(), positions.get(&bias).copied());
        if let (Some(weight_at), Some(bias_at)) = places
            && bias_at < weight_at
        {
            positions.insert(name.clone(), bias_at);
            positions.insert(bias, weight_at);
        }
    }
}

/// The positions of the modules that contain a variable, and its own. A module's own variables precede its submodules.
fn sort_key(name: &str, positions: &HashMap<String, usize>) -> Vec<(bool, usize)> {
    let position = |key: &str| positions.get(key).copied().unwrap_or(usize::MAX);
    let modules = name.match_indices('.').map(|(end, _)| (true, position(&name[..=end])));
    modules.chain([(false, position(name))]).collect()
}
