//! Tests on a GPU, compared with the CPU.

use tch::{Device, Kind, Tensor};
use test_support::{Float64Judge, on_gpu};
use torch_ext::StateDict;
use torch_ext::optim::{Adam, AdamOptions, Optimizer, RmsPropOptions, Rule, SgdOptions, clip_grad_norm_};

/// Parameters on `device` after 20 steps with clipped gradients. After 10 steps a new optimizer loads the `state_dict`, as in a
/// resumed run.
fn trained<R: Rule>(device: Device, kind: Kind, options: &R) -> Vec<Tensor> {
    let make = |shape: &[i64]| {
        let n = shape.iter().product::<i64>();
        let drawn = (Tensor::arange(n, (Kind::Float, Device::Cpu)) * 0.37).sin().reshape(shape);
        drawn.to_kind(kind).to_device(device).set_requires_grad(true)
    };
    let params = [make(&[7, 5]), make(&[3]), make(&[40, 30])];
    let mut optimizer = Optimizer::new(&params, options.clone()).unwrap();
    for step in 1..=20 {
        optimizer.zero_grad().unwrap();
        let loss: Tensor = params.iter().map(|p| ((p * f64::from(step)).cos() * p).sum(kind)).sum();
        loss.backward();
        let _norm = clip_grad_norm_(&params, 1.0, 2.0).unwrap();
        optimizer.step().unwrap();
        if step == 10 {
            let state = optimizer.state_dict().unwrap();
            optimizer = Optimizer::new(&params, options.clone()).unwrap();
            optimizer.load_state_dict(&state).unwrap();
        }
    }
    params.into()
}

fn assert_same<R: Rule>(device: Device, options: &R, cpu: &R) {
    let truth = trained(Device::Cpu, Kind::Double, cpu);
    let (cpu, there) = (trained(Device::Cpu, Kind::Float, cpu), trained(device, Kind::Float, options));
    Float64Judge::GPU.assert(&format!("parameters after {options:?}"), &truth, &cpu, &there);
}

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn optimizers_and_clipping_agree_with_the_cpu() {
    on_gpu(|device| {
        let adam = AdamOptions { lr: 0.01, ..AdamOptions::default() };
        let decay = AdamOptions { weight_decay: 0.1, amsgrad: true, ..adam.clone() };
        let adam_w = AdamOptions { weight_decay: 0.1, decoupled_weight_decay: true, ..adam.clone() };
        for options in [adam, decay, adam_w] {
            // A GPU always uses the fused kernel; the CPU only with `fused`.
            assert_same(device, &AdamOptions { fused: true, ..options.clone() }, &options);
            assert_same(device, &options, &options);
        }
        let sgd = SgdOptions { lr: 0.01, momentum: 0.9, ..SgdOptions::default() };
        assert_same(device, &sgd, &sgd);
        let rms_prop = RmsPropOptions { momentum: 0.5, centered: true, ..RmsPropOptions::default() };
        assert_same(device, &rms_prop, &rms_prop);
    });
}

/// Python's default has `fused: None` in its `state_dict` on every device, so the other device can continue from it.
#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_gpus_optimizer_state_does_not_save_fused() {
    on_gpu(|device| {
        let param = Tensor::ones([3], (Kind::Float, device)).set_requires_grad(true);
        let mut adam = Adam::new([&param], AdamOptions::default()).unwrap();
        param.square().sum(Kind::Float).backward();
        adam.step().unwrap();
        let state = adam.state_dict().unwrap();
        let cpu = param.detach().to_device(Device::Cpu).set_requires_grad(true);
        let mut there = Adam::new([&cpu], AdamOptions::default()).unwrap();
        there.load_state_dict(&state).unwrap();
        assert_eq!(there.param_groups()[0].options, AdamOptions::default());
        assert_eq!(there.state_dict().unwrap(), state);
        let exp_avg = &there.param_groups()[0].states()[0].as_ref().unwrap().exp_avg;
        assert_eq!(exp_avg.device(), Device::Cpu);
    });
}

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn files_have_the_tensors_of_the_gpu() {
    on_gpu(|device| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.pt");
        let cpu = Tensor::arange(6, (Kind::Float, Device::Cpu)).reshape([2, 3]);
        let there: StateDict = [("w".to_owned(), cpu.to_device(device))].into_iter().collect();
        there.save(&path).unwrap();
        let read = StateDict::load(&path).unwrap();
        assert_eq!((read.get("w").unwrap().device(), read.get("w").unwrap()), (Device::Cpu, &cpu));

        let back = Tensor::zeros([2, 3], (Kind::Float, device));
        read.load_into("Model", [("w", &back)], true).unwrap();
        assert_eq!((back.device(), back.to_device(Device::Cpu)), (device, cpu));
        let program = "import sys, torch; print(torch.load(sys.argv[1], weights_only=True)['w'].device)";
        assert_eq!(test_support::run_python(program, &[path.to_str().unwrap()]).trim(), "cpu");
    });
}
