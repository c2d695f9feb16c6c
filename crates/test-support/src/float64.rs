//! Judges f32 results by a float64 computation of the same thing.
//!
//! The CPU model, its instruction set and the number of threads change the last bits of f32 results, libtorch's own included.
//! So a fixed tolerance holds only on the machine where it was measured. A float64 computation is about 2^29 times as exact as
//! an f32 one, so its result stands for the true value. The error of libtorch's f32 result shows how much rounding a case causes
//! on this machine. Another f32 implementation may have an error of the same size.
//!
//! ```
//! use tch::{Kind, Tensor};
//! let x = Tensor::rand([8, 8], tch::kind::FLOAT_CPU);
//! let truth = x.to_kind(Kind::Double).matmul(&x.to_kind(Kind::Double));
//! let judge = test_support::Float64Judge { factor: 3.0, ulps: 4.0 };
//! judge.assert("x x", &[truth], &[x.matmul(&x)], &[x.tr().matmul(&x.tr()).tr()]);
//! ```

use std::env;

use tch::{Device, Kind, Tensor};

/// Accepts an f32 result whose error is at most `factor` times the error of libtorch's f32 result, plus `ulps` units in the
/// last place of the largest value. Errors are measured against a float64 computation.
///
/// The second term is for cases in which libtorch's result is exact or almost exact by chance, such as a sum of a few terms.
#[derive(Debug, Clone, Copy)]
pub struct Float64Judge {
    /// The largest error, as a multiple of libtorch's.
    pub factor: f64,
    /// Added to that: units in the last place of the largest value. One unit is 2^-23 of it.
    pub ulps: f64,
}

/// The largest accepted error of libtorch's f32 result, as a share of the largest value. A larger error shows that the float64
/// computation is a different one. A test that compares with it would accept everything.
const LARGEST_TORCH_ERROR: f64 = 1e-3;

impl Float64Judge {
    /// For f32 results of a GPU beside the CPU's. cuDNN and cuBLAS add in another order and use other polynomials than the
    /// CPU's libraries. TF32 rounds factors to 2^-11: its error would be thousands of ULP.
    pub const GPU: Float64Judge = Float64Judge { factor: 16.0, ulps: 256.0 };

    /// Judges a group of tensors (all results, or all gradients): `ours` and `torch` are f32, `truth` is float64. The error is
    /// the largest one in the group, because libtorch's error in a single small tensor can be 0 by chance.
    ///
    /// Returns the smallest factor that would be enough; 0 if the ULPs alone are enough.
    ///
    /// # Panics
    /// If an error is too large. The message has both errors, CPU, instruction sets and threads.
    #[track_caller]
    pub fn assert(&self, what: &str, truth: &[Tensor], torch: &[Tensor], ours: &[Tensor]) -> f64 {
        let errors = |f32: &[Tensor]| -> Vec<f64> {
            assert_eq!(f32.len(), truth.len(), "{what}: the number of tensors");
            f32.iter().zip(truth).map(|(f32, truth)| error(what, f32, truth)).collect()
        };
        let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let [torch, ours] = [torch, ours].map(errors);
        let worst = ours.iter().position(|error| *error == largest(&ours)).unwrap_or_default();
        let magnitudes: Vec<f64> = truth.iter().map(magnitude).collect();
        self.assert_errors(&format!("{what}, tensor {worst}"), largest(&magnitudes), largest(&torch), largest(&ours))
    }

    /// Judges two errors as [`Float64Judge::assert`] does; `largest` is the largest true value.
    ///
    /// # Panics
    /// As [`Float64Judge::assert`].
    #[track_caller]
    pub fn assert_errors(&self, what: &str, largest: f64, torch: f64, ours: f64) -> f64 {
        let rounding = self.ulps * f64::from(f32::EPSILON) * largest;
        assert!(
            torch <= LARGEST_TORCH_ERROR * largest,
            "{what}: libtorch's f32 result differs by {torch:e} from the float64 result, whose largest value is {largest:e}: \
             they are different computations\n  {}",
            machine()
        );
        assert!(
            ours <= self.factor * torch + rounding,
            "{what}: the error against float64 is {ours:e}, that of libtorch's f32 is {torch:e}; {} times that plus {} ULP of \
             the largest value {largest:e} is accepted\n  {}",
            self.factor,
            self.ulps,
            machine()
        );
        if ours <= rounding { 0.0 } else { (ours - rounding) / torch }
    }
}

/// The largest magnitude; 0 for an empty tensor.
fn magnitude(tensor: &Tensor) -> f64 {
    if tensor.numel() == 0 { 0.0 } else { tensor.detach().abs().max().double_value(&[]) }
}

/// The largest difference between elements; infinite if one is NaN.
#[track_caller]
fn error(what: &str, single: &Tensor, truth: &Tensor) -> f64 {
    assert_eq!((truth.kind(), truth.size()), (Kind::Double, single.size()), "{what}: the float64 tensor");
    let single = single.detach().to_device(Device::Cpu).to_kind(Kind::Double);
    let largest = magnitude(&(single - truth));
    if largest.is_nan() { f64::INFINITY } else { largest }
}

/// What the last bits depend on, for the message of a failing test: CPU model, instruction sets, threads.
fn machine() -> String {
    const VARIABLES: [&str; 5] =
        ["ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA", "RNN_KERNELS", "OMP_NUM_THREADS"];
    let set = VARIABLES.iter().filter_map(|name| Some(format!("{name}={}", env::var(name).ok()?)));
    let kernels =
        rnn_kernels::InstructionSet::chosen().map_or_else(|error| error.to_string(), |set| set.name().to_owned());
    format!(
        "CPU: {}; libtorch's instruction set: {}; that of rnn-kernels: {kernels}; threads: {}; environment: [{}]",
        torch_ext::cpu::model_name(),
        torch_ext::cpu::capability().unwrap_or_else(|error| error.to_string()),
        tch::get_num_threads(),
        set.collect::<Vec<_>>().join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const JUDGE: Float64Judge = Float64Judge { factor: 3.0, ulps: 1.0 };

    /// Judges two f32 results whose true value is 1.0.
    fn judge(torch: f32, ours: f32) -> std::thread::Result<f64> {
        let one = |value: f32| [Tensor::from_slice(&[value])];
        let truth = [Tensor::from_slice(&[1f64])];
        std::panic::catch_unwind(|| JUDGE.assert("a number", &truth, &one(torch), &one(ours)))
    }

    #[test]
    fn accepts_an_error_of_the_size_of_libtorchs_and_rejects_a_larger_one() {
        let off = |ulps: i32| 1.0 + ulps as f32 * f32::EPSILON;
        assert_eq!(judge(off(0), off(1)).unwrap(), 0.0);
        assert_eq!(judge(off(-2), off(7)).unwrap(), 3.0);
        assert!(judge(off(0), off(2)).is_err());
        let report = judge(off(2), off(8)).unwrap_err();
        let report = report.downcast_ref::<String>().unwrap();
        for part in ["a number, tensor 0", "9.5367431640625e-7", "2.384185791015625e-7", "CPU: ", "threads: "] {
            assert!(report.contains(part), "{part} is missing in: {report}");
        }
        assert!(judge(off(1), f32::NAN).is_err() && judge(f32::NAN, off(1)).is_err());
    }

    #[test]
    fn rejects_a_float64_result_of_another_computation() {
        assert!(judge(1.5, 1.0).is_err());
    }
}
