use std::fmt;
use std::sync::{Arc, Weak};

/// Bytes that any number of tensors can view. Equivalent of `torch.UntypedStorage`.
///
/// A clone shares the bytes. As in PyTorch, tensors with the same storage are written as views of one record, and share
/// memory when they are loaded.
#[derive(Clone, Default)]
pub struct Storage(Arc<Vec<u8>>);

impl Storage {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether `self` and `other` share memory. Equal bytes are not enough.
    pub fn is_same(&self, other: &Storage) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A weak reference to the bytes.
    pub(crate) fn downgrade(&self) -> Weak<Vec<u8>> {
        Arc::downgrade(&self.0)
    }

    /// An address that identifies the storage while it exists.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

impl From<Vec<u8>> for Storage {
    fn from(bytes: Vec<u8>) -> Storage {
        Storage(Arc::new(bytes))
    }
}

impl From<Arc<Vec<u8>>> for Storage {
    fn from(bytes: Arc<Vec<u8>>) -> Storage {
        Storage(bytes)
    }
}

/// Shows the number of bytes, not the bytes.
impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({} bytes)", self.0.len())
    }
}
