//! The equations of each cell for one time step, forward and backward, after the matrix products.
//!
//! A step works element by element on matrices of `rows` x `columns` numbers. The gate pre-activations of a cell are
//! such matrices ("gate blocks"), `gate_stride` numbers apart. RNN has one block. LSTM has i, f, g, o. GRU has r, z, n
//! and `W_hn h + b_hn`, the part of n that r multiplies.
//!
//! The equations are those of `torch.nn.RNN`, `LSTM` and `GRU`. `d x` is the gradient of the loss with respect to x. `d
//! gates` are the gradients with respect to the pre-activations, that is, to the arguments of sigmoid, tanh or relu.

use super::math::{sigmoid, tanh};
use super::simd::Simd;
use crate::pointers::MatrixPtr;

/// The operands of a forward step.
#[derive(Clone, Copy)]
pub(crate) struct ForwardStep {
    pub rows: usize,
    /// A multiple of the vector length.
    pub columns: usize,
    /// Whether a backward pass will read the gates and tanh(c).
    pub save: bool,
    /// In: the pre-activations. Out, if `save`: the gates.
    pub gates: MatrixPtr,
    pub gate_stride: usize,
    /// In: h of the previous step.
    pub h_prev: MatrixPtr,
    /// Out: h of this step.
    pub h: MatrixPtr,
    /// LSTM only. In: c of the previous step.
    pub c_prev: MatrixPtr,
    /// LSTM only. Out: c of this step. May be the same matrix as `c_prev`.
    pub c: MatrixPtr,
    /// LSTM only. Out, if `save`: tanh(c).
    pub tanh_c: MatrixPtr,
}

/// The operands of a backward step.
#[derive(Clone, Copy)]
pub(crate) struct BackwardStep {
    pub rows: usize,
    /// A multiple of the vector length.
    pub columns: usize,
    /// In: the gates that the forward step saved.
    pub gates: MatrixPtr,
    /// Out: d gates, with the same `gate_stride`.
    pub d_gates: MatrixPtr,
    pub gate_stride: usize,
    /// In: d output of this step. `None` is zero.
    pub d_output: Option<MatrixPtr>,
    /// In: h of the previous step and of this step.
    pub h_prev: MatrixPtr,
    pub h: MatrixPtr,
    /// LSTM only. In: c of the previous step, and tanh(c) of this step.
    pub c_prev: MatrixPtr,
    pub tanh_c: MatrixPtr,
    /// In: the part of d h that comes from the next step. Out: d h_prev without the part that comes through the gates.
    pub d_h: MatrixPtr,
    /// LSTM only. In: the part of d c that comes from the next step. Out: d c_prev.
    pub d_c: MatrixPtr,
}

/// Runs `$body` for every vector of a step, with the vector's row and first column. (A closure would not be compiled
/// for the instruction set of the function around it.)
macro_rules! for_each_vector {
    ($step:expr, |$row:ident, $column:ident| $body:block) => {
        for $row in 0..$step.rows {
            for $column in (0..$step.columns).step_by(S::LANES) $body
        }
    };
}

/// h = tanh(gates), or relu(gates).
///
/// # Safety
/// For this function and the others of this module:
/// - The CPU supports the instruction set `S`.
/// - Every matrix that the cell uses has `rows` rows of `columns` numbers, and so has every gate block.
/// - No other thread writes these numbers, and none accesses those that the step writes.
#[inline(always)]
pub(crate) unsafe fn rnn_forward<S: Simd, const RELU: bool>(step: &ForwardStep) {
    // SAFETY: the caller guarantees the CPU and the matrices; the loop stays inside `rows` x `columns`.
    unsafe {
        for_each_vector!(step, |row, column| {
            let gate = S::load(step.gates.at(row, column));
            let h = if RELU { S::max(S::splat(0.0), gate) } else { tanh::<S>(gate) };
            S::store(step.h.at(row, column), h);
        });
    }
}

/// d gates = d h (1 - h^2), or d h where h > 0.
#[inline(always)]
pub(crate) unsafe fn rnn_backward<S: Simd, const RELU: bool>(step: &BackwardStep) {
    // SAFETY: as in `rnn_forward`.
    unsafe {
        let zero = S::splat(0.0);
        for_each_vector!(step, |row, column| {
            let d_h = d_h::<S>(step, row, column);
            let h = S::load(step.h.at(row, column));
            let d_gate =
                if RELU { S::select_le(h, zero, zero, d_h) } else { S::mul(d_h, S::fnma(h, h, S::splat(1.0))) };
            S::store(step.d_gates.at(row, column), d_gate);
            S::store(step.d_h.at(row, column), zero);
        });
    }
}

/// i, f, o = sigmoid(..), g = tanh(..), c = f c_prev + i g, h = o tanh(c).
#[inline(always)]
pub(crate) unsafe fn lstm_forward<S: Simd>(step: &ForwardStep) {
    // SAFETY: as in `rnn_forward`.
    unsafe {
        let stride = step.gate_stride;
        for_each_vector!(step, |row, column| {
            let gates = step.gates.at(row, column);
            let i = sigmoid::<S>(S::load(gates));
            let f = sigmoid::<S>(S::load(gates.add(stride)));
            let g = tanh::<S>(S::load(gates.add(2 * stride)));
            let o = sigmoid::<S>(S::load(gates.add(3 * stride)));
            let c = S::fma(f, S::load(step.c_prev.at(row, column)), S::mul(i, g));
            let tanh_c = tanh::<S>(c);
            if step.save {
                S::store(gates, i);
                S::store(gates.add(stride), f);
                S::store(gates.add(2 * stride), g);
                S::store(gates.add(3 * stride), o);
                S::store(step.tanh_c.at(row, column), tanh_c);
            }
            S::store(step.c.at(row, column), c);
            S::store(step.h.at(row, column), S::mul(o, tanh_c));
        });
    }
}

/// d o = d h tanh(c), d c += d h o (1 - tanh(c)^2), d i = d c g, d f = d c c_prev, d g = d c i, d c_prev = d c f. The d
/// gates are these times the derivatives of sigmoid and tanh.
#[inline(always)]
pub(crate) unsafe fn lstm_backward<S: Simd>(step: &BackwardStep) {
    // SAFETY: as in `rnn_forward`.
    unsafe {
        let (stride, one) = (step.gate_stride, S::splat(1.0));
        for_each_vector!(step, |row, column| {
            let (gates, d_gates) = (step.gates.at(row, column), step.d_gates.at(row, column));
            let d_h = d_h::<S>(step, row, column);
            let tanh_c = S::load(step.tanh_c.at(row, column));
            let (i, f) = (S::load(gates), S::load(gates.add(stride)));
            let (g, o) = (S::load(gates.add(2 * stride)), S::load(gates.add(3 * stride)));
            let d_c = S::load(step.d_c.at(row, column));
            let d_c = S::fma(S::mul(d_h, o), S::fnma(tanh_c, tanh_c, one), d_c);
            let c_prev = S::load(step.c_prev.at(row, column));
            S::store(d_gates, S::mul(S::mul(d_c, g), sigmoid_derivative::<S>(i)));
            S::store(d_gates.add(stride), S::mul(S::mul(d_c, c_prev), sigmoid_derivative::<S>(f)));
            S::store(d_gates.add(2 * stride), S::mul(S::mul(d_c, i), S::fnma(g, g, one)));
            S::store(d_gates.add(3 * stride), S::mul(S::mul(d_h, tanh_c), sigmoid_derivative::<S>(o)));
            S::store(step.d_c.at(row, column), S::mul(d_c, f));
            S::store(step.d_h.at(row, column), S::splat(0.0));
        });
    }
}

/// r, z = sigmoid(..), n = tanh(.. + r (W_hn h_prev + b_hn)), h = n + z (h_prev - n).
#[inline(always)]
pub(crate) unsafe fn gru_forward<S: Simd>(step: &ForwardStep) {
    // SAFETY: as in `rnn_forward`.
    unsafe {
        let stride = step.gate_stride;
        for_each_vector!(step, |row, column| {
            let gates = step.gates.at(row, column);
            let r = sigmoid::<S>(S::load(gates));
            let z = sigmoid::<S>(S::load(gates.add(stride)));
            let n = tanh::<S>(S::fma(r, S::load(gates.add(3 * stride)), S::load(gates.add(2 * stride))));
            let h_prev = S::load(step.h_prev.at(row, column));
            if step.save {
                S::store(gates, r);
                S::store(gates.add(stride), z);
                S::store(gates.add(2 * stride), n);
            }
            S::store(step.h.at(row, column), S::fma(z, S::sub(h_prev, n), n));
        });
    }
}

/// d n = d h (1 - z), d z = d h (h_prev - n), d h_prev = d h z. The d gates are these times the derivatives of tanh and
/// sigmoid; d n also gives d r and the gradient of `W_hn h_prev + b_hn`.
#[inline(always)]
pub(crate) unsafe fn gru_backward<S: Simd>(step: &BackwardStep) {
    // SAFETY: as in `rnn_forward`.
    unsafe {
        let (stride, one) = (step.gate_stride, S::splat(1.0));
        for_each_vector!(step, |row, column| {
            let (gates, d_gates) = (step.gates.at(row, column), step.d_gates.at(row, column));
            let d_h = d_h::<S>(step, row, column);
            let (r, z) = (S::load(gates), S::load(gates.add(stride)));
            let (n, hidden_part) = (S::load(gates.add(2 * stride)), S::load(gates.add(3 * stride)));
            let h_prev = S::load(step.h_prev.at(row, column));
            let d_n = S::mul(S::mul(d_h, S::sub(one, z)), S::fnma(n, n, one));
            S::store(d_gates, S::mul(S::mul(d_n, hidden_part), sigmoid_derivative::<S>(r)));
            S::store(d_gates.add(stride), S::mul(S::mul(d_h, S::sub(h_prev, n)), sigmoid_derivative::<S>(z)));
            S::store(d_gates.add(2 * stride), d_n);
            S::store(d_gates.add(3 * stride), S::mul(d_n, r));
            S::store(step.d_h.at(row, column), S::mul(d_h, z));
        });
    }
}

/// d h of this step: the part from the next step plus d output.
#[inline(always)]
unsafe fn d_h<S: Simd>(step: &BackwardStep, row: usize, column: usize) -> S::V {
    // SAFETY: the caller guarantees that the CPU supports `S` and that the matrices have this row and vector.
    unsafe {
        let from_next_step = S::load(step.d_h.at(row, column));
        match step.d_output {
            Some(d_output) => S::add(from_next_step, S::load(d_output.at(row, column))),
            None => from_next_step,
        }
    }
}

/// The derivative of the sigmoid where its value is s: s (1 - s).
#[inline(always)]
unsafe fn sigmoid_derivative<S: Simd>(s: S::V) -> S::V {
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe { S::mul(s, S::sub(S::splat(1.0), s)) }
}
