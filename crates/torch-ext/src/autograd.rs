//! Operations with a backward of your own, a faster `backward`, and inference mode.
//!
//! [`record`] does what a subclass of `torch.autograd.Function` does in Python. You compute the outputs outside autograd, and
//! `record` adds the operation to autograd's graph. The backward pass then calls your closure with the gradients of the
//! outputs.
//!
//! ```
//! use tch::{Kind, Tensor, no_grad};
//! use torch_ext::autograd;
//!
//! /// x * x, with a backward that computes 2 * x * dL/dy.
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
//! - Inputs, by `shallow_clone`. An in-place change of an input between forward and backward is torch's own error ("one of the
//!   variables needed for gradient computation has been modified by an inplace operation").
//! - Outputs only by `detach()`. The output holds the graph node and the node holds the closure, so a closure that holds the
//!   output is a reference cycle and is never freed. In-place changes of an output are not detected; compare its [`version`].
//!
//! # When the closure runs
//! It runs without gradient mode, on the thread that runs the backward pass. Two threads never run it at the same time.
//! Without `retain_graph` it is dropped as soon as it has run. A second backward pass is then torch's own error ("Trying to
//! backward through the graph a second time ..").
//!
//! If the closure returns an `Err` or panics, the backward pass stops, and [`backward`] or `f_run_backward` returns the
//! message. There are no second derivatives: under `create_graph` the gradients are right, but differentiating them is an
//! error.

use std::ffi::{c_char, c_void};
use std::fmt;
use std::mem::ManuallyDrop;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::Error;
use crate::ffi;

/// The error of a backward closure; its text becomes the error of the backward pass.
type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Whether torch would record an operation on these inputs: gradient mode is on and one of them requires a gradient.
pub fn is_recording(inputs: &[&Tensor]) -> bool {
    let inputs = pointers(inputs.iter().copied());
    // SAFETY: every pointer belongs to a tensor of the caller, which outlives the call; the length is the vector's.
    unsafe { ffi::te_is_recording(inputs.as_ptr(), inputs.len()) }
}

/// Equivalent of `loss.backward()` for a scalar `loss`: the same gradients to the bit, in less time.
///
/// libtorch's engine saves and restores the thread's state around every node of the graph (dispatch, autocast, hooks,
/// profiler: about 12,000 instructions). In a small network this takes longer than the nodes themselves. Here the calling
/// thread, whose state is already right, calls the nodes one after the other, in the engine's order. The engine still runs if
/// a node has a hook or a gradient on a GPU, or if anomaly mode is on.
///
/// The graph is released. For `retain_graph`, or for the gradients of single tensors, use [`Tensor::f_run_backward`].
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
/// Torch's own: `loss` is not a scalar or does not require a gradient, the graph was released before, or a node fails.
pub fn backward(loss: &Tensor) -> Result<(), Error> {
    // SAFETY: the pointer belongs to `loss`, which outlives the call; the message comes from the shim.
    unsafe { ffi::check(ffi::te_backward(loss.as_ptr())) }
}

/// Equivalent of `torch.inference_mode()`: runs `f` without recording, as [`tch::no_grad`] does, and makes tensors without any
/// data for autograd. That saves a part of the time of every small operation.
///
/// Use it for predictions, not for training. A tensor that `f` makes can never be part of a graph: an operation that would
/// save it for a backward fails with torch's "Inference tensors cannot be saved for backward", and it has no [`version`].
/// Calls may be nested. The mode applies to this thread only.
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
            // SAFETY: the pointer comes from `te_inference_mode_enter` and is used once. `Mode` never leaves this function's
            // stack frame. So modes end on the thread that began them, in reverse order, also after a panic.
            unsafe { ffi::te_inference_mode_leave(self.0) }
        }
    }
    // SAFETY: the function has no preconditions.
    let _mode = Mode(unsafe { ffi::te_inference_mode_enter() });
    f()
}

/// Equivalent of `Tensor._version`: the number of in-place changes of a tensor and its views. The same number means the same
/// contents. `None` for a tensor without a version: one that was made in inference mode, or an undefined one.
pub fn version(tensor: &Tensor) -> Option<u32> {
    // SAFETY: the pointer belongs to `tensor`, which outlives the call.
    u32::try_from(unsafe { ffi::te_version(tensor.as_ptr()) }).ok()
}

/// Adds an operation `name` on `inputs` with results `outputs` to autograd's graph, and returns `outputs`.
///
/// The outputs are new tensors of any shape, computed without recording (under [`tch::no_grad`], or through their data).
/// Integer outputs get no gradient. If nothing is to be recorded ([`is_recording`]), the outputs are unchanged and `backward`
/// is dropped.
///
/// `backward` is called at most once per backward pass, with the gradients of the outputs. It returns one gradient per input,
/// in order, each with its input's shape, kind and device; `None` means zero. Autograd may use a returned tensor as an input's
/// `grad` without a copy. So do not return a `detach()` or a view of memory that you keep. (A `shallow_clone` is safe:
/// autograd sees that it is shared, and copies.)
///
/// # Errors
/// [`Error::Autograd`] if an output is already in a graph, is also an input or appears twice, or if an input was made in
/// inference mode. The backward pass fails, with an error that starts with `name`, if `backward` returns the wrong number of
/// gradients or one of the wrong shape, kind or device.
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
    // SAFETY: the pointers belong to tensors that outlive the call, and the lengths are the vectors'. From here on the shim
    // owns the closure, also if the call fails. It passes the closure to `call::<B>`, and exactly once to `release::<B>`, which
    // have the closure's type. It never calls them from two threads at the same time, so `B: Send` is enough.
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

/// The argument of a backward closure: the gradients of the outputs.
pub struct Backward<'a> {
    grads: &'a [Option<ManuallyDrop<Tensor>>],
    needed: &'a [bool],
}

impl Backward<'_> {
    /// The gradient of output number `output`. It has the output's shape, but any strides: after a `sum` all are 0.
    ///
    /// `None` if the loss does not depend on this output. At least one output has a gradient.
    pub fn grad(&self, output: usize) -> Option<&Tensor> {
        self.grads.get(output)?.as_deref()
    }

    /// Whether the gradient of input number `input` is needed. Returning `None` for the others saves time.
    pub fn needs(&self, input: usize) -> bool {
        self.needed.get(input).copied().unwrap_or(false)
    }
}

impl fmt::Debug for Backward<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let defined: Vec<bool> = self.grads.iter().map(Option::is_some).collect();
        f.debug_struct("Backward").field("grads", &defined).field("needs", &self.needed).finish()
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
    /// Runs the closure. An error, a panic or a wrong number of gradients becomes a message.
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

/// The function through which the shim calls the closure: `Call` in autograd.cpp.
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
    // SAFETY: `record` gave the shim this function together with a `Closure<B>`, which the shim keeps alive during the call.
    // `grads` has `outputs` elements, `needed` and `input_grads` have `inputs` each; nothing else uses them during the call.
    let (closure, grads, needed, input_grads) = unsafe {
        (
            &*closure.cast::<Closure<B>>(),
            std::slice::from_raw_parts(grads, outputs),
            std::slice::from_raw_parts(needed, inputs),
            std::slice::from_raw_parts_mut(input_grads, inputs),
        )
    };
    let borrow = |grad: &*const C_tensor| {
        // SAFETY: a pointer that is not null belongs to a tensor of the shim, which outlives this call. The shim frees it, so
        // `ManuallyDrop` keeps Rust from doing so.
        (!grad.is_null()).then(|| ManuallyDrop::new(unsafe { Tensor::from_ptr(grad.cast_mut()) }))
    };
    let grads: Vec<_> = grads.iter().map(borrow).collect();
    match closure.run(&Backward { grads: &grads, needed }) {
        Ok(grads) => {
            for (input_grad, grad) in input_grads.iter_mut().zip(grads) {
                // The shim takes ownership, so Rust must not drop the tensor.
                *input_grad = grad.map_or(std::ptr::null_mut(), |grad| ManuallyDrop::new(grad).as_mut_ptr());
            }
            std::ptr::null_mut()
        }
        Err(message) => ffi::string_for_shim(&message),
    }
}

/// Drops the closure. A panic in its destructor is only printed by the panic hook.
unsafe extern "C" fn release<B>(closure: *mut c_void) {
    // SAFETY: `closure` is the box that `record` gave the shim together with this function, and the shim passes it only once.
    let closure = unsafe { Box::from_raw(closure.cast::<Closure<B>>()) };
    let _ = ffi::catch_panic(|| drop(closure));
}

fn pointers<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Vec<*const C_tensor> {
    tensors.map(Tensor::as_ptr).collect()
}
