//! One step of each cell, forward and backward, element by element, once the matrix products have been added up.
//!
//! A step works on `rows` rows of `columns` numbers. The gates of a cell are blocks of that size, `gate` numbers apart:
//! RNN has one; LSTM i, f, g, o; GRU r, z, n and the part of n that r multiplies, `W_hn h + b_hn`. Equations are those
//! of torch.nn; a gradient `d x` is that of the loss with respect to x, and for gates with respect to what the
//! nonlinearity was applied to.

use crate::math::{sigmoid, tanh};
use crate::simd::Simd;

/// A block of numbers: where it starts, and how far apart its rows are.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub at: *mut f32,
    pub row: usize,
}

// SAFETY: an address; who dereferences it promises that no two threads clash.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// The block that starts `columns` further to the right.
    pub(crate) fn right(self, columns: usize) -> Block {
        Block { at: self.at.wrapping_add(columns), row: self.row }
    }
}

/// What a step forward reads and writes.
#[derive(Clone, Copy)]
pub(crate) struct Forward {
    pub rows: usize,
    /// A multiple of the number of lanes.
    pub columns: usize,
    /// Whether the way back will read the gates and tanh(c).
    pub save: bool,
    /// In: the sums. Out: the gates, that is, the nonlinearities of the sums, if they are saved.
    pub gates: Block,
    pub gate: usize,
    /// h of the step before.
    pub h_prev: Block,
    /// h of this step, out.
    pub h: Block,
    /// c of the step before, c of this step and, if it is saved, tanh(c), for LSTM.
    pub c_prev: Block,
    pub c: Block,
    pub tanh_c: Block,
}

/// What a step backward reads and writes.
#[derive(Clone, Copy)]
pub(crate) struct Backward {
    pub rows: usize,
    /// A multiple of the number of lanes.
    pub columns: usize,
    /// The gates as the step forward left them.
    pub gates: Block,
    /// The gradients of the sums, out; blocks as far apart as those of the gates.
    pub d_gates: Block,
    pub gate: usize,
    /// The gradient of the loss with respect to the output of this step, if there is one.
    pub d_output: Option<Block>,
    pub h_prev: Block,
    /// h of this step.
    pub h: Block,
    pub c_prev: Block,
    pub tanh_c: Block,
    /// In: d h by way of the next step. Out: d h of the step before, as far as it does not come through the gates.
    pub d_h: Block,
    /// In: d c by way of the next step. Out: d c of the step before.
    pub d_c: Block,
}

macro_rules! at {
    ($block:expr, $row:expr, $column:expr) => {
        $block.at.add($row * $block.row + $column)
    };
}

/// Visits every vector of a step; `$i` is its offset from a block's start, found by `at!`.
macro_rules! for_each_vector {
    ($step:expr, |$row:ident, $column:ident| $body:block) => {
        for $row in 0..$step.rows {
            for $column in (0..$step.columns).step_by(S::LANES) $body
        }
    };
}

/// h = tanh(sum), or relu(sum).
///
/// # Safety
/// The CPU has the instruction set `S`; every block has `rows` rows of `columns` numbers. So for every function here.
#[inline(always)]
pub(crate) unsafe fn rnn_forward<S: Simd, const RELU: bool>(step: &Forward) {
    // SAFETY: the caller's promise.
    unsafe {
        for_each_vector!(step, |row, column| {
            let sum = S::load(at!(step.gates, row, column));
            let h = if RELU { S::max(S::splat(0.0), sum) } else { tanh::<S>(sum) };
            S::store(at!(step.h, row, column), h);
        });
    }
}

/// d sum = d h (1 - h^2), or d h where h > 0.
#[inline(always)]
pub(crate) unsafe fn rnn_backward<S: Simd, const RELU: bool>(step: &Backward) {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = S::splat(0.0);
        for_each_vector!(step, |row, column| {
            let d_h = d_h::<S>(step, row, column);
            let h = S::load(at!(step.h, row, column));
            let d_sum = if RELU { S::select_le(h, zero, zero, d_h) } else { S::mul(d_h, S::fnma(h, h, S::splat(1.0))) };
            S::store(at!(step.d_gates, row, column), d_sum);
            S::store(at!(step.d_h, row, column), zero);
        });
    }
}

/// i, f, o = sigmoid(sums), g = tanh(sum), c = f c_prev + i g, h = o tanh(c).
#[inline(always)]
pub(crate) unsafe fn lstm_forward<S: Simd>(step: &Forward) {
    // SAFETY: the caller's promise.
    unsafe {
        let gate = step.gate;
        for_each_vector!(step, |row, column| {
            let at = at!(step.gates, row, column);
            let i = sigmoid::<S>(S::load(at));
            let f = sigmoid::<S>(S::load(at.add(gate)));
            let g = tanh::<S>(S::load(at.add(2 * gate)));
            let o = sigmoid::<S>(S::load(at.add(3 * gate)));
            let c = S::fma(f, S::load(at!(step.c_prev, row, column)), S::mul(i, g));
            let tanh_c = tanh::<S>(c);
            if step.save {
                S::store(at, i);
                S::store(at.add(gate), f);
                S::store(at.add(2 * gate), g);
                S::store(at.add(3 * gate), o);
                S::store(at!(step.tanh_c, row, column), tanh_c);
            }
            S::store(at!(step.c, row, column), c);
            S::store(at!(step.h, row, column), S::mul(o, tanh_c));
        });
    }
}

/// d o = d h tanh(c), d c += d h o (1 - tanh(c)^2), d i = d c g, d f = d c c_prev, d g = d c i, d c_prev = d c f; then
/// through the nonlinearities.
#[inline(always)]
pub(crate) unsafe fn lstm_backward<S: Simd>(step: &Backward) {
    // SAFETY: the caller's promise.
    unsafe {
        let (gate, one) = (step.gate, S::splat(1.0));
        for_each_vector!(step, |row, column| {
            let (at, d) = (at!(step.gates, row, column), at!(step.d_gates, row, column));
            let d_h = d_h::<S>(step, row, column);
            let tanh_c = S::load(at!(step.tanh_c, row, column));
            let (i, f) = (S::load(at), S::load(at.add(gate)));
            let (g, o) = (S::load(at.add(2 * gate)), S::load(at.add(3 * gate)));
            let d_c = S::load(at!(step.d_c, row, column));
            let d_c = S::fma(S::mul(d_h, o), S::fnma(tanh_c, tanh_c, one), d_c);
            let c_prev = S::load(at!(step.c_prev, row, column));
            S::store(d, S::mul(S::mul(d_c, g), slope::<S>(i)));
            S::store(d.add(gate), S::mul(S::mul(d_c, c_prev), slope::<S>(f)));
            S::store(d.add(2 * gate), S::mul(S::mul(d_c, i), S::fnma(g, g, one)));
            S::store(d.add(3 * gate), S::mul(S::mul(d_h, tanh_c), slope::<S>(o)));
            S::store(at!(step.d_c, row, column), S::mul(d_c, f));
            S::store(at!(step.d_h, row, column), S::splat(0.0));
        });
    }
}

/// r, z = sigmoid(sums), n = tanh(sum + r (W_hn h + b_hn)), h = n + z (h_prev - n).
#[inline(always)]
pub(crate) unsafe fn gru_forward<S: Simd>(step: &Forward) {
    // SAFETY: the caller's promise.
    unsafe {
        let gate = step.gate;
        for_each_vector!(step, |row, column| {
            let at = at!(step.gates, row, column);
            let r = sigmoid::<S>(S::load(at));
            let z = sigmoid::<S>(S::load(at.add(gate)));
            let n = tanh::<S>(S::fma(r, S::load(at.add(3 * gate)), S::load(at.add(2 * gate))));
            let h_prev = S::load(at!(step.h_prev, row, column));
            if step.save {
                S::store(at, r);
                S::store(at.add(gate), z);
                S::store(at.add(2 * gate), n);
            }
            S::store(at!(step.h, row, column), S::fma(z, S::sub(h_prev, n), n));
        });
    }
}

/// d n = d h (1 - z), d z = d h (h_prev - n), d h_prev = d h z; then through the nonlinearities, and by way of n to r and
/// to the part that r multiplies.
#[inline(always)]
pub(crate) unsafe fn gru_backward<S: Simd>(step: &Backward) {
    // SAFETY: the caller's promise.
    unsafe {
        let (gate, one) = (step.gate, S::splat(1.0));
        for_each_vector!(step, |row, column| {
            let (at, d) = (at!(step.gates, row, column), at!(step.d_gates, row, column));
            let d_h = d_h::<S>(step, row, column);
            let (r, z) = (S::load(at), S::load(at.add(gate)));
            let (n, hidden_part) = (S::load(at.add(2 * gate)), S::load(at.add(3 * gate)));
            let h_prev = S::load(at!(step.h_prev, row, column));
            let d_n = S::mul(S::mul(d_h, S::sub(one, z)), S::fnma(n, n, one));
            S::store(d, S::mul(S::mul(d_n, hidden_part), slope::<S>(r)));
            S::store(d.add(gate), S::mul(S::mul(d_h, S::sub(h_prev, n)), slope::<S>(z)));
            S::store(d.add(2 * gate), d_n);
            S::store(d.add(3 * gate), S::mul(d_n, r));
            S::store(at!(step.d_h, row, column), S::mul(d_h, z));
        });
    }
}

/// d h of this step: by way of the next one, and of the output.
#[inline(always)]
unsafe fn d_h<S: Simd>(step: &Backward, row: usize, column: usize) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        let by_state = S::load(at!(step.d_h, row, column));
        match step.d_output {
            Some(d_output) => S::add(by_state, S::load(at!(d_output, row, column))),
            None => by_state,
        }
    }
}

/// s (1 - s), the derivative of the sigmoid where it is s.
#[inline(always)]
unsafe fn slope<S: Simd>(s: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { S::mul(s, S::sub(S::splat(1.0), s)) }
}
