//! Integration tests, in one binary: libtorch links slowly.
