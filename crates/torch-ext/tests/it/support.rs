//! A small training problem in Rust and in Python, and a lock for the default generator.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::{Device, Kind, Tensor};
use torch_ext::optim::{Optimizer, Rule};

/// The problem in Python: minimise sum(sin(3 w) / 2 + w^4 / 10) over parameters of 37 and of 5 elements.
pub const PRELUDE: &str = r"
import math, struct, sys, torch
torch.set_num_threads(1)
def bits(p): return ' '.join(struct.pack('>f', v).hex() for t in p for v in t.flatten().tolist())
def weights(n): return torch.arange(n, dtype=torch.float32).mul(0.37).sub(1.0).requires_grad_()
def train_step(optimizer, p):
    optimizer.zero_grad()
    sum(((3 * w).sin() * 0.5 + w * w * w * w / 10).sum() for w in p).backward()
    optimizer.step()
";

/// `n` numbers from -1 upwards.
pub fn weights(n: i64) -> Tensor {
    let steps = Tensor::arange(n, (Kind::Float, Device::Cpu));
    steps.f_mul_scalar(0.37).unwrap().f_sub_scalar(1.0).unwrap().set_requires_grad(true)
}

/// One training step of the problem.
pub fn train_step<R: Rule>(optimizer: &mut Optimizer<R>, params: &[Tensor]) {
    optimizer.zero_grad().unwrap();
    let loss: Tensor = params.iter().map(|w| ((w * 3).sin() * 0.5 + w * w * w * w / 10).sum(Kind::Float)).sum();
    loss.backward();
    optimizer.step().unwrap();
}

/// The bits of every element, as eight hexadecimal digits.
pub fn bits(params: &[Tensor]) -> String {
    let elements = params.iter().flat_map(|param| Vec::<f32>::try_from(&param.detach().reshape([-1])).unwrap());
    elements.map(|element| format!("{:08x}", element.to_bits())).collect::<Vec<_>>().join(" ")
}

/// Seeds the default generator, which all tests share. One test at a time draws from it: the one that holds the guard.
pub fn seeded(seed: i64) -> MutexGuard<'static, ()> {
    static DEFAULT_GENERATOR: Mutex<()> = Mutex::new(());
    let turn = DEFAULT_GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::manual_seed(seed);
    turn
}
