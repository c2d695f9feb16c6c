//! The variables of a `VarStore` in Python's order, as a `state_dict` and for an optimizer.

use pt_file::Value;
use tch::{Device, Kind, Tensor, nn};
use torch_ext::StateDict;
use torch_ext::nn::{named_buffers, named_parameters};
use torch_ext::optim::{Adam, AdamOptions};

use crate::support::PRELUDE;

/// A model with tch's own layers, in the order of the Python program's `__init__`.
fn model() -> nn::VarStore {
    let vs = nn::VarStore::new(Device::Cpu);
    let root = vs.root();
    let encoder = &root / "encoder";
    let _ = nn::embedding(&root / "embedding", 7, 4, nn::EmbeddingConfig::default());
    let rnn = nn::RNNConfig { num_layers: 2, bidirectional: true, ..nn::RNNConfig::default() };
    let _ = nn::lstm(&encoder / "rnn", 4, 3, rnn);
    let _ = nn::batch_norm1d(&encoder / "norm", 6, nn::BatchNormConfig::default());
    let _ = nn::conv1d(&root / "conv", 6, 5, 3, nn::ConvConfig::default());
    let _ = nn::layer_norm(&root / "layer_norm", vec![5], nn::LayerNormConfig::default());
    let _ = nn::linear(&encoder / "out", 5, 4, nn::LinearConfig::default()); // a later layer of an earlier module
    let _ = nn::linear(&root / "fc", 4, 2, nn::LinearConfig::default());
    let _ = root.ones("scale", &[2]); // a module's own parameters come before those of its submodules
    vs
}

const PROGRAM: &str = r"
nn = torch.nn
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 3, 2, bidirectional=True)
        self.norm = nn.BatchNorm1d(6)
        self.out = nn.Linear(5, 4)
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.encoder = Encoder()
        self.conv = nn.Conv1d(6, 5, 3)
        self.layer_norm = nn.LayerNorm(5)
        self.fc = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.ones(2))
what, folder = sys.argv[1:]
torch.manual_seed(0)
model = Model()
optimizer = torch.optim.Adam(model.parameters())
def step():
    optimizer.zero_grad()
    sum((p * p).sum() for p in model.parameters()).backward()
    optimizer.step()
if what == 'save':
    print(' '.join(name for name, _ in model.named_parameters()))
    print(' '.join(name for name in model.state_dict() if not name.endswith('num_batches_tracked')))
    step()
    torch.save({'model': model.state_dict(), 'optimizer': optimizer.state_dict()}, f'{folder}/python.pt')
else:
    python, rust = (torch.load(f'{folder}/{name}.pt', weights_only=True) for name in ('python', 'rust'))
    model.load_state_dict(rust['model'], strict=False)
    optimizer.load_state_dict(rust['optimizer'])
    for name, tensor in rust['model'].items(): assert torch.equal(tensor, python['model'][name]), name
    for i, state in python['optimizer']['state'].items():
        for key, value in state.items(): assert torch.equal(value, rust['optimizer']['state'][i][key]), (i, key)
    step()
";

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn the_order_is_pythons_and_checkpoints_move_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let run = |what| test_support::run_python(&format!("{PRELUDE}{PROGRAM}"), &[what, folder.path().to_str().unwrap()]);
    let python = run("save");
    let vs = model();
    let parameters: Vec<String> = named_parameters(&vs).into_iter().map(|(name, _)| name).collect();
    let names: Vec<String> = StateDict::of(&vs).iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(vec![parameters.join(" "), names.join(" ")], python.lines().collect::<Vec<_>>());

    let checkpoint = pt_file::load_file(folder.path().join("python.pt")).unwrap();
    let saved = StateDict::from_value(checkpoint.get("model").unwrap()).unwrap();
    let keys = saved.load_into_var_store(&vs, false).unwrap();
    assert_eq!((keys.missing_keys.len(), keys.unexpected_keys), (0, vec!["encoder.norm.num_batches_tracked".into()]));
    let mut optimizer = Adam::from_named(named_parameters(&vs), AdamOptions::default()).unwrap();
    optimizer.load_state_dict(checkpoint.get("optimizer").unwrap()).unwrap();
    let ours = Value::dict([
        ("model", StateDict::of(&vs).to_value().unwrap()),
        ("optimizer", optimizer.state_dict().unwrap()),
    ]);
    pt_file::save_file(folder.path().join("rust.pt"), &ours).unwrap();
    run("load");
}

#[test]
fn the_order_is_derived_from_names_and_creation() {
    let vs = model();
    let names: Vec<String> = named_parameters(&vs).into_iter().map(|(name, _)| name).collect();
    let rnn = ["l0", "l0_reverse", "l1", "l1_reverse"].into_iter().flat_map(|suffix| {
        ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|name| format!("encoder.rnn.{name}_{suffix}"))
    });
    let mut expected: Vec<String> = ["scale", "embedding.weight"].map(str::to_owned).into();
    expected.extend(rnn);
    for module in ["encoder.norm", "encoder.out", "conv", "layer_norm", "fc"] {
        expected.extend([format!("{module}.weight"), format!("{module}.bias")]);
    }
    assert_eq!(names, expected);
    let buffers: Vec<String> = named_buffers(&vs).into_iter().map(|(name, _)| name).collect();
    assert_eq!(buffers, ["encoder.norm.running_mean", "encoder.norm.running_var"]);
    let all: Vec<String> = StateDict::of(&vs).iter().map(|(name, _)| name.to_owned()).collect();
    let norm = all.iter().position(|name| name == "encoder.norm.bias").unwrap();
    assert_eq!(all[norm + 1..norm + 3], buffers);
    assert_eq!(all.len(), vs.len());
}

#[test]
fn parameters_stay_the_stores_own_and_frozen_ones_are_listed() {
    let mut vs = model();
    vs.freeze();
    vs.set_kind(Kind::Double);
    let parameters = named_parameters(&vs);
    assert_eq!(parameters.len(), vs.trainable_variables().len());
    let _ = tch::no_grad(|| parameters[0].1.shallow_clone().fill_(3.0));
    assert_eq!(StateDict::of(&vs).get("scale").unwrap().double_value(&[1]), 3.0);
    assert_eq!(vs.variables()["scale"].double_value(&[0]), 3.0);
}

#[test]
fn pt_file_reads_the_file_of_a_var_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    let vs = model();
    vs.save(&path).unwrap();
    let state = pt_file::load_file(&path).unwrap().state_dict_at("").unwrap();
    assert_eq!(state.len(), vs.len());
    for (name, tensor) in vs.variables() {
        let saved = state.get(name.as_str()).and_then(Value::as_tensor).unwrap();
        assert_eq!(torch_ext::convert::from_pt_file(saved).unwrap(), tensor.detach(), "{name}");
    }
}

#[test]
fn tied_and_empty_parameters() {
    let vs = nn::VarStore::new(Device::Cpu);
    let weight = (vs.root() / "embedding").ones("weight", &[3, 2]);
    let _ = (vs.root() / "decoder").add("weight", weight, true);
    let _ = vs.root().ones("none", &[0]);
    let _ = vs.root().ones("nothing", &[0]);
    let _ = vs.root().add("buffer", Tensor::ones([2], (Kind::Int64, Device::Cpu)), false);
    let names = |list: Vec<(String, Tensor)>| list.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(named_parameters(&vs)), ["none", "nothing", "decoder.weight"]);
    assert_eq!(names(named_buffers(&vs)), ["buffer"]);
    let all: Vec<String> = StateDict::of(&vs).iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(all, ["none", "nothing", "buffer", "decoder.weight", "embedding.weight"]);
    assert!(named_parameters(&nn::VarStore::new(Device::Cpu)).is_empty());
}

#[test]
fn a_state_dict_that_does_not_fit_copies_nothing() {
    let vs = model();
    let before = StateDict::of(&model());
    let mut other = StateDict::of(&vs).module("fc");
    other.insert("weight", Tensor::ones([2, 5], (Kind::Float, Device::Cpu)));
    let mut whole = StateDict::new();
    whole.insert_module("fc", other);
    let error = whole.load_into_var_store(&vs, false).unwrap_err().to_string();
    assert_eq!(
        error,
        "Error(s) in loading state_dict for VarStore:\n\tsize mismatch for fc.weight: copying a param with shape \
         torch.Size([2, 5]) from checkpoint, the shape in current model is torch.Size([2, 4])."
    );
    let missing = StateDict::new().load_into_var_store(&vs, true).unwrap_err().to_string();
    assert!(missing.contains("Missing key(s) in state_dict: \"scale\", \"embedding.weight\""), "{missing}");
    before.load_into_var_store(&vs, true).unwrap();
    assert_eq!(before.get("conv.weight"), StateDict::of(&vs).get("conv.weight"));
}
