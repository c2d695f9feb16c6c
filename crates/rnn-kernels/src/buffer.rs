//! Workspace: blocks of f32 on cache-line boundaries, kept for reuse.
//!
//! A training step needs the same blocks as the one before. Getting them from the system each time would cost a page
//! fault for every 4 KiB, which is a tenth of a small step's time; so a dropped buffer goes to a shelf and serves the next
//! call.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

const ALIGNMENT: usize = 64;

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
        let layout = Layout::array::<f32>(len.max(1)).and_then(|layout| layout.align_to(ALIGNMENT));
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(layout.map_err(|_| memory())?) };
        Ok(Buffer { start: NonNull::new(start.cast()).ok_or_else(memory)?, len, capacity: len.max(1) })
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
        if let Ok(layout) = Layout::array::<f32>(self.capacity).and_then(|layout| layout.align_to(ALIGNMENT)) {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
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
