//! The code that is compiled once for each instruction set.
//!
//! Every function here is generic over [`simd::Simd`] and `#[inline(always)]`. [`instruction_set`] compiles one copy
//! for each instruction set and puts the copies into a table of function pointers.

pub(crate) mod cells;
pub(crate) mod dot_products;
pub(crate) mod gemm;
pub(crate) mod instruction_set;
pub(crate) mod math;
pub(crate) mod simd;
pub(crate) mod softmax;
