//! On a GPU, where cuDNN computes, beside the CPU: results and all gradients.

use cuda_test::{alone, assert_close};
use recurrent::pack_padded_sequence;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};
use torch_ext::StateDict;

use crate::each;
use crate::support::layer::{Layer, MODES, Spec};
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
                let number = Tensor::arange(value.numel() as i64, (value.kind(), Device::Cpu)) * 0.61;
                (value * number.cos().reshape(value.size()).to_device(value.device())).sum(value.kind())
            },
        }
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

/// Tolerance for f32: cuDNN adds up in another order than the CPU, in sums of up to a few thousand terms.
const F32: f64 = 5e-5;

/// Tolerance for each dtype. f64 shows that the two devices compute the same function, f32 that it is f32 arithmetic without TF32.
const DTYPES: [(&str, f64); 2] = [("float32", F32), ("float64", 1e-10)];

fn compare(there: &[(String, Tensor)], cpu: &[(String, Tensor)], tolerance: f64, what: &str) {
    assert_eq!(there.len(), cpu.len());
    for ((name, there), (_, cpu)) in there.iter().zip(cpu) {
        assert_close(there, cpu, tolerance, &format!("{what}: {name}"));
    }
}

#[test]
fn sequences_and_gradients_are_the_cpus() {
    alone("cuda::sequences_and_gradients_are_the_cpus", |device| {
        for (dtype, tolerance) in DTYPES {
            for spec in specs(dtype) {
                let (cpu, there) = both(&spec, device);
                let problem = Problem::new(&spec);
                let [cpu, there] = [(&cpu, Device::Cpu), (&there, device)]
                    .map(|(layer, at)| problem.run(layer, at, |x, hx| layer.forward(x, Some(hx)).unwrap()));
                compare(&there, &cpu, tolerance, &format!("{spec:?}"));
            }
        }
    });
}

#[test]
fn packed_sequences_and_gradients_are_the_cpus() {
    alone("cuda::packed_sequences_and_gradients_are_the_cpus", |device| {
        for (dtype, tolerance) in DTYPES {
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
                let [cpu, there] = [(&cpu, Device::Cpu), (&there, device)]
                    .map(|(layer, at)| problem.run(layer, at, |x, hx| run(layer, x, hx)));
                compare(&there, &cpu, tolerance, &format!("packed, {spec:?}"));
            }
        }
    });
}

/// Written on one device and read on the other, by us and by Python, a layer is what it was.
#[test]
fn a_layer_moves_between_the_devices() {
    alone("cuda::a_layer_moves_between_the_devices", |device| {
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
        python_torch::run("a GPU's layer", program, &[path.to_str().unwrap()]);

        // `to` takes the layer along, and lays it out for cuDNN: else libtorch complains, and the test fails.
        let problem = Problem::new(&spec);
        let before = problem.run(&cpu, Device::Cpu, |x, hx| cpu.forward(x, Some(hx)).unwrap());
        let mut moved = cpu;
        each!(&mut moved, layer => layer.to(device)).unwrap();
        let after = problem.run(&moved, device, |x, hx| moved.forward(x, Some(hx)).unwrap());
        compare(&after, &before, F32, "moved");
    });
}

/// Zeros instead of a state, evaluation mode, and the trace, whose operations are not cuDNN's.
#[test]
fn without_a_state_in_evaluation_and_traced_it_is_the_same() {
    alone("cuda::without_a_state_in_evaluation_and_traced_it_is_the_same", |device| {
        for spec in specs("float32") {
            let (mut cpu, mut there) = both(&spec, device);
            let x = Problem::new(&spec).x;
            cpu.eval();
            there.eval();
            let _guard = tch::no_grad_guard();
            let expected = cpu.forward(&x, None).unwrap();
            let x = x.to_device(device);
            let traced = each!(&there, layer => layer.trace(&x, None).unwrap().output);
            assert_close(&traced, &expected[0], F32, &format!("traced, {spec:?}"));
            for (there, cpu) in there.forward(&x, None).unwrap().iter().zip(&expected) {
                assert_eq!(there.kind(), Kind::Float);
                assert_close(there, cpu, F32, &format!("in evaluation, {spec:?}"));
            }
        }
    });
}
