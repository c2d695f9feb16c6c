//! The machine of this process: calls of the driver, of CUDA's runtime and of cuDNN.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::{env, mem, ptr};

use super::diagnosis::{DriverError, Gpu, Machine};

/// The machine of this process. Its libraries are never unloaded.
pub(super) struct System;

/// The return value of the driver's functions: 0 is success.
type Status = c_int;
type Device = c_int;

const LIBTORCH_CUDA: &CStr = c"libtorch_cuda.so";

impl Machine for System {
    fn os(&self) -> &'static str {
        env::consts::OS
    }

    fn load_driver(&self) -> Result<(), String> {
        open(c"libcuda.so.1")
    }

    fn driver_version(&self) -> Result<i32, DriverError> {
        // SAFETY: the types are those of cuda.h: CUresult cuInit(unsigned), CUresult cuDriverGetVersion(int*). `version` is valid
        // for writes.
        unsafe {
            check(function::<unsafe extern "C" fn(c_uint) -> Status>(c"cuInit")?(0))?;
            let mut version = 0;
            let get = function::<unsafe extern "C" fn(*mut c_int) -> Status>(c"cuDriverGetVersion")?;
            check(get(&mut version))?;
            Ok(version)
        }
    }

    fn load_torch(&self) -> Result<String, String> {
        open(LIBTORCH_CUDA)?;
        Ok(LIBTORCH_CUDA.to_string_lossy().into_owned())
    }

    fn runtime_version(&self) -> Option<i32> {
        let mut version = 0;
        // SAFETY: the type is that of cuda_runtime_api.h: cudaError_t cudaRuntimeGetVersion(int*). `version` is valid for writes.
        let status = unsafe {
            function::<unsafe extern "C" fn(*mut c_int) -> Status>(c"cudaRuntimeGetVersion").ok()?(&mut version)
        };
        (status == 0).then_some(version)
    }

    fn devices(&self) -> Result<Vec<Gpu>, DriverError> {
        // SAFETY: the type is that of cuda.h: CUresult cuDeviceGetCount(int*). `count` is valid for writes.
        let count = unsafe {
            let mut count = 0;
            check(function::<unsafe extern "C" fn(*mut c_int) -> Status>(c"cuDeviceGetCount")?(&mut count))?;
            count
        };
        (0..count).map(device).collect()
    }

    fn torch_devices(&self) -> Result<usize, String> {
        if !tch::Cuda::is_available() {
            return Ok(0);
        }
        usize::try_from(tch::Cuda::device_count()).map_err(|_| "libtorch cannot count the devices".to_owned())
    }

    fn cudnn_version(&self) -> Option<usize> {
        if !tch::Cuda::cudnn_is_available() {
            return None;
        }
        // SAFETY: the type is that of cudnn.h: size_t cudnnGetVersion(void).
        let get = unsafe { function::<unsafe extern "C" fn() -> usize>(c"cudnnGetVersion").ok()? };
        // SAFETY: the function has the type above and no preconditions.
        Some(unsafe { get() })
    }

    fn visible_devices(&self) -> Option<String> {
        env::var("CUDA_VISIBLE_DEVICES").ok()
    }
}

/// Name and memory of the device with this index.
fn device(index: c_int) -> Result<Gpu, DriverError> {
    let mut handle: Device = 0;
    let mut name: [c_char; 256] = [0; 256];
    let mut memory = 0usize;
    // SAFETY: the types are those of cuda.h: CUresult cuDeviceGet(CUdevice*, int), cuDeviceGetName(char*, int, CUdevice),
    // cuDeviceTotalMem_v2(size_t*, CUdevice). All pointers are valid for writes. cuDeviceGetName writes at most `name.len()`
    // bytes, the last of them a zero.
    unsafe {
        check(function::<unsafe extern "C" fn(*mut Device, c_int) -> Status>(c"cuDeviceGet")?(&mut handle, index))?;
        let get_name = function::<unsafe extern "C" fn(*mut c_char, c_int, Device) -> Status>(c"cuDeviceGetName")?;
        check(get_name(name.as_mut_ptr(), name.len() as c_int, handle))?;
        let get_memory = function::<unsafe extern "C" fn(*mut usize, Device) -> Status>(c"cuDeviceTotalMem_v2")?;
        check(get_memory(&mut memory, handle))?;
        let name = CStr::from_ptr(name.as_ptr()).to_string_lossy().into_owned();
        Ok(Gpu { name, memory: memory as u64 })
    }
}

/// The status as a `Result`, with the driver's text for an error.
fn check(status: Status) -> Result<(), DriverError> {
    if status == 0 {
        return Ok(());
    }
    let mut message: *const c_char = ptr::null();
    // SAFETY: the type is that of cuda.h: CUresult cuGetErrorString(CUresult, const char**). On success `message` points to a static
    // string of the driver, which ends in a zero.
    let text = unsafe {
        function::<unsafe extern "C" fn(Status, *mut *const c_char) -> Status>(c"cuGetErrorString")
            .ok()
            .filter(|get| get(status, &mut message) == 0 && !message.is_null())
            .map(|_| CStr::from_ptr(message).to_string_lossy().into_owned())
    };
    Err(DriverError { code: status, text: text.unwrap_or_else(|| "the driver gives no reason".to_owned()) })
}

/// A function of a loaded library.
///
/// # Safety
/// `F` is a function pointer with the type of the library's declaration.
unsafe fn function<F: Copy>(name: &CStr) -> Result<F, DriverError> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: `name` ends in a zero. (RTLD_DEFAULT finds the function, because `open` uses RTLD_GLOBAL.)
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if address.is_null() {
        return Err(DriverError { code: -1, text: format!("it has no {}", name.to_string_lossy()) });
    }
    // SAFETY: `F` has the size of a pointer, as asserted above, and the caller guarantees the type.
    Ok(unsafe { mem::transmute_copy(&address) })
}

fn open(library: &CStr) -> Result<(), String> {
    // SAFETY: `library` ends in a zero, and the library is never unloaded. dlerror() is called on the same thread right after the
    // failed dlopen(), so its string is still valid when it is copied.
    unsafe {
        if !libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL).is_null() {
            return Ok(());
        }
        let reason = libc::dlerror();
        if reason.is_null() {
            return Err(format!("{library:?} cannot be loaded"));
        }
        Err(CStr::from_ptr(reason).to_string_lossy().into_owned())
    }
}
