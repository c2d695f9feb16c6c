//! The functions of the C++ shim (`csrc/`), and how tensors, strings and panics cross the boundary.
//!
//! tch's `Tensor` holds a pointer to an `at::Tensor`. The shim takes these pointers directly. A shim function that can fail
//! returns null on success, else a message: see [`check`].

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::{Error, Result, first_line};

unsafe extern "C" {
    pub(crate) fn te_add_(this: *mut C_tensor, other: *const C_tensor, alpha: f64) -> *mut c_char;
    pub(crate) fn te_add(
        this: *const C_tensor,
        other: *const C_tensor,
        alpha: f64,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn te_addcmul_(this: *mut C_tensor, a: *const C_tensor, b: *const C_tensor, value: f64) -> *mut c_char;
    pub(crate) fn te_addcdiv_(this: *mut C_tensor, a: *const C_tensor, b: *const C_tensor, value: f64) -> *mut c_char;
    pub(crate) fn te_vector_norm(this: *const C_tensor, ord: f64, out: *mut *mut C_tensor) -> *mut c_char;
    pub(crate) fn te_clear_grad(this: *mut C_tensor) -> *mut c_char;
    pub(crate) fn te_set_grad(this: *mut C_tensor, grad: *const C_tensor) -> *mut c_char;
    pub(crate) fn te_adam_find_data(tensors: *mut AdamTensors, n: usize) -> *mut c_char;
    pub(crate) fn te_sqrt(values: *mut f32, n: i64) -> *mut c_char;
    pub(crate) fn te_fused_adam(
        tensors: *const FusedAdamTensors,
        n: usize,
        options: *const FusedAdamOptions,
    ) -> *mut c_char;
    pub(crate) fn te_rng_get_state(state: *mut *mut C_tensor) -> *mut c_char;
    pub(crate) fn te_rng_set_state(state: *const C_tensor) -> *mut c_char;
    pub(crate) fn te_cpu_capability(capability: *mut *mut c_char) -> *mut c_char;
    pub(crate) fn te_libtorch_file(file: *mut *mut c_char) -> *mut c_char;
    pub(crate) fn te_allow_tf32(allow: bool) -> *mut c_char;
    pub(crate) fn te_seeded_randperm(n: i64, seed: u64, permutation: *mut *mut C_tensor) -> *mut c_char;
    pub(crate) fn te_is_recording(inputs: *const *const C_tensor, n: usize) -> bool;
    pub(crate) fn te_inference_mode_enter() -> *mut c_void;
    pub(crate) fn te_inference_mode_leave(mode: *mut c_void);
    pub(crate) fn te_backward(loss: *const C_tensor) -> *mut c_char;
    pub(crate) fn te_version(tensor: *const C_tensor) -> i64;
    pub(crate) fn te_record(
        name: *const c_char,
        name_length: usize,
        inputs: *const *const C_tensor,
        n_inputs: usize,
        outputs: *const *mut C_tensor,
        n_outputs: usize,
        closure: *mut c_void,
        call: BackwardCall,
        release: unsafe extern "C" fn(closure: *mut c_void),
    ) -> *mut c_char;
    pub(crate) fn te_f32_data(tensor: *const C_tensor, data: *mut F32Data) -> bool;
    pub(crate) fn te_write_f32(tensor: *const C_tensor, values: *const f32, length: usize) -> bool;
    pub(crate) fn te_num_threads() -> usize;
    pub(crate) fn te_parallel_for(
        tasks: usize,
        run: unsafe extern "C" fn(job: *const c_void, begin: usize, end: usize),
        job: *const c_void,
    ) -> *mut c_char;
    pub(crate) fn te_dist_join(join: *const Join, group: *mut *mut Group, attempt: *mut i64) -> *mut c_char;
    pub(crate) fn te_dist_leave(group: *mut Group) -> *mut c_char;
    pub(crate) fn te_dist_store_set(group: *mut Group, key: *const c_char, value: *const c_char) -> *mut c_char;
    pub(crate) fn te_dist_store_check(group: *mut Group, key: *const c_char, exists: *mut bool) -> *mut c_char;
    pub(crate) fn te_dist_all_reduce_sum(
        group: *mut Group,
        tensor: *const C_tensor,
        work: *mut *mut Work,
    ) -> *mut c_char;
    pub(crate) fn te_dist_broadcast(
        group: *mut Group,
        tensor: *const C_tensor,
        root: i64,
        work: *mut *mut Work,
    ) -> *mut c_char;
    pub(crate) fn te_dist_all_gather(
        group: *mut Group,
        tensor: *const C_tensor,
        outputs: *const *const C_tensor,
        world: usize,
        work: *mut *mut Work,
    ) -> *mut c_char;
    pub(crate) fn te_dist_barrier(group: *mut Group, work: *mut *mut Work) -> *mut c_char;
    pub(crate) fn te_dist_is_completed(work: *mut Work) -> bool;
    pub(crate) fn te_dist_wait(work: *mut Work) -> *mut c_char;
    pub(crate) fn te_dist_release_work(work: *mut Work);
}

/// `Group` in dist.cpp, an opaque type.
#[repr(C)]
pub(crate) struct Group {
    _opaque: [u8; 0],
}

/// `c10d::Work`, an opaque type.
#[repr(C)]
pub(crate) struct Work {
    _opaque: [u8; 0],
}

/// `Join` in dist.cpp, which documents the fields.
#[repr(C)]
pub(crate) struct Join {
    pub(crate) host: *const c_char,
    pub(crate) port: u16,
    pub(crate) listen_fd: i32,
    pub(crate) name: *const c_char,
    pub(crate) rank: i32,
    pub(crate) world: i32,
    pub(crate) timeout_ms: i64,
    pub(crate) store_timeout_ms: i64,
    pub(crate) interface: *const c_char,
    pub(crate) address: *const c_char,
    pub(crate) cuda: i32,
}

/// `F32Data` in slices.cpp: the result of `te_f32_data`.
#[repr(C)]
pub(crate) struct F32Data {
    pub(crate) data: *mut f32,
    pub(crate) length: usize,
    pub(crate) contiguous: bool,
    pub(crate) last_size: i64,
}

/// `AdamTensors` in optim.cpp: a parameter and its state. `te_adam_find_data` reads the first three fields and writes the others.
#[repr(C)]
pub(crate) struct AdamTensors {
    pub(crate) param: *const C_tensor,
    /// Null if there is no state yet.
    pub(crate) exp_avg: *const C_tensor,
    pub(crate) exp_avg_sq: *const C_tensor,
    /// 0: the parameter has no gradient; 1: `numel` and `values` are set; 2: it has a gradient, but a plain loop cannot be used.
    pub(crate) grad: i32,
    pub(crate) numel: i64,
    /// The elements of the parameter, its gradient, `exp_avg` and `exp_avg_sq`: `numel` each, without overlap.
    pub(crate) values: [*mut f32; 4],
}

/// `FusedAdamTensors` in optim.cpp: a parameter of a fused step.
#[repr(C)]
pub(crate) struct FusedAdamTensors {
    pub(crate) param: *const C_tensor,
    pub(crate) grad: *const C_tensor,
    pub(crate) exp_avg: *const C_tensor,
    pub(crate) exp_avg_sq: *const C_tensor,
    /// Null without amsgrad.
    pub(crate) max_exp_avg_sq: *const C_tensor,
    pub(crate) step: f64,
}

/// `FusedAdamOptions` in optim.cpp.
#[repr(C)]
pub(crate) struct FusedAdamOptions {
    pub(crate) lr: f64,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) weight_decay: f64,
    pub(crate) eps: f64,
    pub(crate) amsgrad: bool,
    pub(crate) maximize: bool,
    pub(crate) decoupled_weight_decay: bool,
}

/// `Call` in autograd.cpp: the function through which the shim calls a backward closure.
pub(crate) type BackwardCall = unsafe extern "C" fn(
    closure: *const c_void,
    grads: *const *const C_tensor,
    outputs: usize,
    needed: *const bool,
    inputs: usize,
    input_grads: *mut *mut C_tensor,
) -> *mut c_char;

/// Turns the return value of a shim function into a `Result`, and frees the message.
///
/// # Safety
/// `message` is null, or a string from `strdup` that nothing else frees.
pub(crate) unsafe fn check(message: *mut c_char) -> Result<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: `message` is not null, so the caller guarantees a string from strdup.
    let text = unsafe { take_string(message) };
    Err(Error::Torch(first_line(&text).to_owned()))
}

/// Copies a string of the shim and frees it.
///
/// # Safety
/// `text` is a string from `strdup` that nothing else frees.
unsafe fn take_string(text: *mut c_char) -> String {
    // SAFETY: strdup's strings end in a zero and are freed with free(). The caller guarantees that nothing else frees this one.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        libc::free(text.cast::<c_void>());
        copy
    }
}

/// Calls a shim function that writes a new string into the pointer.
pub(crate) fn new_string(call: impl FnOnce(*mut *mut c_char) -> *mut c_char) -> Result<String> {
    let mut out = ptr::null_mut();
    // SAFETY: the message comes from the shim. On success `out` is a new string from strdup, and this is its only pointer.
    unsafe {
        check(call(&mut out))?;
        Ok(take_string(out))
    }
}

/// Calls a shim function that writes a new tensor into the pointer.
pub(crate) fn new_tensor(call: impl FnOnce(*mut *mut C_tensor) -> *mut c_char) -> Result<Tensor> {
    let mut out = ptr::null_mut();
    // SAFETY: the message comes from the shim. On success `out` is a new at::Tensor, and this is its only pointer.
    unsafe {
        check(call(&mut out))?;
        Ok(Tensor::from_ptr(out))
    }
}

/// A copy of `text` that the shim frees. It ends at the first zero byte.
pub(crate) fn string_for_shim(text: &str) -> *mut c_char {
    // SAFETY: strndup reads at most `len` bytes, all of them within `text`, and adds the zero.
    unsafe { libc::strndup(text.as_ptr().cast(), text.len()) }
}

/// Calls Rust code on behalf of C++. A panic must not unwind through C++, so it becomes an error with the panic's message.
pub(crate) fn catch_panic<T>(f: impl FnOnce() -> T) -> std::result::Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
    })
}
