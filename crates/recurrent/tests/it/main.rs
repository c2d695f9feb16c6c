//! `recurrent` beside `torch.nn`.

mod support;

mod constructor;
mod init;
