//! The workspace: buffers of f32, and a pool that keeps freed buffers for the next call.
//!
//! Every training step needs the same buffers again. Fresh memory from the operating system costs a page fault for
//! every 4 KiB, which is a tenth of the time of a small training step.

use std::alloc::{self, alloc, dealloc};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// Alignment of a small buffer: a cache line.
const CACHE_LINE: usize = 64;

/// Alignment of a large buffer: a huge page. With pages of the usual 4 KiB, a step would touch more pages than the
/// CPU's TLB has entries for.
const HUGE_PAGE: usize = 2 << 20;

/// Size in bytes from which on a buffer is large.
const LARGE: usize = 1 << 20;

/// The most that the pool keeps, in numbers: 256 MiB.
const POOL_CAPACITY: usize = 64 << 20;

/// The buffer pool: memory that no [`Buffer`] uses at present.
static POOL: Mutex<Vec<Allocation>> = Mutex::new(Vec::new());

/// Memory for `capacity` numbers, all initialised.
#[derive(Clone, Copy)]
struct Allocation {
    start: NonNull<f32>,
    capacity: usize,
}

// SAFETY: the memory belongs to no particular thread. One value owns it at a time: a `Buffer` or the pool.
unsafe impl Send for Allocation {}

/// A buffer of `len` numbers.
///
/// Several threads write it at the same time, each its own part. So a shared reference gives a raw pointer.
pub(crate) struct Buffer {
    allocation: Allocation,
    len: usize,
}

// SAFETY: the safe methods on `&Buffer` return addresses and lengths only. Code that accesses the memory is `unsafe`
// and guarantees that no two threads access the same number while one of them writes it.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// A buffer of `len` numbers of any value.
    pub(crate) fn new(len: usize) -> Result<Buffer> {
        if let Some(allocation) = take_from_pool(len) {
            return Ok(Buffer { allocation, len });
        }
        let out_of_memory = || Error::OutOfMemory { bytes: len.saturating_mul(size_of::<f32>()) };
        let layout = memory_layout(len).ok_or_else(out_of_memory)?;
        // SAFETY: the layout's size is not zero.
        let start = NonNull::new(unsafe { alloc(layout) }).ok_or_else(out_of_memory)?;
        if layout.align() == HUGE_PAGE {
            advise_huge_pages(start, layout.size()); // before the first write, which maps the pages
        }
        // SAFETY: `start` points to `layout.size()` bytes that were allocated a moment ago and that nothing else refers
        // to.
        unsafe { start.write_bytes(0, layout.size()) };
        Ok(Buffer { allocation: Allocation { start: start.cast(), capacity: len }, len })
    }

    /// A copy of a slice.
    pub(crate) fn copy_of(slice: &[f32]) -> Result<Buffer> {
        let mut buffer = Buffer::new(slice.len())?;
        buffer.as_mut_slice().copy_from_slice(slice);
        Ok(buffer)
    }

    /// The address of the first number.
    pub(crate) fn ptr(&self) -> *mut f32 {
        self.allocation.start.as_ptr()
    }

    /// The address of the number at `offset`.
    pub(crate) fn at(&self, offset: usize) -> *mut f32 {
        debug_assert!(offset <= self.len, "offset {offset} in a buffer of {}", self.len);
        self.ptr().wrapping_add(offset)
    }

    /// All numbers.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: the allocation holds at least `len` numbers, all initialised when it was allocated. The exclusive
        // borrow of `self` guarantees that no other thread uses the buffer meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.ptr(), self.len) }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let capacity = self.allocation.capacity;
        let mut pool = pool();
        let pooled: usize = pool.iter().map(|allocation| allocation.capacity).sum();
        if capacity <= POOL_CAPACITY && pooled <= POOL_CAPACITY - capacity && pool.try_reserve(1).is_ok() {
            pool.push(self.allocation);
            return;
        }
        drop(pool);
        if let Some(layout) = memory_layout(capacity) {
            // SAFETY: `new` allocated this memory with the same layout, and no other value owns it.
            unsafe { dealloc(self.ptr().cast(), layout) };
        }
    }
}

/// Size and alignment of the memory for `len` numbers, or `None` if the size overflows.
fn memory_layout(len: usize) -> Option<alloc::Layout> {
    let bytes = len.max(1).checked_mul(size_of::<f32>())?;
    let alignment = if bytes < LARGE { CACHE_LINE } else { HUGE_PAGE };
    alloc::Layout::from_size_align(bytes.checked_next_multiple_of(alignment)?, alignment).ok()
}

/// Advises the operating system to use huge pages. Without them the kernels are slower, so a failure is ignored.
fn advise_huge_pages(start: NonNull<u8>, bytes: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    // SAFETY: the range is whole pages of memory that we own. The advice does not change their contents.
    unsafe {
        libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE);
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (start, bytes);
}

/// Takes the smallest allocation from the pool that holds `len` numbers and is not more than twice as large.
fn take_from_pool(len: usize) -> Option<Allocation> {
    let mut pool = pool();
    let fits = |allocation: &&Allocation| allocation.capacity >= len && allocation.capacity / 2 <= len;
    let capacity = pool.iter().filter(fits).map(|allocation| allocation.capacity).min()?;
    // Of several, the one that was freed last: it is the most likely to be in the cache.
    let index = pool.iter().rposition(|allocation| allocation.capacity == capacity)?;
    Some(pool.swap_remove(index))
}

fn pool() -> MutexGuard<'static, Vec<Allocation>> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}
