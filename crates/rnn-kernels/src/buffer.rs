//! Workspace: blocks of f32 on cache-line boundaries, kept for reuse.
//!
//! A training step needs the same blocks as the one before. Getting them from the system each time would cost a page
//! fault for every 4 KiB, which is a tenth of a small step's time; so a dropped buffer goes to a shelf and serves the next
//! call.

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// Of a small buffer: a cache line.
const LINE: usize = 64;

/// Of a large one: the size of the pages that it is given where the system has them. Rows of gates are half a page of the usual
/// size apart, so that a step would look up more addresses than the CPU remembers.
const HUGE_PAGE: usize = 2 << 20;

/// Bytes from which on a buffer is large.
const LARGE: usize = 1 << 20;

/// What the shelf keeps at most, in numbers: 256 MiB.
const SHELF: usize = 64 << 20;

static KEPT: Mutex<Vec<Buffer>> = Mutex::new(Vec::new());

/// A block of numbers. Several threads write it at once, each its own part, hence pointers.
pub(crate) struct Buffer {
    start: NonNull<f32>,
    len: usize,
    capacity: usize,
}

// SAFETY: a buffer owns its memory.
unsafe impl Send for Buffer {}
// SAFETY: shared access hands out pointers only; who dereferences them promises that no two threads clash.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` numbers, of any value.
    pub(crate) fn new(len: usize) -> Result<Buffer> {
        if let Some(buffer) = from_shelf(len) {
            return Ok(buffer);
        }
        let memory = || Error::Memory { bytes: len.saturating_mul(4) };
        let layout = layout(len).ok_or_else(memory)?;
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { alloc(layout) }).ok_or_else(memory)?;
        if layout.align() == HUGE_PAGE {
            prefer_huge_pages(start, layout.size()); // before anything is written: the first write brings the page
        }
        // SAFETY: as long as the layout, which nobody else knows.
        unsafe { start.write_bytes(0, layout.size()) };
        Ok(Buffer { start: start.cast(), len, capacity: len })
    }

    /// The number at `offset`, to read or to write.
    pub(crate) fn at(&self, offset: usize) -> *mut f32 {
        debug_assert!(offset <= self.len, "offset {offset} in a buffer of {}", self.len);
        self.start.as_ptr().wrapping_add(offset)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut kept = shelf();
        let total: usize = kept.iter().map(|buffer| buffer.capacity).sum();
        if self.capacity <= SHELF && total <= SHELF - self.capacity && kept.try_reserve(1).is_ok() {
            kept.push(Buffer { start: self.start, len: 0, capacity: self.capacity });
            return;
        }
        drop(kept);
        if let Some(layout) = layout(self.capacity) {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}

/// The memory of `len` numbers.
fn layout(len: usize) -> Option<Layout> {
    let bytes = len.max(1).checked_mul(size_of::<f32>())?;
    let alignment = if bytes < LARGE { LINE } else { HUGE_PAGE };
    Layout::from_size_align(bytes.checked_next_multiple_of(alignment)?, alignment).ok()
}

/// Asks for huge pages; not to get them is no error.
fn prefer_huge_pages(start: NonNull<u8>, bytes: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    // SAFETY: the range is whole pages of our own memory, and the advice changes no contents.
    unsafe {
        libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE);
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (start, bytes);
}

/// The smallest kept buffer that is large enough, and not far too large.
fn from_shelf(len: usize) -> Option<Buffer> {
    let mut kept = shelf();
    let fits = |buffer: &&Buffer| buffer.capacity >= len && buffer.capacity / 2 <= len;
    let capacity = kept.iter().filter(fits).map(|buffer| buffer.capacity).min()?;
    let index = kept.iter().rposition(|buffer| buffer.capacity == capacity)?; // the last one is the warmest
    let mut buffer = kept.swap_remove(index);
    buffer.len = len;
    Some(buffer)
}

fn shelf() -> MutexGuard<'static, Vec<Buffer>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}
