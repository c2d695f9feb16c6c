//! The product of a matrix of samples and a weight in torch's layout, `y = x W^T + b`.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

/// From this number of rows on the blocked matrix product is faster than dot products: it copies W into another order first.
const BLOCKED_ROWS: usize = 4;

/// Computes `y = x W^T + b` for `x` (rows, inputs), `w` (outputs, inputs), `b` (outputs), `y` (rows, outputs), all in
/// row-major order. `y` is complete if the lengths of the slices fit.
pub(crate) fn affine(x: &[f32], w: &[f32], b: Option<&[f32]>, y: &mut [f32], inputs: usize, outputs: usize) {
    if inputs == 0 || outputs == 0 {
        return;
    }
    for y in y.chunks_exact_mut(outputs) {
        match b {
            Some(b) if b.len() == outputs => y.copy_from_slice(b),
            _ => y.fill(0.0),
        }
    }
    let rows = y.len() / outputs;
    if rows >= BLOCKED_ROWS {
        let x = ArrayView2::from_shape((rows, inputs), x);
        let w = ArrayView2::from_shape((outputs, inputs), w);
        let y = ArrayViewMut2::from_shape((rows, outputs), y);
        if let (Ok(x), Ok(w), Ok(mut y)) = (x, w, y) {
            general_mat_mul(1.0, &x, &w.t(), 1.0, &mut y);
        }
        return;
    }
    for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact_mut(outputs)) {
        for (w, y) in w.chunks_exact(inputs).zip(y) {
            *y += dot(x, w);
        }
    }
}

/// The sum of products, in independent partial sums that the compiler turns into vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum::<f32>();
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            sums[i] += sums[i + width];
        }
        width /= 2;
    }
    sums[0] + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_all_sizes_equal_those_in_float64() {
        let number = |i: usize| ((i * 7919 + 13) % 101) as f32 / 50.0 - 1.0;
        for rows in [1, 2, 3, 4, 5, 9] {
            for inputs in [1, 15, 16, 17, 40] {
                for outputs in [1, 3, 8] {
                    let x: Vec<f32> = (0..rows * inputs).map(number).collect();
                    let w: Vec<f32> = (0..outputs * inputs).map(|i| number(i + 500)).collect();
                    let b: Vec<f32> = (0..outputs).map(|i| number(i + 900)).collect();
                    let mut y = vec![f32::NAN; rows * outputs];
                    affine(&x, &w, Some(&b), &mut y, inputs, outputs);
                    for (i, y) in y.iter().enumerate() {
                        let (x, w) = (&x[i / outputs * inputs..][..inputs], &w[i % outputs * inputs..][..inputs]);
                        let sum: f64 = x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                        let expected = sum + f64::from(b[i % outputs]);
                        assert!((f64::from(*y) - expected).abs() < 1e-5, "{rows} {inputs} {outputs}");
                    }
                }
            }
        }
    }
}
