//! Operations of one's own in autograd's graph: computed in Rust, differentiated by a Rust closure.
//!
//! What Python does with a subclass of `torch.autograd.Function`: the forward runs where and how you like, outside
//! autograd; [`record`] then hangs its outputs into the graph, and the backward walk calls your closure with the outputs'
//! gradients. To the rest of the program the outputs are tensors like any other.
//!
//! ```
//! use tch::{Kind, Tensor, no_grad};
//! use torch_ext::autograd;
//!
//! /// x * x, with a backward that knows its derivative: 2 x * dL/dy.
//! fn square(x: &Tensor) -> torch_ext::Result<Tensor> {
//!     let y = no_grad(|| x.f_mul(x))?;
//!     let saved = x.shallow_clone();
//!     let mut outputs = autograd::record("Square", &[x], vec![y], move |backward| {
//!         let Some(grad) = backward.grad(0) else { return Ok(vec![None]) };
//!         Ok(vec![Some(saved.f_mul(grad)?.f_mul_scalar_(2.0)?)])
//!     })?;
//!     Ok(outputs.remove(0))
//! }
//!
//! # fn main() -> torch_ext::Result<()> {
//! let x = Tensor::from_slice(&[1f32, 2., 3.]).set_requires_grad(true);
//! autograd::backward(&(square(&x)? * 10.0).sum(Kind::Float))?;
//! assert_eq!(x.grad(), Tensor::from_slice(&[20f32, 40., 60.]));
//! # Ok(()) }
//! ```
//!
//! # What the closure may hold
//! Inputs, as they are (`shallow_clone`): an in-place change of an input between forward and backward is torch's own error
//! ("one of the variables needed for gradient computation has been modified by an inplace operation"). An **output** only
//! as `detach()`: the output holds the node, the node holds the closure, and a closure that held the output would keep all
//! three for ever. Changes of an output go unnoticed; where they matter, compare its [`version`].
//!
//! # The walk
//! The closure runs without gradient mode, on whichever thread walks the graph, one thread at a time. With
//! `retain_graph` it runs again in the next walk; otherwise it is dropped, with all that it holds, as soon as it has run,
//! and a second walk is torch's own error ("Trying to backward through the graph a second time ..").
//!
//! An `Err` of the closure ends the walk and arrives, word for word, in the `Err` of [`backward`] or `f_run_backward`; so
//! does a panic, with its message. Second derivatives do not exist: under `create_graph` the gradients are right, and
//! differentiating them is an error.

use std::ffi::{c_char, c_void};
use std::fmt;
use std::mem::ManuallyDrop;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::Error;
use crate::ffi;

/// What a backward closure may fail with: its text is the error of the walk.
type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Whether torch would record an operation on these inputs: gradient mode is on and one of them requires a gradient.
pub fn is_recording(inputs: &[&Tensor]) -> bool {
    let inputs = pointers(inputs.iter().copied());
    // SAFETY: every pointer is that of a living tensor, and the length is the vector's own.
    unsafe { ffi::te_is_recording(inputs.as_ptr(), inputs.len()) }
}

/// Gradients of `loss`, a scalar, for every leaf below it: `loss.backward()`, whose results it has to the bit, in less time.
///
/// libtorch's engine sets up and restores the state of a thread around every node of a graph (dispatch, autocast, hooks,
/// profiler: some 12,000 instructions), which in a small network is more than the nodes compute. Here the calling thread,
/// whose state is what it should be, calls one node after the other, in the engine's order. Where a node needs more than that
/// (it has a hook, or a gradient on a GPU; anomaly mode is on) the engine walks as ever. The graph is released; with
/// `retain_graph` or for single gradients there is [`Tensor::f_run_backward`].
///
/// ```
/// use tch::{Kind, Tensor};
///
/// # fn main() -> torch_ext::Result<()> {
/// let x = Tensor::from_slice(&[1f32, 2.]).set_requires_grad(true);
/// torch_ext::autograd::backward(&x.f_square()?.f_sum(Kind::Float)?)?;
/// assert_eq!(x.grad(), Tensor::from_slice(&[2f32, 4.]));
/// # Ok(()) }
/// ```
///
/// # Errors
/// Torch's own: if `loss` is no scalar or requires no gradient, the graph has been walked before, or a node fails.
pub fn backward(loss: &Tensor) -> Result<(), Error> {
    // SAFETY: the pointer is that of a living tensor, and the message comes from the shim.
    unsafe { ffi::check(ffi::te_backward(loss.as_ptr())) }
}

/// Runs `f` in inference mode (`torch.inference_mode()`): nothing is recorded, as under [`tch::no_grad`], and the tensors made
/// meanwhile carry no bookkeeping for autograd at all, which saves a part of every small operation.
///
/// Such a tensor can never be part of a graph: an operation that would save it for a backward fails with torch's "Inference
/// tensors cannot be saved for backward", and [`version`] knows no count for it. Make there what is looked at, not what is
/// trained. Calls nest, and the mode is this thread's alone.
///
/// ```
/// use tch::{Kind, Tensor};
/// use torch_ext::autograd::inference_mode;
///
/// # fn main() -> Result<(), tch::TchError> {
/// let weight = Tensor::from_slice(&[2f32, 3.]).set_requires_grad(true);
/// let prediction = inference_mode(|| weight.f_sum(Kind::Float))?;
/// assert!(!prediction.requires_grad() && prediction.is_inference());
/// # Ok(()) }
/// ```
pub fn inference_mode<T>(f: impl FnOnce() -> T) -> T {
    struct Mode(*mut c_void);
    impl Drop for Mode {
        fn drop(&mut self) {
            // SAFETY: entered below, on this thread, and left once. It lives on this function's stack, so that modes end in
            // the reverse order of their beginnings, a panic included.
            unsafe { ffi::te_inference_mode_leave(self.0) }
        }
    }
    // SAFETY: the call has no conditions.
    let _mode = Mode(unsafe { ffi::te_inference_mode_enter() });
    f()
}

/// The number of in-place changes that a tensor and its views have seen (`Tensor._version`); two equal numbers mean the
/// same contents. None for a tensor that keeps no count: one made in inference mode.
pub fn version(tensor: &Tensor) -> Option<u32> {
    // SAFETY: the pointer is that of a living tensor.
    u32::try_from(unsafe { ffi::te_version(tensor.as_ptr()) }).ok()
}

/// Hangs `outputs` into autograd's graph as the results of an operation `name` on `inputs`.
///
/// The outputs are new tensors of any shape, computed without recording (under [`tch::no_grad`], or through their data).
/// `backward` is called at most once per walk with the outputs' gradients and returns one gradient per input, in order,
/// each of its input's shape, kind and device; None stands for zero. A returned gradient is autograd's from then on, which
/// may make it an input's `grad` as it is: return no `detach()` or view of memory that you keep (a `shallow_clone` is safe:
/// autograd sees that it is shared, and copies). Integer outputs are no part of the graph and have no gradient.
///
/// The returned tensors are `outputs`; when nothing is to be recorded ([`is_recording`]) they are as they were, and
/// `backward` is dropped.
///
/// # Errors
/// If an output is in a graph already, is an input itself or appears twice; if an input was made in inference mode. The
/// walk fails, with an error that starts with `name`, if `backward` returns the wrong number of gradients or one of the
/// wrong shape, kind or device.
pub fn record<B>(name: &str, inputs: &[&Tensor], mut outputs: Vec<Tensor>, backward: B) -> Result<Vec<Tensor>, Error>
where
    B: Fn(&Backward<'_>) -> Result<Vec<Option<Tensor>>, AnyError> + Send + 'static,
{
    if !is_recording(inputs) {
        return Ok(outputs);
    }
    let inputs = pointers(inputs.iter().copied());
    let results: Vec<_> = outputs.iter_mut().map(Tensor::as_mut_ptr).collect();
    let closure = Box::into_raw(Box::new(Closure { name: name.to_owned(), backward }));
    // SAFETY: the pointers are those of living tensors, and the lengths are the vectors' own. The shim owns the closure from
    // here on, also if it fails, and hands it to `call` and once to `release` of the same `B`. It serialises the calls, so
    // that `Send` is enough.
    unsafe {
        ffi::check(ffi::te_record(
            name.as_ptr().cast(),
            name.len(),
            inputs.as_ptr(),
            inputs.len(),
            results.as_ptr(),
            results.len(),
            closure.cast(),
            call::<B>,
            release::<B>,
        ))
    }
    .map_err(|error| Error::Autograd(error.to_string()))?;
    Ok(outputs)
}

/// What a backward closure is told.
pub struct Backward<'a> {
    grads: &'a [Option<ManuallyDrop<Tensor>>],
    needed: &'a [bool],
}

impl Backward<'_> {
    /// The gradient of the result with respect to output number `output`: the output's shape, strides as they come (a
    /// gradient from `sum` has stride 0 everywhere). None where no gradient flowed, which is not so for all of them.
    pub fn grad(&self, output: usize) -> Option<&Tensor> {
        self.grads.get(output)?.as_deref()
    }

    /// Whether anybody asks for the gradient of input number `input`; returning None for the others saves their time.
    pub fn needs(&self, input: usize) -> bool {
        self.needed.get(input).copied().unwrap_or(false)
    }
}

impl fmt::Debug for Backward<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flowed: Vec<bool> = self.grads.iter().map(Option::is_some).collect();
        f.debug_struct("Backward").field("grads", &flowed).field("needs", &self.needed).finish()
    }
}

struct Closure<B> {
    name: String,
    backward: B,
}

impl<B> Closure<B>
where
    B: Fn(&Backward<'_>) -> Result<Vec<Option<Tensor>>, AnyError>,
{
    /// Runs the closure; every way in which it can go wrong is a message.
    fn run(&self, backward: &Backward<'_>) -> Result<Vec<Option<Tensor>>, String> {
        let name = &self.name;
        let grads = ffi::catch_panic(|| (self.backward)(backward))
            .map_err(|message| format!("{name}: the backward panicked: {message}"))?
            .map_err(|error| error.to_string())?;
        let (returned, wanted) = (grads.len(), backward.needed.len());
        if returned != wanted {
            return Err(format!("{name}: the backward returned {returned} gradients for {wanted} inputs"));
        }
        Ok(grads)
    }
}

/// The shim's way to the closure: see `Call` in autograd.cpp.
unsafe extern "C" fn call<B>(
    closure: *const c_void,
    grads: *const *const C_tensor,
    outputs: usize,
    needed: *const bool,
    inputs: usize,
    input_grads: *mut *mut C_tensor,
) -> *mut c_char
where
    B: Fn(&Backward<'_>) -> Result<Vec<Option<Tensor>>, AnyError>,
{
    // SAFETY: the shim passes the closure that `record` gave it with this `B`, and slices that live as long as this call.
    let (closure, grads, needed, input_grads) = unsafe {
        (
            &*closure.cast::<Closure<B>>(),
            std::slice::from_raw_parts(grads, outputs),
            std::slice::from_raw_parts(needed, inputs),
            std::slice::from_raw_parts_mut(input_grads, inputs),
        )
    };
    let borrow = |grad: &*const C_tensor| {
        // SAFETY: a pointer that is not null is that of a tensor of the shim's, which frees it itself: ManuallyDrop.
        (!grad.is_null()).then(|| ManuallyDrop::new(unsafe { Tensor::from_ptr(grad.cast_mut()) }))
    };
    let grads: Vec<_> = grads.iter().map(borrow).collect();
    match closure.run(&Backward { grads: &grads, needed }) {
        Ok(grads) => {
            for (slot, grad) in input_grads.iter_mut().zip(grads) {
                // The shim takes the tensor over: no drop here.
                *slot = grad.map_or(std::ptr::null_mut(), |grad| ManuallyDrop::new(grad).as_mut_ptr());
            }
            std::ptr::null_mut()
        }
        Err(message) => ffi::new_string(&message),
    }
}

/// Frees the closure. A destructor that panics is not heard of again, beyond what the panic hook printed.
unsafe extern "C" fn release<B>(closure: *mut c_void) {
    // SAFETY: the shim passes the box that `record` gave it with this `B`, once.
    let closure = unsafe { Box::from_raw(closure.cast::<Closure<B>>()) };
    let _ = ffi::catch_panic(|| drop(closure));
}

fn pointers<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Vec<*const C_tensor> {
    tensors.map(Tensor::as_ptr).collect()
}
