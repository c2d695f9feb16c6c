//! Construction of a layer: torch's checks, messages, repr and warning. An error changes nothing.

use recurrent::{Error, GruConfig, LstmConfig, Nonlinearity, PythonKind, RnnConfig};
use tch::nn::VarStore;
use tch::{Device, Kind};
use torch_ext::rng;

use crate::support::alone;
use crate::support::layer::{Layer, Spec, assert_error};

const DROPOUT: &str =
    "dropout should be a number in range [0, 1] representing the probability of an element being zeroed";
const NEGATIVE_PROJ: &str = "proj_size should be a positive integer or zero to disable projections";
const LARGE_PROJ: &str = "proj_size has to be smaller than hidden_size";
const NOT_FLOAT: &str = "Only Tensors of floating point and complex dtype can require gradients";

type Fix = fn(&mut Spec);

/// All arguments are wrong. Fixing one after another gives torch's errors in torch's order.
///
/// ```python
/// wrong = dict(input_size=0, hidden_size=0, num_layers=0, dropout=2.0, proj_size=-1, dtype=torch.int32)
/// for fixed in ({}, dict(dropout=0.0), dict(input_size=3), dict(hidden_size=4), dict(num_layers=1), dict(proj_size=4), dict(proj_size=3)):
///     wrong |= fixed
///     try: torch.nn.LSTM(**wrong)
///     except Exception as error: print(type(error).__name__, error)
/// ```
#[test]
fn errors_come_in_torchs_order() {
    let steps: [(Fix, &str, &str); 7] = [
        (|_| (), "ValueError", DROPOUT),
        (|spec| spec.dropout = 0.0, "ValueError", "input_size must be greater than zero"),
        (|spec| spec.input_size = 3, "ValueError", "hidden_size must be greater than zero"),
        (|spec| spec.hidden_size = 4, "ValueError", "num_layers must be greater than zero"),
        (|spec| spec.num_layers = 1, "ValueError", NEGATIVE_PROJ),
        (|spec| spec.proj_size = Some(4), "ValueError", LARGE_PROJ),
        (|spec| spec.proj_size = Some(3), "RuntimeError", NOT_FLOAT),
    ];
    for class in ["RNN", "LSTM", "GRU"] {
        let mut spec = Spec { num_layers: 0, dropout: 2.0, dtype: "int32", ..Spec::new(class, 0, 0) };
        spec.proj_size = Some(-1);
        for (fix, kind, text) in steps {
            fix(&mut spec);
            if class == "LSTM" || !text.starts_with("proj_size") {
                assert_error(spec.build(), kind, text);
            }
        }
    }
}

#[test]
fn each_wrong_value_has_its_error() {
    let lstm = || LstmConfig::new(3, 5);
    let store = VarStore::new(Device::Cpu);
    let cases: [(LstmConfig, Error); 8] = [
        (lstm().dropout(-0.1), Error::Dropout(-0.1)),
        (lstm().dropout(1.5), Error::Dropout(1.5)),
        (lstm().dropout(f64::INFINITY), Error::Dropout(f64::INFINITY)),
        (LstmConfig::new(-1, 5), Error::NotPositive { name: "input_size", value: -1 }),
        (LstmConfig::new(3, i64::MIN), Error::NotPositive { name: "hidden_size", value: i64::MIN }),
        (lstm().num_layers(-2), Error::NotPositive { name: "num_layers", value: -2 }),
        (lstm().proj_size(-3), Error::NegativeProjSize(-3)),
        (lstm().proj_size(6), Error::ProjSizeTooLarge { proj_size: 6, hidden_size: 5 }),
    ];
    for (config, expected) in cases {
        assert_eq!(config.build(store.root()).unwrap_err(), expected);
    }
    let nan = lstm().dropout(f64::NAN).build(store.root()).unwrap_err();
    assert_eq!(nan.to_string(), DROPOUT);
}

// torch.nn.RNN(1, 10, nonlinearity='garbage')
#[test]
fn test_rnn_nonlinearity() {
    let _alone = alone();
    let store = VarStore::new(Device::Cpu);
    let default = RnnConfig::new(1, 10).build(&(store.root() / "a")).unwrap();
    assert_eq!(default.nonlinearity(), Nonlinearity::Tanh);
    let relu = RnnConfig::new(1, 10).nonlinearity("relu".parse().unwrap()).build(&(store.root() / "b")).unwrap();
    assert_eq!(relu.nonlinearity().to_string(), "relu");
    assert_error(
        "garbage".parse::<Nonlinearity>(),
        "ValueError",
        "Unknown nonlinearity 'garbage'. Select from 'tanh' or 'relu'.",
    );
}

#[test]
fn dtypes_without_gradients_are_rejected() {
    for kind in [Kind::Uint8, Kind::Int8, Kind::Int16, Kind::Int, Kind::Int64, Kind::Bool] {
        let mut store = VarStore::new(Device::Cpu);
        store.set_kind(kind);
        let error = GruConfig::new(2, 3).build(store.root()).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.python_kind()), (NOT_FLOAT, PythonKind::RuntimeError));
        assert!(store.variables().is_empty());
    }
}

#[test]
fn an_error_draws_nothing_and_registers_nothing() {
    let _alone = alone();
    let before = rng::get_state().unwrap();
    let impossible = i64::MAX / 8; // more than any memory
    for (input_size, hidden_size, layers, dropout, proj) in [
        (0, 3, 1, 0.0, 0),
        (3, 0, 1, 0.0, 0),
        (3, 3, 0, 0.0, 0),
        (3, 3, 2, 7.0, 0),
        (3, 3, 2, 0.0, 3),
        (impossible, 3, 1, 0.0, 0),
        (3, impossible, 1, 0.0, 0),
    ] {
        let store = VarStore::new(Device::Cpu);
        let config = LstmConfig::new(input_size, hidden_size).num_layers(layers).dropout(dropout).proj_size(proj);
        assert!(config.build(store.root()).is_err(), "{config:?}");
        assert!(store.variables().is_empty(), "{config:?}");
    }
    assert_eq!(rng::get_state().unwrap(), before);
}

#[test]
fn building_twice_on_one_path_is_an_error() {
    let _alone = alone();
    let store = VarStore::new(Device::Cpu);
    let root = store.root();
    RnnConfig::new(3, 5).build(&root).unwrap();
    let (state, names) = (rng::get_state().unwrap(), store.variables().len());
    let error = GruConfig::new(3, 5).build(&root).unwrap_err();
    assert_eq!(error, Error::DuplicateParameter("weight_ih_l0".into()));
    assert!(error.to_string().contains("'weight_ih_l0'") && error.to_string().contains("path of its own"), "{error}");
    // The same for any of the parameters.
    let bias = VarStore::new(Device::Cpu);
    let _ = bias.root().zeros("bias_hh_l0", &[1]);
    let error = GruConfig::new(3, 5).build(bias.root()).unwrap_err();
    assert_eq!(error, Error::DuplicateParameter("bias_hh_l0".into()));

    assert_eq!((rng::get_state().unwrap(), store.variables().len()), (state, names));
    GruConfig::new(3, 5).build(&root / "gru").unwrap();
    assert_eq!(store.variables().len(), 2 * names);
}

#[test]
fn repr_equals_pythons() {
    let _alone = alone();
    let all = |class, nonlinearity, proj_size| Spec {
        num_layers: 2,
        bias: false,
        batch_first: true,
        dropout: 0.25,
        bidirectional: true,
        nonlinearity,
        proj_size,
        ..Spec::new(class, 10, 20)
    };
    let dropout = |dropout| Spec { num_layers: 2, dropout, ..Spec::new("LSTM", 2, 3) };
    // repr(torch.nn.RNN(3, 5)) and so on
    let cases = [
        (Spec::new("RNN", 3, 5), "RNN(3, 5)"),
        (
            all("RNN", Some("relu"), None),
            "RNN(10, 20, num_layers=2, bias=False, batch_first=True, dropout=0.25, bidirectional=True)",
        ),
        (
            all("LSTM", None, Some(7)),
            "LSTM(10, 20, proj_size=7, num_layers=2, bias=False, batch_first=True, dropout=0.25, bidirectional=True)",
        ),
        (Spec { num_layers: 3, ..Spec::new("GRU", 10, 20) }, "GRU(10, 20, num_layers=3)"),
        (Spec { bias: false, ..Spec::new("GRU", 10, 20) }, "GRU(10, 20, bias=False)"),
        (dropout(1.0), "LSTM(2, 3, num_layers=2, dropout=1.0)"),
        (dropout(0.0001), "LSTM(2, 3, num_layers=2, dropout=0.0001)"),
        (dropout(0.00001), "LSTM(2, 3, num_layers=2, dropout=1e-05)"),
        (dropout(1.5e-10), "LSTM(2, 3, num_layers=2, dropout=1.5e-10)"),
    ];
    for (spec, expected) in cases {
        let (_vs, layer) = spec.build().unwrap();
        assert_eq!(crate::each!(&layer, layer => layer.to_string()), expected);
    }
}

// warnings.catch_warnings(record=True): torch.nn.GRU(3, 4, dropout=0.5)
#[test]
fn dropout_in_a_single_layer_gives_torchs_warning() {
    let text = |p: &str| {
        format!(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers \
             greater than 1, but got dropout={p} and num_layers=1"
        )
    };
    assert_eq!(GruConfig::new(3, 4).dropout(0.5).warnings(), [text("0.5")]);
    assert_eq!(LstmConfig::new(3, 4).dropout(1.0).warnings(), [text("1.0")]);
    assert_eq!(RnnConfig::new(3, 4).dropout(0.00001).warnings(), [text("1e-05")]);
    assert!(RnnConfig::new(3, 4).warnings().is_empty());
    assert!(RnnConfig::new(3, 4).num_layers(2).dropout(0.5).warnings().is_empty());
}

#[test]
fn layers_can_be_sent_to_another_thread() {
    fn sendable<T: Send + 'static>() {}
    sendable::<Layer>();
    sendable::<Error>();
}
