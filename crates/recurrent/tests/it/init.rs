//! Initialization: after the same seed the parameters have Python's bits, and the generator has Python's state.

use serde::Serialize;
use tch::{Kind, Tensor};
use torch_ext::rng;

use crate::support::layer::{MODES, Spec};
use crate::support::python::ask;
use crate::support::tensors::{assert_same_bits, values};
use crate::support::{alone, seeded};

#[derive(Serialize)]
struct Case {
    seed: i64,
    spec: Spec,
}

/// All shapes of parameters, in all floating-point dtypes.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (class, nonlinearity) in MODES {
        for (num_layers, bias, bidirectional) in
            [(1, true, false), (1, false, true), (2, true, true), (3, false, false)]
        {
            for proj_size in if class == "LSTM" { vec![None, Some(5)] } else { vec![None] } {
                for dtype in ["float32", "float64", "float16", "bfloat16"] {
                    let spec = Spec {
                        num_layers,
                        bias,
                        bidirectional,
                        nonlinearity,
                        proj_size,
                        dtype,
                        ..Spec::new(class, 7, 11)
                    };
                    cases.push(Case { seed: cases.len() as i64, spec });
                }
            }
        }
    }
    cases
}

const PROGRAM: &str = r#"
tensors = {}
for i, case in enumerate(question):
    torch.manual_seed(case["seed"])
    module = layer(case["spec"])
    tensors |= {f"{i} {name}": parameter for name, parameter in module.named_parameters()}
    tensors[f"{i} generator"] = torch.get_rng_state()
reply(None, tensors)
"#;

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn initial_parameters_equal_pythons_to_the_bit() {
    let _alone = alone();
    let cases = cases();
    let reply = ask(PROGRAM, &cases);
    for (i, Case { seed, spec }) in cases.iter().enumerate() {
        tch::manual_seed(*seed);
        let (_vs, layer) = spec.build().unwrap();
        for (name, parameter) in layer.named_parameters() {
            assert_same_bits(&parameter, reply.tensor(&format!("{i} {name}")), &format!("{name} of {spec:?}"));
        }
        assert_same_bits(&rng::get_state().unwrap(), reply.tensor(&format!("{i} generator")), &format!("{spec:?}"));
    }
}

/// The last parameter and the next random number, which depend on all numbers before them.
///
/// They were recorded on a CPU with fused multiply-add (AVX2, AVX-512). A CPU without it rounds `2 k u - k` twice, each time by
/// at most half an ULP of 2 k.
///
/// ```python
/// def last(seed, layer, *args, **kwargs):
///     torch.manual_seed(seed)
///     name, p = list(getattr(torch.nn, layer)(*args, **kwargs).named_parameters())[-1]
///     print(name, p.detach().double().flatten()[:3].tolist(), torch.rand((), dtype=torch.float64).item())
/// last(0, "RNN", 2, 3, 2)
/// last(1, "LSTM", 2, 3, proj_size=2, bidirectional=True)
/// last(2, "GRU", 2, 3, bias=False, dtype=torch.float64)
/// last(3, "GRU", 2, 3, dtype=torch.float16)
/// last(4, "LSTM", 2, 3, dtype=torch.bfloat16)
/// ```
#[test]
fn initial_parameters_equal_recorded_numbers() {
    let spec = |class, dtype| Spec { dtype, ..Spec::new(class, 2, 3) };
    let expected = [
        (
            Spec { num_layers: 2, ..spec("RNN", "float32") },
            "bias_hh_l1",
            [0.09767881780862808, -0.539068877696991, -0.4171738028526306],
            0.9378804114004019,
        ),
        (
            Spec { proj_size: Some(2), bidirectional: true, ..spec("LSTM", "float32") },
            "weight_hr_l0_reverse",
            [-0.19552123546600342, 0.5640860199928284, -0.06674616038799286],
            0.6631863774473565,
        ),
        (
            Spec { bias: false, ..spec("GRU", "float64") },
            "weight_hh_l0",
            [0.297836734050805, -0.4458010499804227, 0.281735483764319],
            0.614135174358027,
        ),
    ];
    for (seed, (spec, name, numbers, next)) in (0..).zip(expected) {
        assert_parameters(seed, &spec, name, numbers, next);
    }
}

/// libtorch 2.11.0 draws other numbers for the 16-bit dtypes, in Python too.
#[test]
fn initial_16_bit_parameters_equal_recorded_numbers() {
    let spec = |class, dtype| Spec { dtype, ..Spec::new(class, 2, 3) };
    let half = [0.370849609375, 0.1439208984375, -0.2071533203125];
    assert_parameters(3, &spec("GRU", "float16"), "bias_hh_l0", half, 0.22705121175484777);
    let bfloat16 = [-0.291015625, -0.271484375, -0.314453125];
    assert_parameters(4, &spec("LSTM", "bfloat16"), "bias_hh_l0", bfloat16, 0.6453738874202749);
}

/// Checks the last parameter after this seed, and the next random number.
fn assert_parameters(seed: i64, spec: &Spec, name: &str, numbers: [f64; 3], next: f64) {
    let _seeded = seeded(seed);
    let (_vs, layer) = spec.build().unwrap();
    let (last, parameter) = layer.named_parameters().pop().unwrap();
    let epsilon = match parameter.kind() {
        Kind::BFloat16 => 2f64.powi(-7),
        Kind::Half => 2f64.powi(-10),
        Kind::Float => f64::from(f32::EPSILON),
        _ => f64::EPSILON,
    };
    let bound = 1.0 / (spec.hidden_size as f64).sqrt(); // k
    let near = |(ours, number): (&f64, &f64)| (ours - number).abs() <= 2.0 * epsilon * bound;
    let ours = values(&parameter);
    assert!(last == name && ours.iter().zip(&numbers).all(near), "{spec:?}: {last} {ours:?}");
    assert_eq!(Tensor::rand([], tch::kind::DOUBLE_CPU).double_value(&[]), next, "{spec:?}");
}

#[test]
fn reset_parameters_draws_as_build_does() {
    let spec = Spec { num_layers: 2, bidirectional: true, proj_size: Some(2), ..Spec::new("LSTM", 3, 4) };
    let _seeded = seeded(5);
    let (_vs, built) = spec.build().unwrap();
    let (_other_vs, mut reset) = spec.build().unwrap();
    let addresses = |layer: &crate::support::layer::Layer| -> Vec<_> {
        layer.named_parameters().iter().map(|(_, parameter)| parameter.data_ptr()).collect()
    };
    let before = addresses(&reset);
    tch::manual_seed(5);
    crate::each!(&mut reset, layer => layer.reset_parameters()).unwrap();
    assert_eq!(addresses(&reset), before, "in place");
    for ((name, a), (_, b)) in built.named_parameters().iter().zip(reset.named_parameters()) {
        assert_same_bits(a, &b, name);
        assert!(b.requires_grad(), "{name}");
    }
}

// [tuple(p.shape) for p in torch.nn.LSTM(4, 3, 2, bidirectional=True, proj_size=2).parameters()]
#[test]
fn names_shapes_and_order_are_torchs() {
    let _alone = alone();
    let spec = Spec { num_layers: 2, bidirectional: true, proj_size: Some(2), ..Spec::new("LSTM", 4, 3) };
    let (vs, layer) = spec.build().unwrap();
    let mut expected = Vec::new();
    for (number, below) in [(0, 4), (1, 4)] {
        for suffix in ["", "_reverse"] {
            let shapes: [(&str, Vec<i64>); 5] = [
                ("weight_ih", vec![12, below]),
                ("weight_hh", vec![12, 2]),
                ("bias_ih", vec![12]),
                ("bias_hh", vec![12]),
                ("weight_hr", vec![2, 3]),
            ];
            expected.extend(shapes.map(|(name, shape)| (format!("{name}_l{number}{suffix}"), shape)));
        }
    }
    let found: Vec<_> = layer.named_parameters().into_iter().map(|(name, p)| (name, p.size())).collect();
    assert_eq!(found, expected);
    assert_eq!(vs.variables().len(), expected.len());
    assert_eq!(vs.trainable_variables().len(), expected.len());
    let groups: Vec<usize> = crate::each!(&layer, layer => layer.all_weights().iter().map(Vec::len).collect());
    assert_eq!(groups, [5, 5, 5, 5]);
}
