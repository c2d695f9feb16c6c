//! This machine: the driver's library, libtorch's CUDA part, and what they answer.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::{env, mem, ptr};

use super::diagnosis::{DriverError, Gpu, Machine};

/// The machine that the program runs on. Libraries stay loaded for the life of the process.
pub(super) struct System;

/// What the driver's functions return: 0 is success.
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
        // SAFETY: the declarations of cuda.h: cuInit(unsigned), cuDriverGetVersion(int*), which get what they ask for.
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
        // SAFETY: cuda_runtime_api.h: cudaRuntimeGetVersion(int*), 0 on success.
        let got = unsafe {
            function::<unsafe extern "C" fn(*mut c_int) -> Status>(c"cudaRuntimeGetVersion").ok()?(&mut version)
        };
        (got == 0).then_some(version)
    }

    fn devices(&self) -> Result<Vec<Gpu>, DriverError> {
        // SAFETY: cuda.h: cuDeviceGetCount(int*).
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
        usize::try_from(tch::Cuda::device_count()).map_err(|_| "libtorch cannot count them".to_owned())
    }

    fn cudnn_version(&self) -> Option<usize> {
        if !tch::Cuda::cudnn_is_available() {
            return None;
        }
        // SAFETY: cudnn.h: size_t cudnnGetVersion(void).
        let get = unsafe { function::<unsafe extern "C" fn() -> usize>(c"cudnnGetVersion").ok()? };
        // SAFETY: as above; it has no precondition.
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
    // SAFETY: cuda.h: cuDeviceGet(CUdevice*, int), cuDeviceGetName(char*, int, CUdevice), which ends the name with a zero
    // within the length it is given, and cuDeviceTotalMem_v2(size_t*, CUdevice).
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

/// An error of the driver, with the driver's own words for it.
fn check(status: Status) -> Result<(), DriverError> {
    if status == 0 {
        return Ok(());
    }
    let mut text: *const c_char = ptr::null();
    // SAFETY: cuda.h: cuGetErrorString(CUresult, const char**) points `text` to a string of its own, or leaves it null.
    let said = unsafe {
        function::<unsafe extern "C" fn(Status, *mut *const c_char) -> Status>(c"cuGetErrorString")
            .ok()
            .filter(|get| get(status, &mut text) == 0 && !text.is_null())
            .map(|_| CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    Err(DriverError { code: status, text: said.unwrap_or_else(|| "the driver gives no reason".to_owned()) })
}

/// A function of the libraries that are loaded.
///
/// # Safety
/// `F` is a function pointer of the type that the library declares.
unsafe fn function<F: Copy>(name: &CStr) -> Result<F, DriverError> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: the name ends in a zero, and every library was opened with RTLD_GLOBAL.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if address.is_null() {
        return Err(DriverError { code: -1, text: format!("it has no {}", name.to_string_lossy()) });
    }
    // SAFETY: of the size of a pointer; the caller vouches for the type.
    Ok(unsafe { mem::transmute_copy(&address) })
}

fn open(library: &CStr) -> Result<(), String> {
    // SAFETY: the name ends in a zero; the library stays loaded for the life of the process. dlerror() is read on the
    // same thread right after the failed call, as it must be.
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
