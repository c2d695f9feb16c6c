//! Gradient clipping, compared with `torch.nn.utils` to the bit.

use tch::{Kind, Tensor};
use torch_ext::optim::{clip_grad_norm_, clip_grad_value_};

use crate::support::{PRELUDE, bits, weights};

const PROGRAM: &str = r"
def clipped(clip):
    p = [weights(37), weights(5)]
    sum((w * w * w).sum() for w in p).backward()
    norm = clip(p)
    print(bits([w.grad for w in p] + ([norm] if norm is not None else [])))
for max_norm, norm_type in [(1.0, 2.0), (1e6, 2.0), (0.5, 1.0), (2.5, math.inf), (1.0, 3.0)]:
    clipped(lambda p: torch.nn.utils.clip_grad_norm_(p, max_norm, norm_type))
clipped(lambda p: torch.nn.utils.clip_grad_value_(p, 0.75))
";

fn clipped(clip: impl FnOnce(&[Tensor]) -> Option<Tensor>) -> String {
    let params = [weights(37), weights(5)];
    let loss: Tensor = params.iter().map(|w| (w * w * w).sum(Kind::Float)).sum();
    loss.backward();
    let norm = clip(&params);
    let grads: Vec<Tensor> = params.iter().map(Tensor::grad).chain(norm).collect();
    bits(&grads)
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn clipping_equals_pythons_to_the_bit() {
    let norms = [(1.0, 2.0), (1e6, 2.0), (0.5, 1.0), (2.5, f64::INFINITY), (1.0, 3.0)];
    let mut ours: Vec<String> = norms
        .iter()
        .map(|(max_norm, norm_type)| clipped(|params| Some(clip_grad_norm_(params, *max_norm, *norm_type).unwrap())))
        .collect();
    ours.push(clipped(|params| {
        clip_grad_value_(params, 0.75).unwrap();
        None
    }));
    let python = test_support::run_python(&format!("{PRELUDE}{PROGRAM}"), &[]);
    assert_eq!(ours, python.lines().collect::<Vec<_>>());
}

#[test]
fn clipping_without_gradients_and_with_a_negative_value() {
    let param = weights(3);
    assert_eq!(clip_grad_norm_([&param], 1.0, 2.0).unwrap().double_value(&[]), 0.0);
    clip_grad_value_([&param], 1.0).unwrap();
    assert!(clip_grad_value_([&param], -1.0).unwrap_err().to_string().contains("-1.0"));
}
