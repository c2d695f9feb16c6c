//! On a GPU, where cuDNN computes, beside the CPU: results and all gradients.

use recurrent::pack_padded_sequence;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};
use test_support::{Float64Judge, assert_close, on_gpu};
use torch_ext::StateDict;

use crate::each;
use crate::support::layer::{Layer, MODES, Spec, in_float64};
use crate::support::tensors::{kind, same_bits, uniform};

const STEPS: i64 = 6;
const BATCH: i64 = 3;
const LENGTHS: [i64; 3] = [3, 6, 1];

/// Every kind of layer that has weights of its own shape or number, of this dtype.
fn specs(dtype: &'static str) -> Vec<Spec> {
    let mut specs = Vec::new();
    for (class, nonlinearity) in MODES {
        let one = Spec { nonlinearity, dtype, ..Spec::new(class, 5, 7) };
        let deep = Spec { num_layers: 2, bidirectional: true, ..one.clone() };
        specs.extend([
            one.clone(),
            Spec { bias: false, ..one.clone() },
            Spec { batch_first: true, ..deep.clone() },
            Spec { bias: false, ..deep.clone() },
        ]);
        if class == "LSTM" {
            specs.push(Spec { proj_size: Some(3), ..one });
            specs.push(Spec { proj_size: Some(3), bias: false, ..deep });
        }
        // cuDNN chooses its algorithm by the hidden size.
        for hidden_size in [160, 320] {
            specs.push(Spec { nonlinearity, dtype, num_layers: 2, ..Spec::new(class, 40, hidden_size) });
        }
    }
    specs
}

/// The layer on the CPU, and one with its parameters on `device`, where they stay where they were.
fn both(spec: &Spec, device: Device) -> (Layer, Layer) {
    let build = |device| {
        let mut vs = VarStore::new(device);
        vs.set_kind(kind(spec.dtype));
        spec.build_on(&vs.root()).unwrap()
    };
    let (cpu, mut there) = (build(Device::Cpu), build(device));
    let places = |layer: &Layer| -> Vec<_> {
        layer.named_parameters().iter().map(|(_, weight)| (weight.data_ptr(), weight.device())).collect()
    };
    let before = places(&there);
    let saved: StateDict = each!(&cpu, layer => layer.state_dict());
    each!(&mut there, layer => layer.load_state_dict(&saved, true)).unwrap();
    assert_eq!(places(&there), before, "{spec:?}: cuDNN's weights are flat no longer");
    assert!(before.iter().all(|(_, at)| *at == device), "{spec:?}");
    (cpu, there)
}

/// Input and state for a batch of [`BATCH`], and random numbers to weigh results with.
struct Problem {
    x: Tensor,
    hx: Vec<Tensor>,
    weigh: fn(&Tensor) -> Tensor,
}

impl Problem {
    fn new(spec: &Spec) -> Problem {
        let kind = kind(spec.dtype);
        let shape = if spec.batch_first { [BATCH, STEPS, spec.input_size] } else { [STEPS, BATCH, spec.input_size] };
        let state = |size| uniform(&[spec.rows(), BATCH, size], kind);
        Problem {
            x: uniform(&shape, kind),
            hx: spec.state_sizes().into_iter().map(state).collect(),
            weigh: |value| {
                // The same f32 numbers for a value in f32 and in float64.
                let number = (Tensor::arange(value.numel() as i64, (Kind::Float, Device::Cpu)) * 0.61).cos();
                let weights = number.to_kind(value.kind()).reshape(value.size()).to_device(value.device());
                (value * weights).sum(value.kind())
            },
        }
    }

    /// The same numbers in float64.
    fn double(&self) -> Problem {
        let double = |tensor: &Tensor| tensor.to_kind(Kind::Double);
        Problem { x: double(&self.x), hx: self.hx.iter().map(double).collect(), weigh: self.weigh }
    }

    /// Results and gradients by name; `run` makes the results of input and state.
    fn run(
        &self,
        layer: &Layer,
        device: Device,
        run: impl Fn(&Tensor, &[Tensor]) -> Vec<Tensor>,
    ) -> Vec<(String, Tensor)> {
        let leaf = |tensor: &Tensor| tensor.to_device(device).detach().copy().set_requires_grad(true);
        let (x, hx): (_, Vec<_>) = (leaf(&self.x), self.hx.iter().map(leaf).collect());
        let values = run(&x, &hx);
        values.iter().map(self.weigh).reduce(|sum, term| sum + term).unwrap().backward();
        let values = values.into_iter().enumerate().map(|(number, value)| (format!("result {number}"), value));
        let leaves = [("x".to_owned(), x)].into_iter().chain(hx.into_iter().map(|h| ("hx".to_owned(), h)));
        let parameters = layer.named_parameters();
        let grads = leaves.chain(parameters).map(|(name, mut leaf)| {
            let grad = leaf.grad().copy();
            leaf.zero_grad();
            (format!("gradient of {name}"), grad)
        });
        values.chain(grads).collect()
    }
}

/// Tolerance for float64, which shows that the two devices compute the same function. f32 shows that it is f32 arithmetic without
/// TF32.
const F64: f64 = 1e-10;

const DTYPES: [&str; 2] = ["float32", "float64"];

type Named = [(String, Tensor)];

/// `truth` is in float64.
fn compare(there: &Named, cpu: &Named, truth: &Named, what: &str) {
    assert_eq!((there.len(), truth.len()), (cpu.len(), cpu.len()));
    if cpu[0].1.kind() == Kind::Double {
        for ((name, there), (_, cpu)) in there.iter().zip(cpu) {
            assert_close(there, cpu, F64, &format!("{what}: {name}"));
        }
        return;
    }
    for gradients in [false, true] {
        let part = |named: &Named| -> Vec<Tensor> {
            let chosen = named.iter().filter(|(name, _)| name.starts_with("gradient") == gradients);
            chosen.map(|(_, tensor)| tensor.shallow_clone()).collect()
        };
        let what = format!("{what}: {}", if gradients { "gradients" } else { "results" });
        Float64Judge::GPU.assert(&what, &part(truth), &part(cpu), &part(there));
    }
}

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn sequences_and_gradients_are_the_cpus() {
    on_gpu(|device| {
        for dtype in DTYPES {
            for spec in specs(dtype) {
                let (cpu, there) = both(&spec, device);
                let problem = Problem::new(&spec);
                let run = |problem: &Problem, layer: &Layer, at| {
                    problem.run(layer, at, |x, hx| layer.forward(x, Some(hx)).unwrap())
                };
                let truth = run(&problem.double(), &in_float64(&spec, &cpu), Device::Cpu);
                let (cpu, there) = (run(&problem, &cpu, Device::Cpu), run(&problem, &there, device));
                compare(&there, &cpu, &truth, &format!("{spec:?}"));
            }
        }
    });
}

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn packed_sequences_and_gradients_are_the_cpus() {
    on_gpu(|device| {
        for dtype in DTYPES {
            for spec in specs(dtype) {
                let (cpu, there) = both(&spec, device);
                let problem = Problem::new(&spec);
                let run = |layer: &Layer, x: &Tensor, hx: &[Tensor]| {
                    let packed =
                        pack_padded_sequence(x, &Tensor::from_slice(&LENGTHS), spec.batch_first, false).unwrap();
                    let (output, state) = layer.forward_packed(&packed, Some(hx)).unwrap();
                    let (sizes, at) = (output.batch_sizes.device(), output.data.device());
                    assert_eq!((sizes, at), (Device::Cpu, x.device()), "{spec:?}");
                    std::iter::once(output.data).chain(state).collect()
                };
                let run = |problem: &Problem, layer: &Layer, at| problem.run(layer, at, |x, hx| run(layer, x, hx));
                let truth = run(&problem.double(), &in_float64(&spec, &cpu), Device::Cpu);
                let (cpu, there) = (run(&problem, &cpu, Device::Cpu), run(&problem, &there, device));
                compare(&there, &cpu, &truth, &format!("packed, {spec:?}"));
            }
        }
    });
}

/// Written on one device and read on the other, by us and by Python, a layer is what it was.
#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_layer_moves_between_the_devices() {
    on_gpu(|device| {
        let spec = Spec { num_layers: 2, bidirectional: true, ..Spec::new("LSTM", 5, 7) };
        let (cpu, there) = both(&spec, device);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lstm.pt");
        each!(&there, layer => layer.state_dict()).save(&path).unwrap();
        for (name, tensor) in StateDict::load(&path).unwrap().iter() {
            assert!(tensor.device() == Device::Cpu && same_bits(tensor, &cpu.parameter(name).detach()), "{name}");
        }
        let program = "
import sys, torch
state = torch.load(sys.argv[1], weights_only=True)
torch.nn.LSTM(5, 7, 2, bidirectional=True).load_state_dict(state)
assert all(tensor.device.type == 'cpu' for tensor in state.values())
";
        test_support::run_python(program, &[path.to_str().unwrap()]);

        // `to` takes the layer along, and lays it out for cuDNN: else libtorch complains, and the test fails.
        let problem = Problem::new(&spec);
        let before = problem.run(&cpu, Device::Cpu, |x, hx| cpu.forward(x, Some(hx)).unwrap());
        let double = in_float64(&spec, &cpu);
        let truth = problem.double().run(&double, Device::Cpu, |x, hx| double.forward(x, Some(hx)).unwrap());
        let mut moved = cpu;
        each!(&mut moved, layer => layer.to(device)).unwrap();
        let after = problem.run(&moved, device, |x, hx| moved.forward(x, Some(hx)).unwrap());
        compare(&after, &before, &truth, "moved");
    });
}

/// Zeros instead of a state, evaluation mode, and the trace, whose operations are not cuDNN's.
#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn without_a_state_in_evaluation_and_traced_it_is_the_same() {
    on_gpu(|device| {
        for spec in specs("float32") {
            let (mut cpu, mut there) = both(&spec, device);
            let x = Problem::new(&spec).x;
            cpu.eval();
            there.eval();
            let _guard = tch::no_grad_guard();
            let truth = in_float64(&spec, &cpu).forward(&x.to_kind(Kind::Double), None).unwrap();
            let expected = cpu.forward(&x, None).unwrap();
            let x = x.to_device(device);
            let traced = each!(&there, layer => layer.trace(&x, None).unwrap().output);
            Float64Judge::GPU.assert(&format!("traced, {spec:?}"), &truth[..1], &expected[..1], &[traced]);
            let there = there.forward(&x, None).unwrap();
            assert!(there.iter().all(|there| there.kind() == Kind::Float));
            Float64Judge::GPU.assert(&format!("in evaluation, {spec:?}"), &truth, &expected, &there);
        }
    });
}
